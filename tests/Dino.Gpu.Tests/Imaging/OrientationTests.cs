using System.Buffers.Binary;
using System.Text;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Tests.Imaging;

/// <summary>EXIF orientation in every kind of file that has it, all eight values, and damaged EXIF.</summary>
public sealed class OrientationTests
{
    public static TheoryData<string, int> Cases =>
        [.. from decoder in new[] { "skia", "stb" } from orientation in Enumerable.Range(1, 8) select (decoder, orientation)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Jpeg_is_turned_upright(string decoder, int orientation)
    {
        byte[] file = GoldenImages.Of("exif_orientation6_jpg").File;
        int tag = file.AsSpan().IndexOf((ReadOnlySpan<byte>)[0x01, 0x12, 0x00, 0x03]); // big-endian, SHORT; the value is 8 bytes on
        Assert.Equal(6, file[tag + 9]);
        file[tag + 9] = (byte)orientation;

        RgbImage stored = GoldenImages.Decoder(decoder).Decode(file, ExifOrientation.Ignore);
        RgbImage upright = GoldenImages.Decoder(decoder).Decode(file, ExifOrientation.Apply);
        Assert.Equal((160, 100), (stored.Width, stored.Height));
        GoldenImages.AssertSame(Upright(stored, orientation), upright);
        Assert.Equal(orientation, ImageHeader.Read(file).Orientation);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Png_is_turned_upright(string decoder, int orientation)
    {
        byte[] plain = GoldenImages.Of("tiny_5x7_png").File;
        byte[] exif = PngFiles.Chunk("eXIf", Tiff((ushort)orientation, little: orientation % 2 == 0));
        byte[] file = [.. plain[..33], .. exif, .. plain[33..]]; // after IHDR
        RgbImage stored = GoldenImages.Of("tiny_5x7_png").Decoded;
        GoldenImages.AssertSame(Upright(stored, orientation), GoldenImages.Decoder(decoder).Decode(file, ExifOrientation.Apply));
        GoldenImages.AssertSame(stored, GoldenImages.Decoder(decoder).Decode(file, ExifOrientation.Ignore));
    }

    [Fact]
    public void WebP_is_turned_upright()
    {
        RgbImage stored = PillowResizeTests.Noise(21, 12);
        byte[] image = WebPFiles.Lossless(stored);
        foreach (int orientation in Enumerable.Range(1, 8))
        {
            byte[] file = WebPFiles.WithExif(image, 21, 12, Tiff((ushort)orientation, little: true));
            GoldenImages.AssertSame(Upright(stored, orientation), GoldenImages.Decoder("skia").Decode(file, ExifOrientation.Apply));
            GoldenImages.AssertSame(stored, GoldenImages.Decoder("skia").Decode(file, ExifOrientation.Ignore));
        }
    }

    /// <summary>As today's Pillow; the tag counts first.</summary>
    [Theory]
    [InlineData(null, 6, 6)]
    [InlineData(1, 6, 1)]
    [InlineData(9, 6, 1)]
    [InlineData(3, null, 3)]
    [InlineData(null, 9, 1)]
    public void A_tiff_is_turned_by_xmp_where_it_has_no_tag(int? tag, int? xmp, int expected)
    {
        byte[] packet = Encoding.ASCII.GetBytes(xmp is null ? "" : $"<x:xmpmeta tiff:Orientation=\"{xmp}\"/>");
        (int Tag, int Type, int Count, int Value)[] entries = [
            (256, 3, 1, 5), (257, 3, 1, 7), .. tag is { } value ? [(274, 3, 1, value)] : Array.Empty<(int, int, int, int)>(),
            (700, 1, packet.Length, 128),
        ];
        byte[] file = [.. "II*\0"u8, 8, 0, 0, 0, (byte)entries.Length, 0, .. entries.SelectMany(Entry), 0, 0, 0, 0];
        file = [.. file, .. new byte[128 - file.Length], .. packet];
        Assert.Equal(expected, ImageHeader.Read(file).Orientation);
        for (int end = 128; end < file.Length; end++)
            Assert.InRange(ImageHeader.Read(file.AsSpan(0, end)).Orientation, 1, 8);

        static byte[] Entry((int Tag, int Type, int Count, int Value) entry) =>
        [
            .. BitConverter.GetBytes((ushort)entry.Tag), .. BitConverter.GetBytes((ushort)entry.Type),
            .. BitConverter.GetBytes(entry.Count), .. BitConverter.GetBytes(entry.Value),
        ];
    }

    [Fact]
    public void The_value_may_be_of_any_integer_type()
    {
        Assert.Equal(6, ExifReader.Orientation(Tiff(6, little: true)));
        Assert.Equal(6, ExifReader.Orientation(Tiff(6, little: false)));
        Assert.Equal(6, ExifReader.Orientation(Tiff(6, little: true, type: 4)));
        Assert.Equal(6, ExifReader.Orientation(Tiff(6, little: false, type: 4)));
        Assert.All([6, 8, 9, 13], type => Assert.Equal(6, ExifReader.Orientation(Tiff(6, little: true, (ushort)type)))); // signed, IFD
        Assert.All([6, 8, 9, 13], type => Assert.Equal(6, ExifReader.Orientation(Tiff(6, little: false, (ushort)type))));
        Assert.Equal(1, ExifReader.Orientation(Tiff(6, little: true, type: 1))); // BYTE, which Pillow does not turn by
        Assert.Equal(1, ExifReader.Orientation(Tiff(6, little: true, type: 2)));
        Assert.Equal(6, ExifReader.Orientation([.. "Exif\0\0"u8, .. Tiff(6, little: false)]));
    }

    /// <summary>As Pillow, which puts the tags into a dictionary; it skips what has no type or no value.</summary>
    [Theory]
    [InlineData(6, 3, 1, 3, 3)]
    [InlineData(6, 3, 1, 9, 1)]
    [InlineData(6, 1, 1, 3, 1)]
    [InlineData(6, 14, 1, 3, 6)]
    [InlineData(6, 3, 0, 3, 6)]
    public void The_last_of_two_tags_counts(ushort first, byte type, byte count, byte second, int expected)
    {
        byte[] one = Tiff(first, little: true);
        byte[] tiff = [.. one[..8], 2, 0, .. one[10..22], 0x12, 1, type, 0, count, 0, 0, 0, second, 0, 0, 0, 0, 0, 0, 0];
        Assert.Equal(expected, ExifReader.Orientation(tiff));
        Assert.Equal(first, ExifReader.Orientation(tiff.AsSpan(0, 30))); // cut in the second
    }

    /// <summary>As Pillow, which gives up at a text that ends behind the file. It checks the number 42, too.</summary>
    [Fact]
    public void Exif_is_read_up_to_a_value_that_is_cut()
    {
        byte[] one = Tiff(6, little: true);
        byte[] maker = [0x0F, 1, 2, 0, 9, 0, 0, 0, 38, 0, 0, 0]; // nine letters at byte 38
        byte[] tiff = [.. one[..8], 2, 0, .. maker, .. one[10..22], 0, 0, 0, 0, .. "Camera 1\0"u8];
        Assert.Equal(6, ExifReader.Orientation(tiff));
        Assert.Equal(1, ExifReader.Orientation(tiff.AsSpan(0, tiff.Length - 1)));
        Assert.Equal(6, ExifReader.Orientation([.. one[..2], 0, 42, .. one[4..]]));
        Assert.Equal(1, ExifReader.Orientation([.. one[..2], 85, 0, .. one[4..]]));
    }

    /// <summary>As in Pillow: there a tag that is a BYTE is no number.</summary>
    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 6)]
    [InlineData(4, 6)]
    [InlineData(8, 6)]
    [InlineData(9, 6)]
    public void A_tiff_is_turned_by_numbers_alone(ushort type, int expected)
    {
        byte[] file = TiffFiles.Of(3, 1, [0, 128, 255], (258, 3, [8]), (259, 3, [1]), (262, 3, [1]), (274, type, [6]), (277, 3, [1]));
        Assert.Equal(expected, ImageHeader.Read(file).Orientation);
        RgbImage upright = GoldenImages.Decoder("skia").Decode(file, ExifOrientation.Apply);
        Assert.Equal(expected == 1 ? (3, 1) : (1, 3), (upright.Width, upright.Height));
    }

