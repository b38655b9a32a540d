using Dino.Gpu.Model;

namespace Dino.Gpu.Ops.Generated;

/// <summary>
/// Moves outlying channels from activations to weights before both are quantized (SmoothQuant, Xiao et al. 2023, with
/// exponent 1/2): each channel of a LayerNorm is divided by a factor and the columns of the matrices behind it are
/// multiplied by it, and so are the values of attention and the columns of the projection. The function is the same. A
/// channel's range is taken from the weights alone, so no pictures are needed.
/// </summary>
internal static class Smoothing
{
    /// <summary>The same model with Qkv, the projection and Fc1 smoothed. What changes is copied.</summary>
    public static SmoothedWeights Apply(VitWeights weights)
    {
        (BlockWeights Block, float[] Values)[] blocks = [.. weights.Blocks.AsParallel().AsOrdered().Select(Block)];
        return new SmoothedWeights(
            weights.With([.. blocks.Select(smoothed => smoothed.Block)]), [.. blocks.SelectMany(smoothed => smoothed.Values)]);
    }

    private static (BlockWeights Block, float[] Values) Block(BlockWeights block)
    {
        (NormWeights norm1, LinearWeights qkv) = Balance(block.Norm1, block.Qkv);
        (NormWeights norm2, LinearWeights fc1) = Balance(block.Norm2, block.Fc1);
        (qkv, LinearWeights projection, float[] values) = BalanceValues(norm1, qkv, block.Projection);
        return (
            new BlockWeights { Norm1 = norm1, Qkv = qkv, Projection = projection, Norm2 = norm2, Fc1 = fc1, Fc2 = block.Fc2 }, values);
    }

    /// <summary>
    /// A channel of a LayerNorm is hardly ever more than three deviations from its bias: 3 |weight| + |bias|.
    /// </summary>
    private static (NormWeights Norm, LinearWeights Linear) Balance(NormWeights norm, LinearWeights linear)
    {
        float[] weight = [.. norm.Weight], bias = [.. norm.Bias], matrix = [.. linear.Weight], largest = Largest(linear);
        for (int channel = 0; channel < linear.Inputs; channel++)
        {
            float factor = Factor(3 * Math.Abs(weight[channel]) + Math.Abs(bias[channel]), largest[channel]);
            weight[channel] /= factor;
            bias[channel] /= factor;
            MultiplyColumn(matrix, linear.Inputs, channel, factor);
        }

        return (new NormWeights(weight, bias), new LinearWeights(matrix, linear.Bias));
    }

    /// <summary>
    /// A value is a sum of LayerNorm channels of their own deviations and biases. Attention's mean over tokens narrows
    /// all channels alike.
    /// </summary>
    private static (LinearWeights Qkv, LinearWeights Projection, float[] Factors) BalanceValues(
        NormWeights norm, LinearWeights qkv, LinearWeights projection)
    {
        int channels = projection.Inputs, inputs = qkv.Inputs;
        float[] matrix = [.. qkv.Weight], bias = [.. qkv.Bias], columns = [.. projection.Weight], largest = Largest(projection);
        var factors = new float[channels];
        for (int channel = 0; channel < channels; channel++)
        {
            int row = 2 * channels + channel; // query, key, value
            Span<float> weights = matrix.AsSpan(row * inputs, inputs);
            double mean = bias[row], variance = 0;
            for (int i = 0; i < inputs; i++)
            {
                mean += weights[i] * norm.Bias[i];
                variance += (double)(weights[i] * norm.Weight[i]) * (weights[i] * norm.Weight[i]);
            }

            float factor = Factor((float)(3 * Math.Sqrt(variance) + Math.Abs(mean)), largest[channel]);
            factors[channel] = factor;
            bias[row] /= factor;
            for (int i = 0; i < inputs; i++)
                weights[i] /= factor;
            MultiplyColumn(columns, channels, channel, factor);
        }

        return (new LinearWeights(matrix, bias), new LinearWeights(columns, projection.Bias), factors);
    }

    /// <summary>A power of two, so that nothing is rounded.</summary>
    private static float Factor(float range, float largest) =>
        range > 0 && largest > 0 ? MathF.ScaleB(1f, (int)Math.Round(Math.Log2(range / largest) / 2)) : 1f;

    /// <summary>The largest magnitude of each column.</summary>
    private static float[] Largest(LinearWeights linear)
    {
        int columns = linear.Inputs;
        var largest = new float[columns];
        for (int i = 0; i < linear.Weight.Length; i++)
            largest[i % columns] = Math.Max(largest[i % columns], Math.Abs(linear.Weight[i]));
        return largest;
    }

    private static void MultiplyColumn(float[] matrix, int columns, int column, float factor)
    {
        for (int place = column; place < matrix.Length; place += columns)
            matrix[place] *= factor;
    }
}

/// <summary>A smoothed model.</summary>
/// <param name="Weights">The model.</param>
/// <param name="ValueFactors">(layers, hidden): what its values are multiplied by to be those of before.</param>
internal sealed record SmoothedWeights(VitWeights Weights, float[] ValueFactors);
