using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>
/// Sizes of one step of an attention rollout: a block of probability rows, (images, heads, rows, tokens).
/// </summary>
internal readonly struct RolloutShape
{
    public RolloutShape(int tokenCount, int headCount, int firstRow, int rowCount, bool begins)
    {
        TokenCount = tokenCount;
        HeadCount = headCount;
        FirstRow = firstRow;
        RowCount = rowCount;
        Begins = begins ? 1 : 0;
        Share = 0.5f / headCount;
    }

    public int TokenCount { get; }

    public int HeadCount { get; }

    /// <summary>Token of the first row.</summary>
    public int FirstRow { get; }

    public int RowCount { get; }

    /// <summary>1 in the first step, where the row before is 1 at the class token and 0 elsewhere; else 0.</summary>
    public int Begins { get; }

    /// <summary>Half of a head's share of the mean: 0.5 / heads.</summary>
    public float Share { get; }
}

/// <summary>The class token's row of an attention rollout.</summary>
internal static class Rollout
{
    /// <summary>
    /// next (images, tokens) = row / 2 + share * sum over heads and rows of row[i] P[i], a block of rows at a time. The
    /// first block sets next, the others add to it. One thread computes a value and sums in one order, so an image's
    /// values do not depend on the other images.
    /// </summary>
    public static void StepKernel(
        Index1D index, ArrayView<float> probabilities, ArrayView<float> row, RolloutShape shape, ArrayView<float> next)
    {
        int image = index / shape.TokenCount;
        int token = index % shape.TokenCount;
        long weights = (long)image * shape.TokenCount + shape.FirstRow;
        float sum = 0f;
        for (int head = 0; head < shape.HeadCount; head++)
        {
            long block = ((long)image * shape.HeadCount + head) * shape.RowCount * shape.TokenCount + token;
            for (int i = 0; i < shape.RowCount; i++)
            {
                float weight = shape.Begins != 0 ? 1f : row[weights + i];
                sum += weight * probabilities[block + (long)i * shape.TokenCount];
            }
        }

        float before = shape.FirstRow != 0 ? next[index]
            : shape.Begins == 0 ? 0.5f * row[index]
            : token == 0 ? 0.5f : 0f;
        next[index] = before + shape.Share * sum;
    }
}
