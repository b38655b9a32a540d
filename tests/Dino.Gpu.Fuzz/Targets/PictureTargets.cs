using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Fuzz.Targets;

/// <summary>Pictures.</summary>
internal static class PictureTargets
{
    /// <summary>Their memory goes by their pixels: so many are within the rule for any file.</summary>
    private const long MaxPixels = 1 << 20;

    private static readonly StbImageDecoder Stb = new() { MaxPixels = MaxPixels };
    private static readonly SkiaImageDecoder Skia = new() { MaxPixels = MaxPixels };

    private static readonly byte[][] Tokens =
    [
        "IHDR"u8.ToArray(), "IDAT"u8.ToArray(), "IEND"u8.ToArray(), "PLTE"u8.ToArray(), "tRNS"u8.ToArray(), "eXIf"u8.ToArray(),
        "zTXt"u8.ToArray(), "iTXt"u8.ToArray(), "Raw profile type exif\0"u8.ToArray(), "XML:com.adobe.xmp\0"u8.ToArray(),
        [0xFF, 0xD8, 0xFF], [0xFF, 0xC0], [0xFF, 0xC2], [0xFF, 0xC4], [0xFF, 0xDA], [0xFF, 0xDB], [0xFF, 0xDD], [0xFF, 0xD9], [0xFF, 0xE1],
        "Exif\0\0II*\0"u8.ToArray(), "GIF89a"u8.ToArray(), [0x2C], [0x21, 0xF9, 4], "RIFF"u8.ToArray(), "WEBPVP8X"u8.ToArray(),
        "VP8L"u8.ToArray(), "VP8 "u8.ToArray(), "BM"u8.ToArray(), "II*\0"u8.ToArray(), "MM\0*"u8.ToArray(), [0, 1, 3, 0, 1, 0, 0, 0],
        [1, 1, 4, 0], [3, 1, 3, 0], [0, 0, 1, 0, 1, 0],
    ];

    public static IEnumerable<FuzzTarget> All { get; } =
    [
        new("header", input => ImageHeader.Read(input.Bytes, MaxPixels)) { Tokens = Tokens, Repair = Repairs.Png },
        new("stb", input => Stb.Decode(input.Bytes, ExifOrientation.Apply)) { Tokens = Tokens, Repair = Repairs.Png },
        new("skia", input => Skia.Decode(input.Bytes, ExifOrientation.Apply))
        {
            Tokens = Tokens,
            Repair = Repairs.Png,
            IsNative = true,
            IsGuided = false,
        },
        new("tiff", input => Skia.Decode(input.Bytes, ExifOrientation.Apply)) { Tokens = Tokens, IsNative = true },
        new("ico", input => Stb.Decode(input.Bytes, ExifOrientation.Apply)) { Tokens = Tokens, Repair = Repairs.Png },
    ];
}
