using System.Buffers.Binary;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Imaging;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Imaging;

/// <summary>A small file that would take long to decode, or unpack to much, is refused before.</summary>
public sealed class DecodingCostTests
{
    /// <summary>4 MB of zeros behind the one row are not unpacked into memory.</summary>
    [Fact]
    public void A_png_takes_the_memory_of_its_rows_with_stb()
    {
        byte[] file =
        [
            .. PngFiles.Signature, .. PngFiles.Header(1, 1), .. PngFiles.Chunk("IDAT", PngFiles.Deflated(new byte[1 << 22])),
            .. PngFiles.Chunk("IEND", []),
        ];
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(1, new StbImageDecoder().Decode(file, ExifOrientation.Apply).Width);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    /// <summary>libpng takes minutes for one large chunk that it does not need.</summary>
    [Fact]
    public void Large_chunks_of_a_png_are_left_out_before_libpng_reads_it()
    {
        byte[] pixels = PngFiles.Chunk("IDAT", PngFiles.Deflated([0, 1, 2, 3, 4, 5, 6]));
        byte[] transparency = PngFiles.Chunk("tRNS", [0, 1, 0, 2, 0, 3]);
        byte[] text = PngFiles.Chunk("tEXt", new byte[1 << 20]);
        byte[] plain = [.. PngFiles.Signature, .. PngFiles.Header(2, 1), .. transparency, .. pixels, .. PngFiles.Chunk("IEND", [])];
        byte[] large =
        [
            .. PngFiles.Signature, .. PngFiles.Header(2, 1), .. text, .. transparency, .. pixels, .. text, .. PngFiles.Chunk("IEND", []),
        ];
        Assert.Equal(plain, PngStructure.WithoutLargeExtras(large).ToArray());
        Assert.Equal(plain, PngStructure.WithoutLargeExtras(plain).ToArray());
        Assert.Equal([1, 2, 3, 4, 5, 6], new SkiaImageDecoder().Decode(large, ExifOrientation.Apply).Pixels.ToArray());
    }

    [Theory]
    [InlineData("jpeg_progressive_420.jpg")]
    [InlineData("jpeg_even_444.jpg")]
    public void A_jpeg_has_no_hundreds_of_scans(string name)
    {
        byte[] file = File.ReadAllBytes(GoldenData.PathOf("pillow", name));
        int last = file.AsSpan().LastIndexOf<byte>([0xFF, 0xDA]);
        byte[] scan = file[last..^2];
        byte[] many = [.. file[..last], .. Enumerable.Repeat(scan, 200).SelectMany(bytes => bytes), .. file[^2..]];
        AssertRefused(new SkiaImageDecoder(), many, "in more than 100 scans is not supported");
        AssertRefused(new StbImageDecoder(), many, "in more than 100 scans is not supported");
    }

    [Fact]
    public void Scans_of_a_large_jpeg_count_by_its_pixels()
    {
        byte[] frame = [0xFF, 0xC2, 0, 11, 8, 0x3A, 0x98, 0x27, 0x10, 1, 1, 0x11, 0]; // 10000x15000
        byte[] scan = [0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0];
        byte[] Jpeg(int scans) => [0xFF, 0xD8, .. frame, .. Enumerable.Repeat(scan, scans).SelectMany(bytes => bytes), 0xFF, 0xD9];
        Assert.Equal(15000, ImageHeader.Read(Jpeg(15)).Height);
        DinoException failure = Assert.Throws<ImageException>(() => ImageHeader.Read(Jpeg(16)));
        Assert.Contains("JPEG of 10000x15000 in more than 15 scans is not supported", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Strips_of_a_tiff_do_not_share_a_place_again_and_again()
    {
        const int Rows = 400, Length = 1000;
        DinoException failure = Assert.Throws<ImageException>(
            () => new SkiaImageDecoder().Decode(Strips(Rows, Length), ExifOrientation.Apply));
        Assert.Contains($"claims {Length} bytes", failure.Message, StringComparison.Ordinal);
        Assert.Equal(Rows, new SkiaImageDecoder().Decode(Strips(Rows, 1), ExifOrientation.Apply).Height);
    }

    /// <summary>A gray TIFF of one column whose strips, one a row, all begin at the same byte.</summary>
    private static byte[] Strips(int rows, int length)
    {
        (int Tag, int Type, int Count, int Value)[] fields =
        [
            (256, 4, 1, 1), (257, 4, 1, rows), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, rows, 200), (277, 3, 1, 1),
            (278, 4, 1, 1), (279, 4, rows, 200 + 4 * rows),
        ];
        byte[] file = new byte[200 + 8 * rows + 1000];
        file[0] = file[1] = (byte)'I';
        file[2] = 42;
        file[4] = 8;
        BinaryPrimitives.WriteInt16LittleEndian(file.AsSpan(8), (short)fields.Length);
        for (int i = 0; i < fields.Length; i++)
        {
            Span<byte> field = file.AsSpan(10 + 12 * i);
            BinaryPrimitives.WriteInt16LittleEndian(field, (short)fields[i].Tag);
            BinaryPrimitives.WriteInt16LittleEndian(field[2..], (short)fields[i].Type);
            BinaryPrimitives.WriteInt32LittleEndian(field[4..], fields[i].Count);
            BinaryPrimitives.WriteInt32LittleEndian(field[8..], fields[i].Value);
        }

        for (int row = 0; row < rows; row++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(200 + 4 * row), 200 + 8 * rows);
            BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(200 + 4 * rows + 4 * row), length);
        }

        return file;
    }

    private static void AssertRefused(IImageDecoder decoder, byte[] file, string expected)
    {
        DinoException failure = Assert.Throws<ImageException>(() => decoder.Decode(file, ExifOrientation.Apply));
        Assert.Contains(expected, failure.Message, StringComparison.Ordinal);
    }
}
