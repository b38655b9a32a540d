using Dino.Gpu.Model;

namespace Dino.Gpu.Ops.Generated;

/// <summary>
/// Sorts the hidden units of each MLP by their largest weight in Fc2. The function is the same, but the few columns of
/// Fc2 with outliers, up to 190 standard deviations in trained models, stand together at the front, where
/// <see cref="ReducedWeights"/> gives them scales of their own. No other weight then shares a scale with them.
/// </summary>
internal static class OutlierOrder
{
    /// <summary>The same model with sorted hidden units. What changes is copied.</summary>
    public static VitWeights Apply(VitWeights weights) =>
        weights.With([.. weights.Blocks.AsParallel().AsOrdered().Select(Block)]);

    private static BlockWeights Block(BlockWeights block)
    {
        int units = block.Fc2.Inputs;
        var largest = new float[units];
        for (int i = 0; i < block.Fc2.Weight.Length; i++)
            largest[i % units] = Math.Max(largest[i % units], Math.Abs(block.Fc2.Weight[i]));
        int[] order = [.. Enumerable.Range(0, units).OrderByDescending(unit => largest[unit])]; // stable

        float[] fc1 = new float[block.Fc1.Weight.Length], bias = new float[block.Fc1.Outputs], fc2 = new float[block.Fc2.Weight.Length];
        int inputs = block.Fc1.Inputs;
        for (int place = 0; place < bias.Length; place++)
        {
            // A gated layer has two rows for each unit, those of up behind those of the gate.
            int from = place / units * units + order[place % units];
            bias[place] = block.Fc1.Bias[from];
            Array.Copy(block.Fc1.Weight, from * inputs, fc1, place * inputs, inputs);
        }

        for (int row = 0; row < fc2.Length; row += units)
        {
            for (int place = 0; place < units; place++)
                fc2[row + place] = block.Fc2.Weight[row + order[place]];
        }

        return new BlockWeights
        {
            Norm1 = block.Norm1,
            Qkv = block.Qkv,
            Projection = block.Projection,
            Norm2 = block.Norm2,
            Fc1 = new LinearWeights(fc1, bias),
            Fc2 = new LinearWeights(fc2, block.Fc2.Bias),
        };
    }
}
