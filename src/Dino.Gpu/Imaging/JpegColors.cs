namespace Dino.Gpu.Imaging;

/// <summary>What the components of a JPEG stand for.</summary>
internal enum JpegColorSpace
{
    Gray,
    Rgb,
    YCbCr,
    Cmyk,

    /// <summary>CMYK whose first three are stored as YCbCr.</summary>
    Ycck,
}

/// <summary>
/// Components to pixels as libjpeg-turbo does: chroma at half the size is interpolated with weights of 3/4 and 1/4
/// (<c>jdsample.c</c>), other sizes are repeated, and colors are converted with 16 fractional bits (<c>jdcolor.c</c>).
/// CMYK becomes RGB as in Pillow, which takes it for inverted, as Adobe's programs store it.
/// </summary>
internal sealed class JpegColors
{
    private readonly JpegComponent[] _components;
    private readonly JpegColorSpace _space;
    private readonly int _width;
    private readonly int _height;
    private readonly (int Across, int Down) _most;
    private readonly byte[][] _rows; // a row of each component at the picture's width, and up to what units fill up

    public JpegColors(JpegComponent[] components, JpegColorSpace space, int width, int height)
    {
        (_components, _space, _width, _height) = (components, space, width, height);
        _most = (components.Max(one => one.Across), components.Max(one => one.Down));
        _rows = [.. components.Select(one => new byte[one.Stride * (_most.Across / one.Across)])];
    }

    public RgbImage ToRgb()
    {
        byte[] pixels = GC.AllocateUninitializedArray<byte>(3 * _width * _height);
        for (int y = 0; y < _height; y++)
        {
            for (int i = 0; i < _components.Length; i++)
                Row(_components[i], y, _rows[i]);
            Convert(pixels.AsSpan(3 * _width * y, 3 * _width));
        }

        return new RgbImage(_width, _height, pixels);
    }

    /// <summary>The components at the picture's size, as they are.</summary>
    public JpegSamples ToSamples()
    {
        int count = _components.Length;
        byte[] samples = GC.AllocateUninitializedArray<byte>(count * _width * _height);
        for (int y = 0; y < _height; y++)
        {
            for (int i = 0; i < count; i++)
            {
                Row(_components[i], y, _rows[i]);
                for (int x = 0; x < _width; x++)
                    samples[(y * _width + x) * count + i] = _rows[i][x];
            }
        }

        return new JpegSamples(_width, _height, count, samples);
    }

    /// <summary>A component's samples for a row of the picture.</summary>
    private void Row(JpegComponent component, int y, Span<byte> to)
    {
        int across = _most.Across / component.Across;
        int down = _most.Down / component.Down;
        ReadOnlySpan<byte> near = Samples(component, y / down);
        bool isFine = component.Width > 2; // narrower ones are repeated
        if (across == 1 && down == 1)
            near.CopyTo(to);
        else if (across == 1 && down == 2)
            Between(near, Neighbor(component, y), to, y % 2 == 0 ? 1 : 2);
        else if (across == 2 && down == 1 && isFine)
            Widen(near, to);
        else if (across == 2 && down == 2 && isFine)
            Widen(near, Neighbor(component, y), to);
        else
            Repeat(near, to, across);
    }

    private static ReadOnlySpan<byte> Samples(JpegComponent component, int row) =>
        component.Samples.AsSpan(component.Stride * row, component.Width);

    /// <summary>
    /// Of half as many rows, the one on the other side of a row of the picture; the edge repeats itself.
    /// </summary>
    private static ReadOnlySpan<byte> Neighbor(JpegComponent component, int y) =>
        Samples(component, Math.Clamp(y / 2 + (y % 2 == 0 ? -1 : 1), 0, component.Height - 1));

    private static void Between(ReadOnlySpan<byte> near, ReadOnlySpan<byte> far, Span<byte> to, int bias)
    {
        for (int x = 0; x < near.Length; x++)
            to[x] = (byte)(near[x] * 3 + far[x] + bias >> 2);
    }

    private static void Widen(ReadOnlySpan<byte> from, Span<byte> to)
    {
        int last = from.Length - 1;
        to[0] = from[0];
        to[2 * last + 1] = from[last];
        for (int x = 0; x < last; x++)
        {
            to[2 * x + 1] = (byte)(from[x] * 3 + from[x + 1] + 2 >> 2);
            to[2 * x + 2] = (byte)(from[x + 1] * 3 + from[x] + 1 >> 2);
        }
    }

    private static void Widen(ReadOnlySpan<byte> near, ReadOnlySpan<byte> far, Span<byte> to)
    {
        int last = near.Length - 1;
        int here = near[0] * 3 + far[0];
        to[0] = (byte)(here * 4 + 8 >> 4);
        for (int x = 0; x < last; x++)
        {
            int next = near[x + 1] * 3 + far[x + 1];
            to[2 * x + 1] = (byte)(here * 3 + next + 7 >> 4);
            to[2 * x + 2] = (byte)(next * 3 + here + 8 >> 4);
            here = next;
        }

        to[2 * last + 1] = (byte)(here * 4 + 7 >> 4);
    }

    private static void Repeat(ReadOnlySpan<byte> from, Span<byte> to, int times)
    {
        for (int x = 0; x < from.Length; x++)
            to.Slice(x * times, times).Fill(from[x]);
    }

    private void Convert(Span<byte> to)
    {
        ReadOnlySpan<byte> first = _rows[0].AsSpan(0, _width);
        ReadOnlySpan<byte> second = _rows[Math.Min(1, _rows.Length - 1)].AsSpan(0, _width); // of gray the same
        ReadOnlySpan<byte> third = _rows[Math.Min(2, _rows.Length - 1)].AsSpan(0, _width);
        if (_space is JpegColorSpace.YCbCr or JpegColorSpace.Ycck)
            ToRgb(first, second, third, to);
        else
            Join(first, second, third, to);
        if (_space == JpegColorSpace.Cmyk)
        {
            foreach (ref byte ink in to)
                ink = (byte)(255 - ink);
        }

        // What is called RGB of YCCK are the inks, as they are inverted.
        if (_rows.Length == 4)
            Print(to, _rows[3].AsSpan(0, _width));
    }

    private static void Join(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> third, Span<byte> to)
    {
        for (int x = 0; x < first.Length; x++)
            (to[3 * x], to[3 * x + 1], to[3 * x + 2]) = (first[x], second[x], third[x]);
    }

    private static void ToRgb(ReadOnlySpan<byte> y, ReadOnlySpan<byte> cb, ReadOnlySpan<byte> cr, Span<byte> to)
    {
        for (int x = 0; x < y.Length; x++)
        {
            int blue = cb[x] - 128;
            int red = cr[x] - 128;
            to[3 * x] = (byte)Math.Clamp(y[x] + (91881 * red + 32768 >> 16), 0, 255); // 1.402
            to[3 * x + 1] = (byte)Math.Clamp(y[x] + (-22554 * blue - 46802 * red + 32768 >> 16), 0, 255); // 0.34414, 0.71414
            to[3 * x + 2] = (byte)Math.Clamp(y[x] + (116130 * blue + 32768 >> 16), 0, 255); // 1.772
        }
    }

    /// <summary>Inks to colors: the light that black leaves, less the share of each ink.</summary>
    private static void Print(Span<byte> inks, ReadOnlySpan<byte> light)
    {
        for (int i = 0; i < inks.Length; i++)
        {
            int product = inks[i] * light[i / 3] + 128;
            inks[i] = (byte)(light[i / 3] - ((product >> 8) + product >> 8));
        }
    }
}
