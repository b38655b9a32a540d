using Dino.Gpu.Pipeline;
using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>From pixels to tokens, one thread a value.</summary>
internal static class Embedding
{
    /// <summary>
    /// patches (images * tokens, 3 * patch * patch): row 1 + i of an image is its patch i, columns (channel, y, x), normalised by the
    /// (3, 256) table. Pixels that do not fill a patch are dropped. One thread a value of a patch; the class token's row is not touched.
    /// </summary>
    /// <param name="index">(image, patch, channel, y, x), x fastest.</param>
    /// <param name="pixels">(images, height, width, 3)</param>
    /// <param name="table">(3, 256)</param>
    /// <param name="shape">The model at this input size.</param>
    /// <param name="patches">The output.</param>
    public static void UnfoldKernel(Index1D index, ArrayView<byte> pixels, ArrayView<float> table, VitShape shape, ArrayView<float> patches)
    {
        int column = index % shape.PatchLength;
        int patch = index / shape.PatchLength % shape.PatchCount;
        int image = index / shape.PatchLength / shape.PatchCount;
        int channel = column / (shape.PatchSize * shape.PatchSize);
        int y = patch / shape.GridWidth * shape.PatchSize + column / shape.PatchSize % shape.PatchSize;
        int x = patch % shape.GridWidth * shape.PatchSize + column % shape.PatchSize;
        byte value = pixels[(((long)image * shape.InputHeight + y) * shape.InputWidth + x) * 3 + channel];
        long row = (long)image * shape.TokenCount + 1 + patch;
        patches[row * shape.PatchLength + column] = table[channel * 256 + value];
    }

    /// <summary>tokens (images * tokens, hidden) = positions, plus the class token in row 0 of every image.</summary>
    /// <param name="index">(image, token, column), column fastest.</param>
    /// <param name="classToken">(hidden)</param>
    /// <param name="positions">(tokens, hidden)</param>
    /// <param name="shape">The model at this input size.</param>
    /// <param name="tokens">The output.</param>
    public static void AssembleKernel(Index1D index, ArrayView<float> classToken, ArrayView<float> positions, VitShape shape, ArrayView<float> tokens)
    {
        int position = index % (shape.TokenCount * shape.HiddenSize);
        float value = positions[position];
        tokens[index] = position < shape.HiddenSize ? value + classToken[position] : value;
    }
}
