using System.Buffers.Binary;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>Files that are no images, each in its own way.</summary>
internal static class BrokenImages
{
    /// <summary>Name and content; a missing file has none.</summary>
    public static IReadOnlyList<(string Name, byte[]? Content)> All { get; } =
    [
        ("missing.jpg", null),
        ("empty.png", []),
        ("text.jpg", "this is a text, not a picture\n"u8.ToArray()),
        ("truncated.jpg", Half("rocket.jpg")),
        ("truncated.png", Half("chelsea.png")),
        ("zero.png", PngHeader(0, 0)),
        ("huge.png", PngHeader(65535, 65535)),
        ("zero.bmp", BmpHeader(0, 0)),
        ("huge.bmp", BmpHeader(65535, 65535)),
    ];

    private static byte[] Half(string image)
    {
        byte[] whole = File.ReadAllBytes(GoldenData.Image(image));
        return whole[..(whole.Length / 2)];
    }

    /// <summary>A real PNG whose header is changed to another size, its checksum made right.</summary>
    private static byte[] PngHeader(int width, int height)
    {
        byte[] file = File.ReadAllBytes(GoldenData.Image("tiny_5x7.png"));
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(16), width);
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(20), height);
        BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(29), Crc32(file.AsSpan(12, 17)));
        return file;
    }

    private static byte[] BmpHeader(int width, int height)
    {
        byte[] file = File.ReadAllBytes(GoldenData.Image("small.bmp"));
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(18), width);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(22), height);
        return file;
    }

    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320u : crc >> 1;
        }

        return ~crc;
    }
}
