using Dino.Gpu.Imaging;

namespace Dino.Gpu.Model;

/// <summary>Interpolates the position table to another patch grid.</summary>
internal static class PositionTable
{
    /// <summary>The cubic kernel's parameter, as in torch's bicubic interpolation (Pillow's is -0.5).</summary>
    private const double A = -0.75;

    /// <summary>
    /// Interpolates the patch positions bicubically, with half-pixel centers, as torch's
    /// <c>interpolate(mode="bicubic", align_corners=False)</c>. The class token's position does not change. At the
    /// trained grid the table itself is returned.
    /// </summary>
    /// <param name="positions">(1 + trained * trained, hidden)</param>
    /// <param name="trained">Side of the trained grid.</param>
    /// <param name="gridWidth">Columns of the input's patch grid.</param>
    /// <param name="gridHeight">Rows of the input's patch grid.</param>
    /// <param name="interpolation">The step between the samples, and the filter.</param>
    /// <returns>(1 + gridWidth * gridHeight, hidden)</returns>
    public static float[] Interpolate(float[] positions, int trained, int gridWidth, int gridHeight, PositionInterpolation interpolation)
    {
        if (gridWidth == trained && gridHeight == trained)
            return positions;

        int hidden = positions.Length / (1 + trained * trained);
        var result = new float[(1 + gridWidth * gridHeight) * hidden];
        positions.AsSpan(0, hidden).CopyTo(result);
        Sample[][] columns = Samples(trained, gridWidth, interpolation);
        Sample[][] rows = Samples(trained, gridHeight, interpolation);
        Parallel.For(0, gridHeight, y =>
        {
            var sums = new double[hidden];
            for (int x = 0; x < gridWidth; x++)
            {
                Array.Clear(sums);
                foreach (Sample row in rows[y])
                {
                    foreach (Sample column in columns[x])
                    {
                        double weight = row.Weight * column.Weight;
                        int source = (1 + row.Index * trained + column.Index) * hidden;
                        for (int channel = 0; channel < hidden; channel++)
                            sums[channel] += weight * positions[source + channel];
                    }
                }

                int destination = (1 + y * gridWidth + x) * hidden;
                for (int channel = 0; channel < hidden; channel++)
                    result[destination + channel] = (float)sums[channel];
            }
        });
        return result;
    }

    /// <summary>What each sample of a side is made of.</summary>
    private static Sample[][] Samples(int trained, int wanted, PositionInterpolation interpolation)
    {
        Arguments.ThrowIfUndefined(interpolation);
        if (interpolation == PositionInterpolation.Antialias)
        {
            var taps = new ResizeTaps(trained, wanted, ResizeFilter.Bicubic, 0, wanted);
            return [.. Enumerable.Range(0, wanted).Select(i => Antialiased(taps, i))];
        }

        // The original code adds 0.1 to the input grid, so that torch's floor(trained * factor) does not lose a row to
        // rounding.
        double step = interpolation == PositionInterpolation.Size ? (double)trained / wanted : trained / (wanted + 0.1);
        return [.. Enumerable.Range(0, wanted).Select(i => Cubic((i + 0.5) * step - 0.5, trained))];
    }

    private static Sample[] Antialiased(ResizeTaps taps, int i)
    {
        int start = taps.Start(i);
        ReadOnlySpan<double> weights = taps.Weights(i);
        var samples = new Sample[weights.Length];
        for (int tap = 0; tap < samples.Length; tap++)
            samples[tap] = new Sample(start + tap, weights[tap]);
        return samples;
    }

    /// <summary>
    /// The sample before the position, the one at or below it, and the two after it. One outside the grid takes the
    /// value at the border.
    /// </summary>
    private static Sample[] Cubic(double position, int trained)
    {
        double floor = Math.Floor(position);
        double fraction = position - floor;
        double[] weights = [Far(fraction + 1), Near(fraction), Near(1 - fraction), Far(2 - fraction)];
        return [.. weights.Select((weight, i) => new Sample(Math.Clamp((int)floor - 1 + i, 0, trained - 1), weight))];
    }

    /// <summary>Cubic convolution at distances up to 1.</summary>
    private static double Near(double x) => ((A + 2) * x - (A + 3)) * x * x + 1;

    /// <summary>Cubic convolution at distances from 1 to 2.</summary>
    private static double Far(double x) => ((A * x - 5 * A) * x + 8 * A) * x - 4 * A;

    /// <summary>A value of the trained table and what it counts.</summary>
    private readonly record struct Sample(int Index, double Weight);
}
