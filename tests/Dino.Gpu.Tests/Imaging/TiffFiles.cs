using System.Buffers.Binary;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Imaging;

/// <summary>Makes small TIFF files, to test what a writer would not write.</summary>
internal static class TiffFiles
{
    /// <summary>A file that Pillow or libtiff wrote.</summary>
    public static byte[] Golden(string name) => File.ReadAllBytes(GoldenData.PathOf("pillow", name));

    /// <summary>A little-endian file without one of its entries, the others one place further up.</summary>
    public static byte[] Without(byte[] file, ushort tag)
    {
        Assert.True(file.AsSpan().StartsWith("II*\0"u8));
        byte[] changed = [.. file];
        int start = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(4));
        Span<byte> directory = changed.AsSpan(start);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(directory);
        int place = Enumerable.Range(0, count)
            .First(i => BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(start + 2 + 12 * i)) == tag);
        BinaryPrimitives.WriteUInt16LittleEndian(directory, (ushort)(count - 1));
        directory[(2 + 12 * (place + 1))..(2 + 12 * count + 4)].CopyTo(directory[(2 + 12 * place)..]);
        return changed;
    }
}
