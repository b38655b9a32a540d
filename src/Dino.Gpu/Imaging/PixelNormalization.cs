namespace Dino.Gpu.Imaging;

/// <summary>
/// The model's input normalization, (value / 255 - mean) / std per channel: the ImageNet figures of its
/// <c>preprocessor_config.json</c>.
/// </summary>
public static class PixelNormalization
{
    /// <summary>Mean of each channel on a 0 to 1 scale, red first.</summary>
    public static ReadOnlySpan<double> Mean => [0.485, 0.456, 0.406];

    /// <summary>Standard deviation of each channel on a 0 to 1 scale, red first.</summary>
    public static ReadOnlySpan<double> StandardDeviation => [0.229, 0.224, 0.225];

    /// <summary>
    /// (3, 256): the normalized value of every byte in every channel, computed in double and rounded once. Kernels look
    /// values up in this table instead of rounding three times.
    /// </summary>
    public static float[] CreateTable() => CreateTable(PreprocessorConfig.Standard);

    /// <summary>As <see cref="CreateTable()"/>, with the scale, mean and standard deviation of a checkpoint.</summary>
    /// <param name="config">What the checkpoint says.</param>
    /// <exception cref="ArgumentException">Its figures do not normalize three channels.</exception>
    public static float[] CreateTable(PreprocessorConfig config)
    {
        Check(config);
        bool isStandard = config.Scale == PreprocessorConfig.Standard.Scale;
        float[] table = new float[3 * 256];
        for (int channel = 0; channel < 3; channel++)
        {
            for (int value = 0; value < 256; value++)
            {
                double scaled = isStandard ? value / 255.0 : value * config.Scale; // the division is the more exact one
                table[channel * 256 + value] = (float)((scaled - config.Mean[channel]) / config.StandardDeviation[channel]);
            }
        }

        return table;
    }

    /// <summary>Computes the normalized planes of a picture, which the model's first layer reads.</summary>
    /// <returns>(3, Height, Width) in C order, the red plane first.</returns>
    public static float[] Normalize(RgbImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        float[] planes = GC.AllocateUninitializedArray<float>(image.Pixels.Length);
        Normalize(image, planes);
        return planes;
    }

    /// <summary>Does the same as <see cref="Normalize(RgbImage)"/>, into memory of the caller.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="destination">(3, Height, Width) in C order.</param>
    /// <exception cref="ArgumentException"><paramref name="destination"/> has another length.</exception>
    public static void Normalize(RgbImage image, Span<float> destination) => Normalize(image, Standard.Table, destination);

    /// <summary>As <see cref="Normalize(RgbImage)"/>, with the figures of a checkpoint.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="config">What the checkpoint says.</param>
    /// <exception cref="ArgumentException">Its figures do not normalize three channels.</exception>
    public static float[] Normalize(RgbImage image, PreprocessorConfig config)
    {
        ArgumentNullException.ThrowIfNull(image);
        float[] planes = GC.AllocateUninitializedArray<float>(image.Pixels.Length);
        if (image.Fractions is { } fractions)
            Normalize(fractions, config, planes, stride: 1, plane: planes.Length / 3);
        else
            Normalize(image, CreateTable(config), planes);
        return planes;
    }

    /// <summary>
    /// As <see cref="Normalize(RgbImage, PreprocessorConfig)"/>, in the order of the pixels, as devices take fractions.
    /// </summary>
    /// <param name="image">The picture.</param>
    /// <param name="config">What the checkpoint says.</param>
    /// <param name="destination">(Height, Width, 3)</param>
    internal static void NormalizePixels(RgbImage image, PreprocessorConfig config, Span<float> destination)
    {
        if (image.Fractions is { } fractions)
        {
            Normalize(fractions, config, destination, stride: 3, plane: 1);
            return;
        }

        float[] tables = CreateTable(config);
        for (int i = 0; i < destination.Length; i++)
            destination[i] = tables[i % 3 * 256 + image.Pixels[i]];
    }

    /// <summary>Normalizes (pixels, 3) values into a place for each pixel and channel.</summary>
    /// <param name="fractions">(pixels, 3)</param>
    /// <param name="config">What the checkpoint says.</param>
    /// <param name="destination">As many values.</param>
    /// <param name="stride">From pixel to pixel.</param>
    /// <param name="plane">From channel to channel.</param>
    private static void Normalize(float[] fractions, PreprocessorConfig config, Span<float> destination, int stride, int plane)
    {
        Check(config);
        for (int channel = 0; channel < 3; channel++)
        {
            double mean = config.Mean[channel], deviation = config.StandardDeviation[channel];
            for (int from = channel, to = channel * plane; from < fractions.Length; from += 3, to += stride)
                destination[to] = (float)((fractions[from] * config.Scale - mean) / deviation);
        }
    }

    /// <summary>Refuses figures that would make every value of a channel NaN or infinite.</summary>
    private static void Check(PreprocessorConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (config.Mean is not { Count: 3 } mean || !mean.All(double.IsFinite))
            throw new ArgumentException("The mean is not three finite numbers.", nameof(config));
        if (config.StandardDeviation is not { Count: 3 } deviation || !deviation.All(value => double.IsFinite(value) && value != 0))
            throw new ArgumentException("The standard deviation is not three finite numbers other than 0.", nameof(config));
        if (!double.IsFinite(config.Scale))
            throw new ArgumentException("The scale is not a finite number.", nameof(config));
    }

    private static void Normalize(RgbImage image, float[] tables, Span<float> destination)
    {
        ArgumentNullException.ThrowIfNull(image);
        byte[] pixels = image.Pixels;
        if (destination.Length != pixels.Length)
            throw new ArgumentException(
                $"3 planes of {image.Width}x{image.Height} take {pixels.Length} values, got room for {destination.Length}.",
                nameof(destination));
        int plane = pixels.Length / 3;
        for (int channel = 0; channel < 3; channel++)
        {
            ReadOnlySpan<float> table = tables.AsSpan(channel * 256, 256);
            Span<float> values = destination.Slice(channel * plane, plane);
            for (int i = 0, from = channel; i < values.Length; i++, from += 3)
                values[i] = table[pixels[from]];
        }
    }

    /// <summary>Apart from the figures, which <see cref="PreprocessorConfig"/> reads while it is initialized.</summary>
    private static class Standard
    {
        public static readonly float[] Table = CreateTable();
    }
}
