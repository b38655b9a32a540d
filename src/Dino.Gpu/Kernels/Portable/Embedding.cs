using Dino.Gpu.Vit;
using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>Turns pixels into tokens, one thread per value.</summary>
internal static class Embedding
{
    /// <summary>
    /// patches (images * tokens, 3 * patch * patch): row prefix + i of an image is its patch i. Columns are (channel,
    /// y, x), normalized by the (3, 256) table. At another scale the picture is sampled. Pixels that do not fill a
    /// patch are dropped. One thread per value of a patch; the rows before the first patch are not touched.
    /// </summary>
    /// <param name="index">(image, patch, channel, y, x), x fastest.</param>
    /// <param name="pixels">(images, height, width, 3) of the pictures</param>
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
        long row = (long)image * shape.TokenCount + shape.PrefixTokenCount + patch;
        patches[row * shape.PatchLength + column] = Pixel(pixels, table, shape, image, channel, y, x);
    }

    /// <summary>
    /// As <see cref="UnfoldKernel"/>, of pictures whose values are normalized already, because they are no bytes.
    /// </summary>
    /// <param name="index">(image, patch, channel, y, x), x fastest.</param>
    /// <param name="pixels">(images, height, width, 3) of the pictures</param>
    /// <param name="shape">The model at this input size.</param>
    /// <param name="patches">The output.</param>
    public static void UnfoldFractionsKernel(Index1D index, ArrayView<float> pixels, VitShape shape, ArrayView<float> patches)
    {
        int column = index % shape.PatchLength;
        int patch = index / shape.PatchLength % shape.PatchCount;
        int image = index / shape.PatchLength / shape.PatchCount;
        long row = (long)image * shape.TokenCount + shape.PrefixTokenCount + patch;
        patches[row * shape.PatchLength + column] = Fraction(pixels, shape, image, patch, column);
    }

    /// <summary>
    /// The value of one column of an unfolded patch, of pictures whose values are normalized already.
    /// </summary>
    public static float Fraction(ArrayView<float> pixels, VitShape shape, int image, int patch, int column)
    {
        int channel = column / (shape.PatchSize * shape.PatchSize);
        int y = patch / shape.GridWidth * shape.PatchSize + column / shape.PatchSize % shape.PatchSize;
        int x = patch % shape.GridWidth * shape.PatchSize + column % shape.PatchSize;
        long start = (long)image * shape.PictureHeight * shape.PictureWidth * 3 + channel;
        if (!shape.IsSampled)
            return pixels[start + ((long)y * shape.PictureWidth + x) * 3];
        BilinearTap row = BilinearTap.Of(y, shape.SampleStep, shape.PictureHeight);
        return BilinearTap.Sample(pixels, start, shape.PictureWidth, row, BilinearTap.Of(x, shape.SampleStep, shape.PictureWidth));
    }

    /// <summary>The normalized value of a pixel of the input: a pixel of the picture, or sampled from it.</summary>
    public static float Pixel(ArrayView<byte> pixels, ArrayView<float> table, VitShape shape, int image, int channel, int y, int x)
    {
        long start = (long)image * shape.PictureHeight * shape.PictureWidth * 3 + channel;
        if (!shape.IsSampled)
            return table[channel * 256 + pixels[start + ((long)y * shape.PictureWidth + x) * 3]];
        BilinearTap row = BilinearTap.Of(y, shape.SampleStep, shape.PictureHeight);
        BilinearTap column = BilinearTap.Of(x, shape.SampleStep, shape.PictureWidth);
        return BilinearTap.Sample(pixels, start, shape.PictureWidth, row, column, table, channel * 256);
    }

    /// <summary>tokens (images * tokens, hidden) = the starting table, for every image.</summary>
    /// <param name="index">(image, token, column), column fastest.</param>
    /// <param name="start">(tokens, hidden)</param>
    /// <param name="tokens">The output.</param>
    public static void AssembleKernel(Index1D index, ArrayView<float> start, ArrayView<float> tokens) =>
        tokens[index] = start[index % start.IntLength];
}
