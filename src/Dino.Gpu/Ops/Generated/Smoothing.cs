using Dino.Gpu.Model;

namespace Dino.Gpu.Ops.Generated;

/// <summary>
/// Moves outlying channels from activations to weights before both are quantized (SmoothQuant, Xiao et al. 2023, with
/// exponent 1/2): each channel of a LayerNorm is divided by a factor and the columns of the matrices behind it are
/// multiplied by it. The function is the same. A channel's range is taken from the LayerNorm alone, 3 |weight| + |bias|,
/// so no pictures are needed.
/// </summary>
internal static class Smoothing
{
    /// <summary>The same model with Qkv and Fc1 smoothed. What changes is copied.</summary>
    public static VitWeights Apply(VitWeights weights) => new()
    {
        Config = weights.Config,
        ClassToken = weights.ClassToken,
        Positions = weights.Positions,
        PatchEmbedding = weights.PatchEmbedding,
        Norm = weights.Norm,
        Blocks = [.. weights.Blocks.Select(Block)],
    };

    private static BlockWeights Block(BlockWeights block)
    {
        (NormWeights norm1, LinearWeights qkv) = Balance(block.Norm1, block.Qkv);
        (NormWeights norm2, LinearWeights fc1) = Balance(block.Norm2, block.Fc1);
        return new BlockWeights { Norm1 = norm1, Qkv = qkv, Projection = block.Projection, Norm2 = norm2, Fc1 = fc1, Fc2 = block.Fc2 };
    }

    private static (NormWeights Norm, LinearWeights Linear) Balance(NormWeights norm, LinearWeights linear)
    {
        int channels = linear.Inputs;
        var largest = new float[channels];
        for (int i = 0; i < linear.Weight.Length; i++)
            largest[i % channels] = Math.Max(largest[i % channels], Math.Abs(linear.Weight[i]));
        float[] weight = [.. norm.Weight], bias = [.. norm.Bias], matrix = [.. linear.Weight];
        for (int channel = 0; channel < channels; channel++)
        {
            float range = 3 * Math.Abs(weight[channel]) + Math.Abs(bias[channel]);
            // A power of two, so that nothing is rounded.
            float factor = range > 0 && largest[channel] > 0
                ? MathF.ScaleB(1f, (int)Math.Round(Math.Log2(range / largest[channel]) / 2))
                : 1f;
            weight[channel] /= factor;
            bias[channel] /= factor;
            for (int row = channel; row < matrix.Length; row += channels)
                matrix[row] *= factor;
        }

        return (new NormWeights(weight, bias), new LinearWeights(matrix, linear.Bias));
    }
}