    [Fact]
    public void A_jpeg_is_not_turned_by_what_follows_its_first_scan()
    {
        byte[] plain = GoldenImages.Of("gray_jpg").File;
        byte[] exif = App1([.. "Exif\0\0"u8, .. Tiff(6, little: true)]);
        byte[] xmp = App1([.. "http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation=\"6\"/>"u8]);
        foreach (byte[] segment in new[] { exif, xmp })
        {
            Assert.Equal(6, ImageHeader.Read([.. plain[..2], .. segment, .. plain[2..]]).Orientation);
            Assert.Equal(1, ImageHeader.Read([.. plain[..^2], .. segment, .. plain[^2..]]).Orientation);
        }
    }

    /// <summary>As today's Pillow; 9.4 takes the first alone. Neither sees a directory in the second.</summary>
    [Fact]
    public void Exif_goes_on_in_a_second_segment()
    {
        byte[] plain = GoldenImages.Of("gray_jpg").File;
        byte[] tiff = Tiff(6, little: true);
        byte[] empty = [.. tiff[..8], 0, 0, 0, 0, 0, 0];
        Assert.Equal(6, Of(tiff[..9], tiff[9..]));
        Assert.Equal(6, Of(tiff[..15], tiff[15..20], tiff[20..]));
        Assert.Equal(1, Of(empty, tiff));
        Assert.Equal(6, Of(tiff, Tiff(3, little: true)));

        int Of(params byte[][] parts) => ImageHeader.Read(
            [.. plain[..2], .. parts.SelectMany(part => App1([.. "Exif\0\0"u8, .. part])), .. plain[2..]]).Orientation;
    }

