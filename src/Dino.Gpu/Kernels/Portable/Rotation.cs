using Dino.Gpu.Vit;
using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>Sizes of a rotation of queries and keys.</summary>
internal readonly struct RotationShape
{
    public RotationShape(int hiddenSize, int headSize, int firstPart, int partCount, RowMap patches, int patchCount)
    {
        HiddenSize = hiddenSize;
        HalfHead = headSize / 2;
        FirstPart = firstPart;
        PartCount = partCount;
        Patches = patches;
        PatchCount = patchCount;
    }

    /// <summary>The sizes for a model.</summary>
    /// <param name="shape">The model at this input size.</param>
    /// <param name="made">What there is to rotate: Qkv, or KeyValue for keys alone.</param>
    public static RotationShape Of(in VitShape shape, Linear made)
    {
        int firstPart = made == Linear.KeyValue ? 1 : 0;
        return new RotationShape(
            shape.HiddenSize, shape.HeadSize, firstPart, 2 - firstPart, RowMap.Of(Rows.Patches, shape), shape.PatchCount);
    }

    public int HiddenSize { get; }

    /// <summary>Pairs of columns of a head.</summary>
    public int HalfHead { get; }

    /// <summary>0 if queries are rotated, 1 if only keys are.</summary>
    public int FirstPart { get; }

    /// <summary>How many of queries and keys are rotated.</summary>
    public int PartCount { get; }

    /// <summary>The rows of the patches.</summary>
    public RowMap Patches { get; }

    public int PatchCount { get; }

    /// <summary>Threads of a row of one patch: one for each pair of columns.</summary>
    public int PairsOfRow => PartCount * HiddenSize / 2;
}

/// <summary>RoPE: gives queries and keys the position of their patch.</summary>
internal static class Rotation
{
    /// <summary>
    /// (a, b) = (a cos - b sin, b cos + a sin) for the columns i and i + head size / 2 of every head. One thread per
    /// pair.
    /// </summary>
    /// <param name="index">(image, patch, part, head, pair), pair fastest.</param>
    /// <param name="table">(patches, head size): the cosines of a patch's angles, then their sines.</param>
    /// <param name="shape">Sizes.</param>
    /// <param name="qkv">(images * tokens, 3 * hidden)</param>
    public static void RotateKernel(Index1D index, ArrayView<float> table, RotationShape shape, ArrayView<float> qkv)
    {
        int row = index / shape.PairsOfRow;
        int inRow = index % shape.PairsOfRow;
        int pair = inRow % shape.HalfHead;
        long angle = (long)(row % shape.PatchCount) * 2 * shape.HalfHead + pair;
        float cosine = table[angle];
        float sine = table[angle + shape.HalfHead];
        // The heads of queries and of keys lie side by side, so the number of a head counts through both.
        long first = (long)shape.Patches.BufferRow(row) * 3 * shape.HiddenSize + shape.FirstPart * shape.HiddenSize
            + inRow / shape.HalfHead * 2 * shape.HalfHead + pair;
        float a = qkv[first];
        float b = qkv[first + shape.HalfHead];
        qkv[first] = a * cosine - b * sine;
        qkv[first + shape.HalfHead] = b * cosine + a * sine;
    }
}
