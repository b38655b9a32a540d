using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Pictures;

/// <summary>256 colors for values from 0 to 1.</summary>
public sealed class ColorMap
{
    private readonly byte[] _colors; // (256, 3)

    private ColorMap(string name, byte[] colors)
    {
        Name = name;
        _colors = colors;
    }

    /// <summary>matplotlib's viridis, its default: dark blue over green to yellow.</summary>
    public static ColorMap Viridis { get; } = new("viridis", Convert.FromBase64String(ColorTables.Viridis));

    /// <summary>matplotlib's inferno: black over red to pale yellow.</summary>
    public static ColorMap Inferno { get; } = new("inferno", Convert.FromBase64String(ColorTables.Inferno));

    /// <summary>Black to white.</summary>
    public static ColorMap Gray { get; } =
        new("gray", [.. Enumerable.Range(0, 256).SelectMany(level => Enumerable.Repeat((byte)level, 3))]);

    /// <summary>Every map.</summary>
    public static IReadOnlyList<ColorMap> All { get; } = [Viridis, Inferno, Gray];

    /// <summary>As in matplotlib.</summary>
    public string Name { get; }

    /// <summary>
    /// The color of a value. As in matplotlib, each of the 256 colors has an equal share of the range from 0 to 1.
    /// Values outside of it have the color of the nearer end, and NaN has that of 0.
    /// </summary>
    public (byte Red, byte Green, byte Blue) this[float value]
    {
        get
        {
            int index = 3 * (int)Math.Clamp((double)(float.IsNaN(value) ? 0 : value) * 256, 0, 255);
            return (_colors[index], _colors[index + 1], _colors[index + 2]);
        }
    }

    /// <summary>
    /// A picture of values. The smallest has the map's first color and the largest has its last; if all are equal, they
    /// have the first. Only finite values count: an infinite one has the color of its end, and NaN has the first.
    /// </summary>
    /// <param name="values">(<paramref name="height"/>, <paramref name="width"/>)</param>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <exception cref="ArgumentException">A size is not positive, or there are not so many values.</exception>
    public RgbImage Paint(ReadOnlySpan<float> values, int width, int height)
    {
        if (values.Length != (long)width * height)
        {
            throw new ArgumentException(
                $"{width}x{height} pixels take {(long)width * height} values, got {values.Length}.", nameof(values));
        }

        float low = float.PositiveInfinity;
        float high = float.NegativeInfinity;
        foreach (float value in values)
        {
            if (!float.IsFinite(value))
                continue;
            low = Math.Min(low, value);
            high = Math.Max(high, value);
        }

        byte[] pixels = new byte[3 * values.Length];
        for (int i = 0; i < values.Length; i++)
            (pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2]) = this[Place(values[i], low, high)];
        return new RgbImage(width, height, pixels);
    }

    /// <summary>Where a value lies between the smallest, 0, and the largest, 1.</summary>
    private static float Place(float value, float low, float high)
    {
        if (!float.IsFinite(value))
            return value;
        if (!(high > low))
            return 0;
        float scale = 1 / (high - low);
        if (scale > 0 && float.IsFinite(scale))
            return (value - low) * scale;
        return (float)(((double)value - low) / ((double)high - low)); // float32 lacks the range or its reciprocal
    }
}
