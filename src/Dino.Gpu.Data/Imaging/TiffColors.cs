using System.Globalization;
using BitMiracle.LibTiff.Classic;

namespace Dino.Gpu.Data.Imaging;

/// <summary>
/// What the samples of a TIFF stand for, and how they become RGB: as in Pillow, which leaves YCbCr to libtiff
/// (<c>tif_color.c</c>).
/// </summary>
internal sealed class TiffColors
{
    private readonly Tiff _tiff;
    private readonly Photometric _photometric;
    private readonly int _bits;
    private readonly bool _isPremultiplied;
    private readonly int _across = 1; // pixels that share a Cb and a Cr
    private readonly int _down = 1;

    public TiffColors(Tiff tiff, Photometric photometric, int bits, int samples)
    {
        (_tiff, _photometric, _bits) = (tiff, photometric, bits);
        _isPremultiplied = photometric == Photometric.RGB && samples > 3 && FirstExtra() == (int)ExtraSample.ASSOCALPHA;
        bool isJpeg = tiff.GetField(TiffTag.COMPRESSION) is [var field, ..] && field.ToInt() == (int)Compression.JPEG;
        if (photometric != Photometric.YCBCR || isJpeg) // a JPEG says it itself
            return;
        FieldValue[] factors = tiff.GetFieldDefaulted(TiffTag.YCBCRSUBSAMPLING);
        (_across, _down) = (factors[0].ToInt(), factors[1].ToInt());
        if (_across is not (1 or 2 or 4) || _down is not (1 or 2 or 4))
            throw ImageException.Damaged($"damaged TIFF: chroma of {_across}x{_down} pixels (expected 1, 2 or 4)");
    }

    /// <summary>Samples of a pixel that <see cref="ToRgb"/> takes.</summary>
    public int Samples => _photometric switch
    {
        Photometric.RGB => _isPremultiplied ? 4 : 3,
        Photometric.YCBCR => 3,
        Photometric.SEPARATED => 4,
        _ => 1,
    };

    /// <summary>
    /// Whether samples lie in blocks: the Y of <c>across</c> x <c>down</c> pixels, then the Cb and the Cr of all of
    /// them.
    /// </summary>
    public bool IsSubsampled => _across * _down > 1;

    private int BlockLength => _across * _down + 2;

    /// <summary>Bytes of a row of blocks.</summary>
    /// <param name="width">Pixels.</param>
    public long BlockRowLength(int width) => (width + _across - 1L) / _across * BlockLength;

    /// <summary>Rows of blocks in rows of pixels.</summary>
    public int BlockRows(int rows) => (rows + _down - 1) / _down;

    /// <summary>Takes the pixels of a row out of their blocks.</summary>
    /// <param name="blocks">(block rows, blocks, block)</param>
    /// <param name="blockRowLength">Bytes of a row of blocks.</param>
    /// <param name="row">Row of pixels.</param>
    /// <param name="to">(columns, 3)</param>
    public void Unpack(ReadOnlySpan<byte> blocks, int blockRowLength, int row, Span<byte> to)
    {
        ReadOnlySpan<byte> line = blocks.Slice(row / _down * blockRowLength, blockRowLength);
        for (int x = 0; x < to.Length / 3; x++)
        {
            ReadOnlySpan<byte> block = line.Slice(x / _across * BlockLength, BlockLength);
            to[3 * x] = block[row % _down * _across + x % _across];
            block[^2..].CopyTo(to[(3 * x + 1)..]);
        }
    }

    /// <summary>(pixels, samples) to (pixels, 3).</summary>
    /// <param name="samples">8 bits each, or indices and grays of fewer; may be changed.</param>
    public byte[] ToRgb(byte[] samples)
    {
        if (_photometric == Photometric.YCBCR)
            return FromYCbCr(samples);
        if (_photometric == Photometric.RGB && !_isPremultiplied)
            return samples;
        byte[] rgb = GC.AllocateUninitializedArray<byte>(samples.Length / Samples * 3);
        if (_isPremultiplied)
        {
            for (int i = 0; i < rgb.Length; i++) // as Pillow: divided by alpha, rounded down
            {
                int alpha = samples[i / 3 * 4 + 3];
                rgb[i] = (byte)(alpha == 0 ? 0 : Math.Min(samples[i / 3 * 4 + i % 3] * 255 / alpha, 255));
            }

            return rgb;
        }

        if (_photometric == Photometric.SEPARATED)
        {
            for (int i = 0; i < rgb.Length; i++) // as Pillow: what black leaves, less the share of ink
            {
                int black = 255 - samples[i / 3 * 4 + 3];
                rgb[i] = (byte)(black - (int)Math.Round(samples[i / 3 * 4 + i % 3] * black / 255.0));
            }

            return rgb;
        }

        byte[] table = _photometric == Photometric.PALETTE ? Palette() : Grays();
        for (int i = 0; i < samples.Length; i++)
            table.AsSpan(3 * samples[i], 3).CopyTo(rgb.AsSpan(3 * i));
        return rgb;
    }

