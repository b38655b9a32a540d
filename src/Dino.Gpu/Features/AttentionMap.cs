namespace Dino.Gpu.Features;

/// <summary>
/// How much attention the class token of one picture pays to each patch, in every head of one layer. DINO is known for
/// these maps: they show the objects of a picture, learned without labels. <see cref="DinoEncoderExtensions.AttentionMaps"/>
/// makes them.
/// </summary>
public sealed class AttentionMap
{
    private readonly float[] _values;

    /// <summary>Wraps values without copying them.</summary>
    /// <param name="values">(heads, grid height, grid width)</param>
    /// <param name="headCount">The number of heads.</param>
    /// <param name="gridHeight">Rows of patches.</param>
    /// <param name="gridWidth">Columns of patches.</param>
    /// <exception cref="ArgumentException">The array has another length.</exception>
    public AttentionMap(float[] values, int headCount, int gridHeight, int gridWidth)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(headCount);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(gridHeight);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(gridWidth);
        Int128 length = (Int128)headCount * gridHeight * gridWidth; // 2^64 must not become 0
        if (values.LongLength != length)
        {
            throw new ArgumentException(
                $"({headCount}, {gridHeight}, {gridWidth}) takes {length} values, got {values.LongLength}.", nameof(values));
        }

        _values = values;
        HeadCount = headCount;
        GridHeight = gridHeight;
        GridWidth = gridWidth;
    }

    /// <summary>The number of heads.</summary>
    public int HeadCount { get; }

    /// <summary>Rows of patches.</summary>
    public int GridHeight { get; }

    /// <summary>Columns of patches.</summary>
    public int GridWidth { get; }

    /// <summary>
    /// (heads, grid height, grid width). The values of a head sum to 1 minus the class token's attention to itself and to
    /// the registers.
    /// </summary>
    public ReadOnlySpan<float> Values => _values;

    /// <summary>The map of one head.</summary>
    /// <param name="head">Counted from 0.</param>
    /// <returns>(grid height, grid width)</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such head.</exception>
    public ReadOnlySpan<float> Head(int head)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(head);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(head, HeadCount);
        int size = GridHeight * GridWidth;
        return _values.AsSpan(head * size, size);
    }

    /// <summary>The mean over the heads.</summary>
    /// <returns>(grid height, grid width)</returns>
    public float[] Mean()
    {
        var mean = new float[GridHeight * GridWidth];
        for (int i = 0; i < mean.Length; i++)
        {
            double sum = 0;
            for (int head = 0; head < HeadCount; head++)
                sum += _values[head * mean.Length + i];
            mean[i] = (float)(sum / HeadCount);
        }

        return mean;
    }

    /// <summary>
    /// Keeps the patches with the most attention, by the rule of the original's <c>visualize_attention.py</c>. Patches
    /// with the least attention are removed as long as their sum is at most 1 - <paramref name="share"/> of all. So the
    /// kept patches have the share, or less than one patch more. Of equal patches the earlier ones are removed first.
    /// Sums are in double precision. If all values are 0, there is no share to keep, and no patch is kept.
    /// </summary>
    /// <param name="values">Attention, none negative: <see cref="Head"/> or <see cref="Mean"/>.</param>
    /// <param name="share">The share of the sum, above 0 and up to 1. The original's pictures use 0.6.</param>
    /// <returns>For each patch, whether it is kept.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The share is not above 0 and up to 1.</exception>
    /// <exception cref="ArgumentException">A value is negative or not finite.</exception>
    public static bool[] Mask(ReadOnlySpan<float> values, double share)
    {
        if (!(share is > 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(share), share, "Expected a share above 0 and up to 1.");
        foreach (float value in values)
        {
            if (!(value >= 0 && float.IsFinite(value)))
                throw new ArgumentException("A value is negative or not finite, expected attention.", nameof(values));
        }

        float[] sorted = values.ToArray();
        int[] places = [.. Enumerable.Range(0, sorted.Length).OrderBy(place => sorted[place])]; // stable
        double total = sorted.Sum(value => (double)value);
        double sum = 0;
        var kept = new bool[sorted.Length];
        foreach (int place in places)
        {
            sum += sorted[place];
            kept[place] = sum / total > 1 - share;
        }

        if (total > 0)
            kept[places[^1]] = true; // a share that 1 - share does not show is kept, too
        return kept;
    }

    /// <summary>
    /// Repeats every value in a square of <paramref name="scale"/> x <paramref name="scale"/>. The original draws its
    /// maps this way, with the patch size as scale.
    /// </summary>
    /// <param name="grid">(<paramref name="gridHeight"/>, <paramref name="gridWidth"/>)</param>
    /// <param name="gridHeight">Rows.</param>
    /// <param name="gridWidth">Columns.</param>
    /// <param name="scale">Side of a square.</param>
    /// <returns>(scale * grid height, scale * grid width)</returns>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A size is not positive, or the result is more than an array holds.
    /// </exception>
    /// <exception cref="ArgumentException">The grid has another length.</exception>
    public static T[] Upsample<T>(ReadOnlySpan<T> grid, int gridHeight, int gridWidth, int scale)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(gridHeight);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(gridWidth);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(scale);
        if (grid.Length != (long)gridHeight * gridWidth)
        {
            throw new ArgumentException(
                $"({gridHeight}, {gridWidth}) takes {(long)gridHeight * gridWidth} values, got {grid.Length}.", nameof(grid));
        }

        if ((long)scale * scale > Array.MaxLength / grid.Length)
        {
            throw new ArgumentOutOfRangeException(
                nameof(scale), scale, $"({gridHeight}, {gridWidth}) at this scale is more than an array holds.");
        }

        int width = gridWidth * scale;
        var large = new T[gridHeight * scale * width];
        for (int i = 0; i < large.Length; i++)
            large[i] = grid[i / width / scale * gridWidth + i % width / scale];
        return large;
    }
}
