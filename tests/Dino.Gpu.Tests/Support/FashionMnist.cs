using System.Buffers.Binary;
using System.IO.Compression;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Tests.Support;

/// <summary>Pictures of Fashion-MNIST (Xiao et al. 2017) with their classes, from the files that it is published in.</summary>
internal sealed class FashionMnist
{
    private FashionMnist(RgbImage[] images, int[] labels)
    {
        Images = images;
        Labels = labels;
    }

    /// <summary>The names of the classes; labels are indices into them.</summary>
    public static IReadOnlyList<string> Classes { get; } =
        ["T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"];

    /// <summary>Gray pictures of 28x28, as RGB.</summary>
    public RgbImage[] Images { get; }

    /// <summary>(images)</summary>
    public int[] Labels { get; }

    /// <summary>Reads one part.</summary>
    /// <param name="folder">Where its two files are.</param>
    /// <param name="part"><c>train</c> or <c>t10k</c>.</param>
    public static FashionMnist Read(string folder, string part)
    {
        (byte[] pixels, int[] shape) = ReadIdx(Path.Combine(folder, $"{part}-images-idx3-ubyte.gz"));
        (byte[] labels, int[] count) = ReadIdx(Path.Combine(folder, $"{part}-labels-idx1-ubyte.gz"));
        Assert.Equal([.. count, 28, 28], shape);
        return new FashionMnist(
            [.. pixels.Chunk(28 * 28).Select(gray => new RgbImage(28, 28, [.. gray.SelectMany(value => new[] { value, value, value })]))],
            [.. labels.Select(label => (int)label)]);
    }

    /// <summary>
    /// An IDX file of bytes: two zeros, the type 8, the number of dimensions, then each in four bytes, the highest first.
    /// </summary>
    private static (byte[] Values, int[] Shape) ReadIdx(string path)
    {
        using var file = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
        using var memory = new MemoryStream();
        file.CopyTo(memory);
        byte[] data = memory.ToArray();
        Assert.Equal([0, 0, 8], data[..3]);
        int[] shape = [.. Enumerable.Range(1, data[3]).Select(i => BinaryPrimitives.ReadInt32BigEndian(data.AsSpan(4 * i)))];
        byte[] values = data[(4 + 4 * shape.Length)..];
        Assert.Equal(shape.Aggregate(1, (product, side) => product * side), values.Length);
        return (values, shape);
    }
}
