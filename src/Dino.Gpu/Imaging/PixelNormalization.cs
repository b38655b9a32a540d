namespace Dino.Gpu.Imaging;

/// <summary>The model's input normalisation, (value / 255 - mean) / std per channel: the ImageNet figures of its <c>preprocessor_config.json</c>.</summary>
public static class PixelNormalization
{
    /// <summary>Mean of each channel on a 0 to 1 scale, red first.</summary>
    public static ReadOnlySpan<double> Mean => [0.485, 0.456, 0.406];

    /// <summary>Standard deviation of each channel on a 0 to 1 scale, red first.</summary>
    public static ReadOnlySpan<double> StandardDeviation => [0.229, 0.224, 0.225];

    /// <summary>
    /// (3, 256): the normalised value of every byte in every channel, worked out in double and rounded once. A byte has only 256
    /// values, so kernels look them up instead of rounding three times.
    /// </summary>
    public static float[] CreateTable()
    {
        float[] table = new float[3 * 256];
        for (int channel = 0; channel < 3; channel++)
        {
            for (int value = 0; value < 256; value++)
                table[channel * 256 + value] = (float)((value / 255.0 - Mean[channel]) / StandardDeviation[channel]);
        }

        return table;
    }
}
