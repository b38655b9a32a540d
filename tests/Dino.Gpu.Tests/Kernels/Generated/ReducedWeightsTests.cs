using Dino.Gpu.Checkpoints;
using Dino.Gpu.Kernels.Generated;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Ops.Generated;
using Dino.Gpu.Search;
using Dino.Gpu.Tests.Support;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Tests.Kernels.Generated;

/// <summary>What int8 leaves of weights like trained ones.</summary>
public sealed unsafe class ReducedWeightsTests(ITestOutputHelper log)
{
    /// <summary>
    /// Trained Fc2 matrices have single weights of 20 to 190 standard deviations, in a few columns. A scale for each
    /// output leaves 33 dB of them, where Gaussian weights keep 42 and seeded ones 45.
    /// </summary>
    [Fact]
    public void Outliers_leave_the_other_weights_their_precision()
    {
        SimdModel.Require(TileKind.Int8);
        VitWeights weights = WithOutliers(SyntheticWeights.Create(ModelTwin.TwoLayers(384, 6, 1536, 16)));
        VitWeights sorted = OutlierOrder.Apply(weights);
        using var plain = new ReducedWeights(weights, TileKind.Int8, stepUnit: 2);
        using var ordered = new ReducedWeights(sorted, TileKind.Int8, stepUnit: 2);
        for (int layer = 0; layer < weights.Blocks.Count; layer++)
        {
            int index = ReducedPass.Index(Linear.Fc2, layer);
            double before = SignalToNoise(weights.Blocks[layer].Fc2, plain.Matrices[index]);
            double after = SignalToNoise(sorted.Blocks[layer].Fc2, ordered.Matrices[index]);
            log.WriteLine($"{before:F1} dB where they stand, {after:F1} dB in a group of their own");
            Assert.InRange(before, 30, 41);
            Assert.InRange(after, before + 4, 60);
        }
    }

    [Fact]
    public void Sorting_hidden_units_keeps_the_function()
    {
        VitConfig config = ModelTwin.TwoLayers(96, 3, 200, 16);
        VitWeights weights = WithOutliers(SyntheticWeights.Create(config));
        using SimdModel plain = SimdModel.Create(weights), sorted = SimdModel.Create(OutlierOrder.Apply(weights));
        var shape = new VitShape(config, config.TrainedImageSize, config.TrainedImageSize);
        var request = new ForwardRequest(1, allTokens: true, hiddenStates: false, 0);
        ForwardOutput expected = ForwardOutput.Allocate(shape, request), actual = ForwardOutput.Allocate(shape, request);
        byte[] pixels = NoisePicture.Of(config.TrainedImageSize, config.TrainedImageSize, 1).Pixels;
        plain.Executor.Run(pixels, InputTables.Of(weights, shape), shape, request, expected);
        sorted.Executor.Run(pixels, InputTables.Of(weights, shape), shape, request, actual);
        Assert.True(NearestNeighbors.Cosine(expected.Tokens, actual.Tokens) > 0.9999999);

        // Each unit keeps its row, its bias and its column, and the largest column is the first.
        BlockWeights before = weights.Blocks[0], after = OutlierOrder.Apply(weights).Blocks[0];
        int units = before.Fc2.Inputs;
        float[] largest = [.. Enumerable.Range(0, units).Select(
            unit => Enumerable.Range(0, after.Fc2.Outputs).Max(row => Math.Abs(after.Fc2.Weight[row * units + unit])))];
        Assert.Equal(largest.OrderDescending(), largest);
        Assert.Equal(Units(before), Units(after));

        static IEnumerable<string> Units(BlockWeights block)
        {
            int count = block.Fc2.Inputs, inputs = block.Fc1.Inputs;
            return Enumerable.Range(0, count).Select(unit => string.Join(
                ' ', block.Fc1.Weight.AsSpan(unit * inputs, inputs).ToArray().Append(block.Fc1.Bias[unit]).Concat(
                    Enumerable.Range(0, block.Fc2.Outputs).Select(row => block.Fc2.Weight[row * count + unit])))).Order();
        }
    }

    /// <summary>One weight of 150 deviations and some of 10 to 30, in columns far apart.</summary>
    private static VitWeights WithOutliers(VitWeights weights) => weights.With([.. weights.Blocks.Select(block =>
    {
        float[] fc2 = [.. block.Fc2.Weight];
        int units = block.Fc2.Inputs;
        float deviation = (float)Math.Sqrt(fc2.Average(weight => weight * weight));
        fc2[5 * units + units / 2] = 150 * deviation;
        for (int i = 0; i < 12; i++)
            fc2[(7 * i + 3) % block.Fc2.Outputs * units + (i * 131 + 17) % units] = (10 + 2 * i) * deviation;
        return new BlockWeights
        {
            Norm1 = block.Norm1,
            Qkv = block.Qkv,
            Projection = block.Projection,
            Norm2 = block.Norm2,
            Fc1 = block.Fc1,
            Fc2 = new LinearWeights(fc2, block.Fc2.Bias),
        };
    })]);

    /// <summary>In decibels.</summary>
    private static double SignalToNoise(LinearWeights linear, ReducedMatrix matrix)
    {
        double signal = 0, noise = 0;
        for (int output = 0; output < linear.Outputs; output++)
        {
            for (int input = 0; input < linear.Inputs; input++)
            {
                double weight = linear.Weight[output * linear.Inputs + input];
                double error = weight - matrix.ByteWeight(output, input);
                signal += weight * weight;
                noise += error * error;
            }
        }

        return 10 * Math.Log10(signal / noise);
    }
}