    private byte[] Grays()
    {
        int most = _bits < 8 ? (1 << _bits) - 1 : 255;
        byte[] table = new byte[3 * 256];
        for (int value = 0; value <= most; value++)
        {
            int gray = value * 255 / most;
            table.AsSpan(3 * value, 3).Fill((byte)(_photometric == Photometric.MINISWHITE ? 255 - gray : gray));
        }

        return table;
    }

    private byte[] Palette()
    {
        FieldValue[] map = _tiff.GetField(TiffTag.COLORMAP)
            ?? throw ImageException.Damaged("damaged TIFF: it has no colors for its palette");
        byte[] table = new byte[3 * 256];
        for (int color = 0; color < 3; color++)
        {
            ReadOnlySpan<short> levels = map[color].ToShortArray();
            for (int i = 0; i < Math.Min(levels.Length, 256); i++)
                table[3 * i + color] = (byte)((ushort)levels[i] >> 8);
        }

        return table;
    }

    /// <summary>In place, with 16 fractional bits as <c>TIFFYCbCrToRGBInit</c> has them.</summary>
    private byte[] FromYCbCr(byte[] samples)
    {
        float[] luma = Floats(TiffTag.YCBCRCOEFFICIENTS, [0.299f, 0.587f, 0.114f]);
        float[] range = Floats(TiffTag.REFERENCEBLACKWHITE, [0, 255, 128, 255, 128, 255]);
        if (luma[1] == 0 || !luma.All(float.IsFinite) || !range.All(float.IsFinite))
            throw ImageException.Damaged("damaged TIFF: its YCbCr coefficients are not those of a color");
        float red = 2 - 2 * luma[0];
        float blue = 2 - 2 * luma[2];
        int redOfCr = Fixed(red);
        int greenOfCr = -Fixed(luma[0] * red / luma[1]);
        int blueOfCb = Fixed(blue);
        int greenOfCb = -Fixed(luma[2] * blue / luma[1]);
        int[] light = Levels(0, range[0], range[1], 255);
        int[] cb = Levels(-128, range[2] - 128, range[3] - 128, 127);
        int[] cr = Levels(-128, range[4] - 128, range[5] - 128, 127);
        for (int i = 0; i < samples.Length; i += 3)
        {
            int y = light[samples[i]];
            int b = cb[samples[i + 1]];
            int r = cr[samples[i + 2]];
            samples[i] = (byte)Math.Clamp(y + (redOfCr * r + 32768 >> 16), 0, 255);
            samples[i + 1] = (byte)Math.Clamp(y + (greenOfCb * b + 32768 + greenOfCr * r >> 16), 0, 255);
            samples[i + 2] = (byte)Math.Clamp(y + (blueOfCb * b + 32768 >> 16), 0, 255);
        }

        return samples;
    }

    private static int Fixed(float factor) => (int)(Math.Clamp(factor, 0, 2) * 65536 + 0.5);

    /// <summary>What each byte stands for where two of them are black and white (<c>Code2V</c>).</summary>
    private static int[] Levels(int first, float black, float white, float most)
    {
        int[] levels = new int[256];
        for (int i = 0; i < levels.Length; i++)
        {
            float level = (first + i - (int)black) * most / (white == black ? 1 : white - black);
            levels[i] = (int)Math.Clamp(level, -4096, 4096);
        }

        return levels;
    }

    private float[] Floats(TiffTag tag, float[] otherwise) =>
        _tiff.GetField(tag) is [var field, ..] && field.ToFloatArray() is { } values && values.Length >= otherwise.Length
            ? values
            : otherwise;

    private int FirstExtra() =>
        _tiff.GetField(TiffTag.EXTRASAMPLES) is [_, { Value: Array { Length: > 0 } kinds }]
            ? Convert.ToInt32(kinds.GetValue(0), CultureInfo.InvariantCulture)
            : 0;
}
