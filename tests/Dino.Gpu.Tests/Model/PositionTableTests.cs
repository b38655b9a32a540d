using Dino.Gpu.Model;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Model;

/// <summary>The antialiased interpolation of positions, by a twin that follows the definition in double precision.</summary>
public sealed class PositionTableTests
{
    [Theory]
    [InlineData(4, 4)]
    [InlineData(3, 7)]
    [InlineData(11, 2)]
    [InlineData(5, 6)]
    public void Antialias_is_the_cubic_of_half_whose_weights_sum_to_one(int width, int height)
    {
        VitWeights weights = FamilyModel.Load("dinov2_reg");
        int trained = weights.Config.TrainedGrid, hidden = weights.Config.HiddenSize;
        float[] found = PositionTable.Interpolate(weights.Positions, trained, width, height, PositionInterpolation.Antialias);
        double[][] across = Weights(trained, width), down = Weights(trained, height);
        Assert.Equal(weights.Positions[..hidden], found[..hidden]);
        for (int patch = 0; patch < width * height; patch++)
        {
            for (int channel = 0; channel < hidden; channel++)
            {
                double expected = 0;
                for (int source = 0; source < trained * trained; source++)
                {
                    expected += down[patch / width][source / trained] * across[patch % width][source % trained]
                        * weights.Positions[(1 + source) * hidden + channel];
                }

                Assert.Equal(expected, found[(1 + patch) * hidden + channel], tolerance: 1e-6);
            }
        }
    }

    [Theory]
    [InlineData(PositionInterpolation.Size)]
    [InlineData(PositionInterpolation.Scale)]
    [InlineData(PositionInterpolation.Antialias)]
    public void The_starting_table_has_class_token_registers_and_positions(PositionInterpolation interpolation)
    {
        VitWeights weights = FamilyModel.Load("dinov2_reg");
        int hidden = weights.Config.HiddenSize;
        float[] rows = new StartingTable(weights).Rows(6, 4, interpolation);
        float[] positions = PositionTable.Interpolate(weights.Positions, 5, 6, 4, interpolation);
        Assert.Equal(weights.ClassToken.Select((value, i) => value + positions[i]), rows[..hidden]);
        Assert.Equal(weights.Registers, rows[hidden..(5 * hidden)]);
        Assert.Equal(positions[hidden..], rows[(5 * hidden)..]);
        Assert.Equal(
            new StartingTable(weights).Rows(6, 4), new StartingTable(weights).Rows(6, 4, PositionInterpolation.Antialias)); // its own way
    }

    [Fact]
    public void Without_a_table_the_patches_start_at_zero()
    {
        VitWeights weights = FamilyModel.Load("dinov3");
        float[] rows = new StartingTable(weights).Rows(3, 2);
        Assert.Equal([.. weights.ClassToken, .. weights.Registers, .. new float[6 * 32]], rows);
    }

    /// <summary>(output, input), by Keys' cubic with a = -0.5, as wide as the step where the side shrinks.</summary>
    private static double[][] Weights(int input, int output)
    {
        double step = (double)input / output, width = Math.Max(step, 1);
        return
        [
            .. Enumerable.Range(0, output).Select(i =>
            {
                double[] weights = [.. Enumerable.Range(0, input).Select(j => Cubic(Math.Abs(j + 0.5 - (i + 0.5) * step) / width))];
                double sum = weights.Sum();
                return weights.Select(weight => weight / sum).ToArray();
            }),
        ];

        static double Cubic(double x) => x < 1 ? 1.5 * x * x * x - 2.5 * x * x + 1
            : x < 2 ? -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2
            : 0;
    }
}
