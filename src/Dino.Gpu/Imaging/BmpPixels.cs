using System.Buffers.Binary;
using System.Numerics;

namespace Dino.Gpu.Imaging;

/// <summary>
/// The pixels of a bitmap of Windows or OS/2, with or without run lengths. As in Pillow, a color field of n bits
/// becomes <c>255 * value / (2^n - 1)</c>, cut to a whole number; alpha is dropped; a color that the table lacks is a
/// gray of its number; and pixels that run lengths leave out have color 0.
/// </summary>
/// <param name="format">For messages.</param>
/// <param name="width">Columns.</param>
/// <param name="height">Rows.</param>
/// <param name="bits">Bits of a pixel.</param>
internal sealed class BmpPixels(string format, int width, int height, int bits) : IPixelReader
{
    public int Width => width;

    public int Height => height;

    public bool IsTopDown { get; init; }

    public bool IsRunLength { get; init; }

    /// <summary>Where the table of colors starts.</summary>
    public int Colors { get; init; }

    public int ColorCount { get; init; }

    /// <summary>Bytes of a color: blue, green, red, and one more but in OS/2 1.x.</summary>
    public int ColorLength { get; init; }

    /// <summary>The bits of a pixel that each color takes, where there is no table.</summary>
    public (uint Red, uint Green, uint Blue) Masks { get; init; }

    /// <summary>Where the first row starts.</summary>
    public int Start { get; init; }

    /// <summary>Where the last row ends with its padding, which the file may lack.</summary>
    public long End { get; init; }

    public RgbImage Read(ReadOnlySpan<byte> file)
    {
        byte[] pixels = GC.AllocateUninitializedArray<byte>(3 * width * height);
        byte[] colors = bits <= 8 ? Table(file) : [];
        byte[] indices = IsRunLength ? Unpack(file[Start..]) : [];
        int stride = (int)(((long)width * bits + 31) / 32 * 4);
        int rowLength = (int)(((long)width * bits + 7) / 8);
        for (int row = 0; row < height; row++)
        {
            Span<byte> to = pixels.AsSpan(3 * width * (IsTopDown ? row : height - 1 - row), 3 * width);
            if (IsRunLength)
                Look(indices.AsSpan(row * width, width), 8, colors, to);
            else if (bits <= 8)
                Look(file.Slice(Start + row * stride, rowLength), bits, colors, to);
            else
                Split(file.Slice(Start + row * stride, rowLength), to);
        }

        return new RgbImage(width, height, pixels);
    }

    /// <summary>(256, 3): the file's colors, and grays for those that are not there.</summary>
    private byte[] Table(ReadOnlySpan<byte> file)
    {
        byte[] colors = new byte[3 * 256];
        for (int i = 0; i < 256; i++)
        {
            colors.AsSpan(3 * i, 3).Fill((byte)i);
            int at = Colors + i * ColorLength;
            if (i < ColorCount && at + 3 <= file.Length)
                (colors[3 * i], colors[3 * i + 1], colors[3 * i + 2]) = (file[at + 2], file[at + 1], file[at]);
        }

        return colors;
    }

    private static void Look(ReadOnlySpan<byte> row, int bits, byte[] colors, Span<byte> to)
    {
        int perByte = 8 / bits;
        for (int x = 0; x < to.Length / 3; x++)
        {
            int index = row[x / perByte] >> 8 - bits - x % perByte * bits & (1 << bits) - 1;
            colors.AsSpan(3 * index, 3).CopyTo(to[(3 * x)..]);
        }
    }

    private void Split(ReadOnlySpan<byte> row, Span<byte> to)
    {
        int bytes = bits / 8;
        if (bytes >= 3 && Masks == (0xFF0000u, 0xFF00u, 0xFFu)) // blue, green, red: nearly all files
        {
            for (int x = 0; x < width; x++)
                (to[3 * x], to[3 * x + 1], to[3 * x + 2]) = (row[x * bytes + 2], row[x * bytes + 1], row[x * bytes]);
            return;
        }

        for (int x = 0; x < width; x++)
        {
            ReadOnlySpan<byte> at = row.Slice(x * bytes, bytes);
            uint pixel = bytes switch
            {
                2 => BinaryPrimitives.ReadUInt16LittleEndian(at),
                3 => (uint)(at[0] | at[1] << 8 | at[2] << 16),
                _ => BinaryPrimitives.ReadUInt32LittleEndian(at),
            };
            (to[3 * x], to[3 * x + 1], to[3 * x + 2]) = (Level(pixel, Masks.Red), Level(pixel, Masks.Green), Level(pixel, Masks.Blue));
        }
    }

    private static byte Level(uint pixel, uint mask)
    {
        if (mask == 0)
            return 0;
        int shift = BitOperations.TrailingZeroCount(mask);
        return (byte)((ulong)((pixel & mask) >> shift) * 255 / (mask >> shift));
    }

    /// <summary>Undoes run lengths: (height, width) numbers of colors, in the order of the file.</summary>
    private byte[] Unpack(ReadOnlySpan<byte> data)
    {
        byte[] indices = new byte[width * height];
        int done = 0; // as one line of all rows
        int x = 0;
        int at = 0;
        while (done < indices.Length)
        {
            if (at + 2 > data.Length)
                throw ImageException.Truncated($"truncated {format}: its data end after {done} of {indices.Length} pixels");
            int count = data[at];
            int value = data[at + 1];
            at += 2;
            if (count > 0) // a run, cut at the end of its row
            {
                count = Math.Clamp(width - x, 0, count);
                for (int i = 0; i < count; i++)
                    indices[done + i] = (byte)(bits == 8 ? value : i % 2 == 0 ? value >> 4 : value & 15);
                (done, x) = (done + count, x + count);
            }
            else if (value == 0) // end of the row
            {
                done = (done + width - 1) / width * width;
                x = 0;
            }
            else if (value == 1) // end of the picture
            {
                break;
            }
            else if (value == 2) // a step to the right and up
            {
                if (at + 2 > data.Length)
                    continue; // which says that the data end
                done = (int)Math.Min(done + data[at] + (long)data[at + 1] * width, indices.Length);
                x = done % width;
                at += 2;
            }
            else // pixels one by one, up to an even number of bytes
            {
                int bytes = bits == 8 ? value : (value + 1) / 2;
                for (int i = 0; i < value && done < indices.Length && at + bytes <= data.Length; i++, done++)
                    indices[done] = bits == 8 ? data[at + i] : (byte)(i % 2 == 0 ? data[at + i / 2] >> 4 : data[at + i / 2] & 15);
                x += value;
                at += bytes + (bytes & 1);
            }
        }

        return indices;
    }
}
