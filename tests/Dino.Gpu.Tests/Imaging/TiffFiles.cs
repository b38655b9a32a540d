using System.Buffers.Binary;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Imaging;

/// <summary>Makes small TIFF files, to test what a writer would not write.</summary>
internal static class TiffFiles
{
    /// <summary>A file that Pillow or libtiff wrote.</summary>
    public static byte[] Golden(string name) => File.ReadAllBytes(GoldenData.PathOf("pillow", name));

    /// <summary>A picture in one strip, with little-endian numbers.</summary>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="pixels">The strip.</param>
    /// <param name="others">Further entries: one number each, or several of 16 bits.</param>
    public static byte[] Of(int width, int height, byte[] pixels, params (ushort Tag, ushort Type, ushort[] Values)[] others)
    {
        (ushort Tag, ushort Type, ushort[] Values)[] picture =
        [
            (256, 3, [(ushort)width]), (257, 3, [(ushort)height]), (273, 3, [0]), (278, 3, [(ushort)height]),
            (279, 3, [(ushort)pixels.Length]),
        ];
        (ushort Tag, ushort Type, ushort[] Values)[] entries = [.. picture, .. others];
        Array.Sort(entries, (one, other) => one.Tag - other.Tag);
        int behind = 8 + 2 + 12 * entries.Length + 4;
        int strip = behind + entries.Sum(entry => entry.Values.Length > 2 ? 2 * entry.Values.Length : 0);
        byte[] file = new byte[strip + pixels.Length];
        byte[] start = [.. "II*\0"u8, 8, 0, 0, 0, (byte)entries.Length, 0];
        start.CopyTo(file, 0);
        for (int i = 0; i < entries.Length; i++)
        {
            (ushort tag, ushort type, ushort[] values) = entries[i];
            Span<byte> entry = file.AsSpan(10 + 12 * i);
            BinaryPrimitives.WriteUInt16LittleEndian(entry, tag);
            BinaryPrimitives.WriteUInt16LittleEndian(entry[2..], type);
            BinaryPrimitives.WriteInt32LittleEndian(entry[4..], values.Length);
            Span<byte> place = entry[8..];
            if (values.Length > 2)
            {
                BinaryPrimitives.WriteInt32LittleEndian(place, behind);
                place = file.AsSpan(behind);
                behind += 2 * values.Length;
            }

            foreach (ushort value in tag == 273 ? [(ushort)strip] : values)
            {
                BinaryPrimitives.WriteUInt16LittleEndian(place, value);
                place = place[2..];
            }
        }

        pixels.CopyTo(file, strip);
        return file;
    }

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