    /// <summary>As Pillow, which takes nothing but the pixels out of it.</summary>
    [Fact]
    public void A_png_in_an_icon_is_not_turned()
    {
        byte[] plain = GoldenImages.Of("tiny_5x7_png").File;
        byte[] png = [.. plain[..33], .. PngFiles.Chunk("eXIf", Tiff(6, little: true)), .. plain[33..]];
        byte[] icon = [0, 0, 1, 0, 1, 0, 5, 7, 0, 0, 1, 0, 24, 0, .. BitConverter.GetBytes(png.Length), 22, 0, 0, 0, .. png];
        Assert.Equal(6, ImageHeader.Read(png).Orientation);
        foreach (string decoder in new[] { "skia", "stb" })
        {
            RgbImage upright = GoldenImages.Decoder(decoder).Decode(icon, ExifOrientation.Apply);
            GoldenImages.AssertSame(GoldenImages.Of("tiny_5x7_png").Decoded, upright);
        }
    }

    /// <summary>As in libwebp's demuxer and Pillow: of each kind the first chunk, where VP8X has its flag.</summary>
    [Theory]
    [InlineData(8, "EXIF6", 6)]
    [InlineData(8, "EXIF6 EXIF3", 6)]
    [InlineData(8, "EXIF0 EXIF3", 1)]
    [InlineData(4, "XMP 6", 6)]
    [InlineData(4, "XMP 6 XMP 3", 6)]
    [InlineData(12, "EXIF0 XMP 6", 6)]
    [InlineData(8, "EXIF0 XMP 6", 1)]
    [InlineData(4, "EXIF3 XMP 6", 6)]
    [InlineData(0, "EXIF6 XMP 6", 1)]
    [InlineData(null, "EXIF6 XMP 6", 1)]
    public void WebP_is_turned_by_what_its_flags_tell(int? flags, string chunks, int expected)
    {
        byte[] picture = WebPFiles.Lossless(PillowResizeTests.Noise(21, 12))[12..];
        byte[] empty = [.. "II*\0"u8, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        byte[][] canvas = flags is { } value ? [WebPFiles.Chunk("VP8X", [(byte)value, 0, 0, 0, 20, 0, 0, 11, 0, 0])] : [];
        byte[][] metadata =
        [
            .. chunks.Chunk(6).Select(chunk => chunk[0] == 'E'
                ? WebPFiles.Chunk("EXIF", chunk[4] == '0' ? empty : Tiff((ushort)(chunk[4] - '0'), little: true))
                : WebPFiles.Chunk("XMP ", Encoding.ASCII.GetBytes($"<x tiff:Orientation=\"{chunk[4]}\"/>"))),
        ];
        Assert.Equal(expected, ImageHeader.Read(WebPFiles.OfChunks([.. canvas, picture, .. metadata])).Orientation);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(9)]
    [InlineData(65535)]
    public void Values_outside_1_to_8_are_upright(int value) => Assert.Equal(1, ExifReader.Orientation(Tiff((ushort)value, little: false)));

    [Fact]
    public void Damaged_exif_is_upright_and_never_fails()
    {
        byte[] tiff = Tiff(6, little: true);
        for (int length = 0; length < 22; length++)
            Assert.Equal(1, ExifReader.Orientation(tiff.AsSpan(0, length)));

        var random = new Random(7);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] damaged = [.. tiff];
            for (int change = 0; change < 3; change++)
                damaged[random.Next(2, damaged.Length)] = (byte)random.Next(256);
            Assert.InRange(ExifReader.Orientation(damaged.AsSpan(0, random.Next(damaged.Length + 1))), 1, 8);
        }
    }

    /// <summary>A segment of a JPEG.</summary>
    private static byte[] App1(byte[] content) =>
        [0xFF, 0xE1, (byte)(content.Length + 2 >> 8), (byte)(content.Length + 2), .. content];

    /// <summary>A TIFF structure with one entry, the orientation.</summary>
    private static byte[] Tiff(ushort orientation, bool little, ushort type = 3)
    {
        byte[] tiff = new byte[26];
        Encoding.ASCII.GetBytes(little ? "II" : "MM", tiff);
        Int16(2, 42);
        Int32(4, 8); // where the directory is
        Int16(8, 1); // one entry
        Int16(10, 0x0112);
        Int16(12, type);
        Int32(14, 1);
        if (type is 4 or 9 or 13)
            Int32(18, orientation);
        else if (type is 1 or 6)
            tiff[18] = (byte)orientation;
        else
            Int16(18, orientation);
        return tiff;

        void Int16(int at, ushort value)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(tiff.AsSpan(at), little ? value : BinaryPrimitives.ReverseEndianness(value));
        }

        void Int32(int at, uint value)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(tiff.AsSpan(at), little ? value : BinaryPrimitives.ReverseEndianness(value));
        }
    }

    /// <summary>The EXIF table as it is written: which corner of the scene the stored row 0 and column 0 are.</summary>
    private static RgbImage Upright(RgbImage stored, int orientation)
    {
        (int width, int height) = orientation >= 5 ? (stored.Height, stored.Width) : (stored.Width, stored.Height);
        byte[] pixels = new byte[stored.Pixels.Length];
        for (int row = 0; row < stored.Height; row++)
        {
            for (int column = 0; column < stored.Width; column++)
            {
                int fromRight = stored.Width - 1 - column;
                int fromBottom = stored.Height - 1 - row;
                (int x, int y) = orientation switch
                {
                    1 => (column, row),           // row 0 is the top, column 0 the left
                    2 => (fromRight, row),        // top, right
                    3 => (fromRight, fromBottom), // bottom, right
                    4 => (column, fromBottom),    // bottom, left
                    5 => (row, column),           // left, top
                    6 => (fromBottom, column),    // right, top
                    7 => (fromBottom, fromRight), // right, bottom
                    _ => (row, fromRight),        // left, bottom
                };
                stored.Pixels.AsSpan(3 * (row * stored.Width + column), 3).CopyTo(pixels.AsSpan(3 * (y * width + x)));
            }
        }

        return new RgbImage(width, height, pixels);
    }
}
