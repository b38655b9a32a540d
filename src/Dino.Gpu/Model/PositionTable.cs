namespace Dino.Gpu.Model;

/// <summary>Interpolates the position table to another patch grid.</summary>
internal static class PositionTable
{
    /// <summary>The cubic kernel's parameter, as in torch's bicubic interpolation (Pillow's is -0.5).</summary>
    private const double A = -0.75;

    /// <summary>
    /// Interpolates the patch positions bicubically, without antialiasing and with half-pixel centers, as torch's
    /// <c>interpolate(mode="bicubic", align_corners=False)</c>. A sample outside the grid takes the value at the
    /// border. The class token's position does not change. At the trained grid the table itself is returned.
    /// </summary>
    /// <param name="positions">(1 + trained * trained, hidden)</param>
    /// <param name="trained">Side of the trained grid.</param>
    /// <param name="gridWidth">Columns of the input's patch grid.</param>
    /// <param name="gridHeight">Rows of the input's patch grid.</param>
    /// <param name="interpolation">The step between the samples.</param>
    /// <returns>(1 + gridWidth * gridHeight, hidden)</returns>
    public static float[] Interpolate(float[] positions, int trained, int gridWidth, int gridHeight, PositionInterpolation interpolation)
    {
        if (gridWidth == trained && gridHeight == trained)
            return positions;

        int hidden = positions.Length / (1 + trained * trained);
        var result = new float[(1 + gridWidth * gridHeight) * hidden];
        positions.AsSpan(0, hidden).CopyTo(result);
        Tap[] columns = Taps(trained, gridWidth, interpolation);
        Tap[] rows = Taps(trained, gridHeight, interpolation);
        Parallel.For(0, gridHeight, y =>
        {
            var sums = new double[hidden];
            for (int x = 0; x < gridWidth; x++)
            {
                Array.Clear(sums);
                for (int j = 0; j < 4; j++)
                {
                    for (int i = 0; i < 4; i++)
                    {
                        double weight = rows[y].Weight(j) * columns[x].Weight(i);
                        int source = (1 + rows[y].Index(j, trained) * trained + columns[x].Index(i, trained)) * hidden;
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

    private static Tap[] Taps(int trained, int wanted, PositionInterpolation interpolation)
    {
        // The original code adds 0.1 to the input grid, so that torch's floor(trained * factor) does not lose a row to
        // rounding.
        double step = interpolation == PositionInterpolation.Size ? (double)trained / wanted : trained / (wanted + 0.1);
        var taps = new Tap[wanted];
        for (int i = 0; i < wanted; i++)
        {
            double position = (i + 0.5) * step - 0.5;
            double floor = Math.Floor(position);
            taps[i] = new Tap((int)floor, position - floor);
        }

        return taps;
    }

    /// <summary>Four neighboring samples: the one before First, First itself, and the two after it.</summary>
    private readonly record struct Tap(int First, double Fraction)
    {
        public int Index(int i, int size) => Math.Clamp(First - 1 + i, 0, size - 1);

        public double Weight(int i) => i switch
        {
            0 => Far(Fraction + 1),
            1 => Near(Fraction),
            2 => Near(1 - Fraction),
            _ => Far(2 - Fraction),
        };

        /// <summary>Cubic convolution at distances up to 1.</summary>
        private static double Near(double x) => ((A + 2) * x - (A + 3)) * x * x + 1;

        /// <summary>Cubic convolution at distances from 1 to 2.</summary>
        private static double Far(double x) => ((A * x - 5 * A) * x + 8 * A) * x - 4 * A;
    }
}
