using System.IO.Compression;

namespace Dino.Gpu.Imaging;

/// <summary>
/// The pixels of a PNG: every type and depth, interlaced or not (PNG specification, 7 to 9). As in Pillow, alpha and
/// transparency are dropped, and a color beyond the palette is a gray of its number; of 16 bits the high byte is taken,
/// gray ones included.
/// </summary>
internal sealed class PngPixels : IPixelReader
{
    /// <summary>The passes of an interlaced picture (8.2): first column and row, and the steps between.</summary>
    private static readonly (int Left, int Top, int Across, int Down)[] Passes =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

    public required int Width { get; init; }

    public required int Height { get; init; }

    /// <summary>Bits of a sample.</summary>
    public required int Bits { get; init; }

    /// <summary>Gray (0), RGB (2), palette (3), gray and RGB with alpha (4, 6).</summary>
    public required int Type { get; init; }

    public required bool IsInterlaced { get; init; }

    /// <summary>Where the PNG starts in its file; not 0 in an icon.</summary>
    public int Start { get; init; }

    /// <summary>Whether its colors are in a palette.</summary>
    public bool IsPalette => Type == 3;

    private int Samples => Type switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };

    /// <summary>Bytes of a pixel, at least one: what a filter looks back.</summary>
    private int PixelLength => Math.Max(1, Samples * Bits / 8);

    public RgbImage Read(ReadOnlySpan<byte> file)
    {
        bool isKind = Type switch
        {
            0 => Bits is 1 or 2 or 4 or 8 or 16,
            3 => Bits is 1 or 2 or 4 or 8,
            2 or 4 or 6 => Bits is 8 or 16,
            _ => false,
        };
        if (!isKind)
            throw ImageException.Damaged($"damaged PNG: type {Type} with {Bits} bits");
        file = file[Start..];
        PngStructure.CheckDataCrcs(file);
        byte[] colors = Colors(file);
        byte[] pixels = GC.AllocateUninitializedArray<byte>(3 * Width * Height);
        using var rows = new ZLibStream(PngStructure.Data(file), CompressionMode.Decompress);
        try
        {
            foreach ((int left, int top, int across, int down) in IsInterlaced ? Passes : [(0, 0, 1, 1)])
                ReadPass(rows, colors, pixels, (left, top, across, down));
        }
        catch (Exception failure) when (failure is InvalidDataException or IOException) // the latter: ended, or needs a dictionary
        {
            throw ImageException.Damaged("damaged PNG: its data cannot be decompressed to all rows", failure);
        }

        return new RgbImage(Width, Height, pixels);
    }

    private void ReadPass(ZLibStream rows, byte[] colors, byte[] pixels, (int Left, int Top, int Across, int Down) pass)
    {
        int columns = (Width - pass.Left + pass.Across - 1) / pass.Across;
        if (columns <= 0)
            return;
        int length = (int)(((long)columns * Samples * Bits + 7) / 8);
        byte[] row = new byte[length];
        byte[] above = new byte[length];
        byte[] wide = pass.Across > 1 ? new byte[3 * columns] : [];
        Span<byte> filter = stackalloc byte[1];
        for (int y = pass.Top; y < Height; y += pass.Down)
        {
            rows.ReadExactly(filter);
            rows.ReadExactly(row);
            Unfilter(filter[0], row, above);
            if (pass.Across == 1)
            {
                Expand(row, colors, pixels.AsSpan(3 * Width * y, 3 * Width));
            }
            else
            {
                Expand(row, colors, wide);
                for (int x = 0; x < columns; x++)
                    wide.AsSpan(3 * x, 3).CopyTo(pixels.AsSpan(3 * (Width * y + pass.Left + x * pass.Across)));
            }

            (row, above) = (above, row);
        }
    }

    /// <summary>Adds what a row's bytes were predicted to be (9.2).</summary>
    private void Unfilter(byte filter, Span<byte> row, ReadOnlySpan<byte> above)
    {
        int back = PixelLength;
        switch (filter)
        {
            case 0:
                break;
            case 1:
                for (int i = back; i < row.Length; i++)
                    row[i] += row[i - back];
                break;
            case 2:
                for (int i = 0; i < row.Length; i++)
                    row[i] += above[i];
                break;
            case 3:
                for (int i = 0; i < row.Length; i++)
                    row[i] += (byte)((i < back ? 0 : row[i - back]) + above[i] >> 1);
                break;
            case 4:
                for (int i = 0; i < row.Length; i++)
                    row[i] += i < back ? above[i] : Nearest(row[i - back], above[i], above[i - back]);
                break;
            default:
                throw ImageException.Damaged($"damaged PNG: a row has filter {filter}");
        }
    }

    /// <summary>Of left, above and the corner between them the one nearest to their plane (9.4).</summary>
    private static byte Nearest(byte left, byte above, byte corner)
    {
        int fromLeft = Math.Abs(above - corner);
        int fromAbove = Math.Abs(left - corner);
        int fromCorner = Math.Abs(left + above - 2 * corner);
        return fromLeft <= fromAbove && fromLeft <= fromCorner ? left : fromAbove <= fromCorner ? above : corner;
    }

    /// <summary>A row's samples as RGB.</summary>
    private void Expand(ReadOnlySpan<byte> row, byte[] colors, Span<byte> to)
    {
        int count = to.Length / 3;
        if (Type is 2 or 6)
        {
            int bytes = Bits / 8;
            for (int x = 0, at = 0; x < count; x++, at += PixelLength)
                (to[3 * x], to[3 * x + 1], to[3 * x + 2]) = (row[at], row[at + bytes], row[at + 2 * bytes]);
            return;
        }

        for (int x = 0; x < count; x++)
        {
            int value = Bits >= 8 ? row[x * PixelLength] : row[x * Bits / 8] >> 8 - Bits - x * Bits % 8 & (1 << Bits) - 1;
            colors.AsSpan(3 * value, 3).CopyTo(to[(3 * x)..]);
        }
    }

    /// <summary>(256, 3): the palette, or the grays that samples stand for.</summary>
    private byte[] Colors(ReadOnlySpan<byte> file)
    {
        byte[] colors = new byte[3 * 256];
        int most = IsPalette || Bits >= 8 ? 255 : (1 << Bits) - 1;
        for (int i = 0; i < 256; i++)
            colors.AsSpan(3 * i, 3).Fill((byte)(i * 255 / most));
        if (!IsPalette)
            return colors;
        ReadOnlySpan<byte> palette = PngStructure.Find(file, "PLTE"u8);
        if (palette.IsEmpty || palette.Length % 3 != 0 || palette.Length > colors.Length)
            throw ImageException.Damaged($"damaged PNG: a palette of {palette.Length} bytes");
        palette.CopyTo(colors);
        return colors;
    }
}
