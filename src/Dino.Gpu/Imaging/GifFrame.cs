namespace Dino.Gpu.Imaging;

/// <summary>
/// The first frame of a GIF. As in Pillow, pixels around it have the transparent color, or color 0 where there is none;
/// a transparent pixel keeps the color that the table gives it; and a color beyond the table is a gray of its number.
/// </summary>
/// <param name="width">Columns of the picture.</param>
/// <param name="height">Rows of the picture.</param>
internal sealed class GifFrame(int width, int height) : IPixelReader
{
    private const int MostCodes = 1 << 12;

    public int Left { get; init; }

    public int Top { get; init; }

    public int FrameWidth { get; init; }

    public int FrameHeight { get; init; }

    public bool IsInterlaced { get; init; }

    /// <summary>Where the frame's colors lie in the file, three bytes each.</summary>
    public Range Colors { get; init; }

    /// <summary>Number of the transparent color.</summary>
    public int? Transparent { get; init; }

    /// <summary>Bits of a pixel's code.</summary>
    public int CodeSize { get; init; }

    /// <summary>Where the blocks of the compressed data lie in the file.</summary>
    public Range Data { get; init; }

    public RgbImage Read(ReadOnlySpan<byte> file)
    {
        byte[] colors = [.. Enumerable.Range(0, 256).SelectMany(gray => Enumerable.Repeat((byte)gray, 3))];
        ReadOnlySpan<byte> table = file[Colors];
        table.CopyTo(colors);

        byte[] indices = Decompress(Join(file[Data]));
        byte[] pixels = GC.AllocateUninitializedArray<byte>(3 * width * height);
        if (FrameWidth != width || FrameHeight != height)
        {
            ReadOnlySpan<byte> around = colors.AsSpan(3 * (Transparent ?? 0), 3);
            for (int at = 0; at < pixels.Length; at += 3)
                around.CopyTo(pixels.AsSpan(at));
        }

        int from = 0;
        foreach (int row in Rows())
        {
            int to = 3 * ((Top + row) * width + Left);
            for (int end = from + FrameWidth; from < end; from++, to += 3)
                colors.AsSpan(3 * indices[from], 3).CopyTo(pixels.AsSpan(to));
        }

        return new RgbImage(width, height, pixels);
    }

    /// <summary>
    /// The rows in their order in the file: every eighth from 0, every eighth from 4, every fourth from 2, every second
    /// from 1.
    /// </summary>
    private IEnumerable<int> Rows()
    {
        (int First, int Step)[] passes = IsInterlaced ? [(0, 8), (4, 8), (2, 4), (1, 2)] : [(0, 1)];
        foreach ((int first, int step) in passes)
        {
            for (int row = first; row < FrameHeight; row += step)
                yield return row;
        }
    }

    /// <summary>The data without the lengths of their blocks.</summary>
    private static byte[] Join(ReadOnlySpan<byte> blocks)
    {
        byte[] data = new byte[blocks.Length];
        int length = 0;
        for (int at = 0; at < blocks.Length && blocks[at] != 0; at += 1 + blocks[at])
        {
            ReadOnlySpan<byte> block = blocks.Slice(at + 1, Math.Min(blocks[at], blocks.Length - at - 1)); // may be cut
            block.CopyTo(data.AsSpan(length));
            length += block.Length;
        }

        return data[..length];
    }

    /// <summary>Undoes LZW with codes of growing width (GIF89a specification, appendix F).</summary>
    /// <returns>(frame height, frame width) numbers of colors, in the order of the file.</returns>
    private byte[] Decompress(ReadOnlySpan<byte> data)
    {
        if (CodeSize is < 1 or > 8)
            throw ImageException.Damaged($"damaged GIF: codes of {CodeSize} bits (expected 1 to 8)");
        int clear = 1 << CodeSize;
        byte[] indices = new byte[FrameWidth * FrameHeight];
        // A code is what another code is and one more pixel.
        Span<short> prefix = stackalloc short[MostCodes];
        Span<byte> last = stackalloc byte[MostCodes];
        Span<byte> reversed = stackalloc byte[MostCodes];
        for (int code = 0; code < clear; code++)
            last[code] = (byte)code;

        int bits = 0;
        int bitCount = 0;
        int width = CodeSize + 1;
        int next = clear + 2;
        int previous = -1;
        byte first = 0;
        int at = 0;
        int done = 0;
        while (done < indices.Length)
        {
            while (bitCount < width && at < data.Length)
            {
                bits |= data[at++] << bitCount;
                bitCount += 8;
            }

            if (bitCount < width)
                throw Short();
            int code = bits & (1 << width) - 1;
            bits >>>= width;
            bitCount -= width;
            if (code == clear)
            {
                width = CodeSize + 1;
                next = clear + 2;
                previous = -1;
                continue;
            }

            if (code == clear + 1)
                throw Short();
            if (code > next || code == next && previous < 0)
                throw ImageException.Damaged("damaged GIF: its data have a code that is not defined");

            int length = 0;
            int part = code;
            if (code == next) // the code that this very step defines
            {
                reversed[length++] = first;
                part = previous;
            }

            while (part > clear)
            {
                reversed[length++] = last[part];
                part = prefix[part];
            }

            first = last[part];
            reversed[length++] = first;
            if (previous >= 0 && next < MostCodes)
            {
                prefix[next] = (short)previous;
                last[next] = first;
                next++;
                if (next == 1 << width && width < 12)
                    width++;
            }

            previous = code;
            while (length > 0 && done < indices.Length)
                indices[done++] = reversed[--length];
        }

        return indices;

        ImageException Short() => ImageException.Truncated($"truncated GIF: its data end after {done} of {indices.Length} pixels");
    }
}
