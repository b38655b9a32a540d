using Dino.Gpu.Model;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Ops.Device;

/// <summary>
/// The first layer of a gated MLP, whose rows of gate and up lie side by side, so that a product has both columns of a
/// pair at hand where it stores them.
/// </summary>
internal static class GatedLayer
{
    /// <summary>
    /// The layer with some rows of the gate, as many of up, the next of the gate, and so on. Rows after the last are
    /// zero.
    /// </summary>
    /// <param name="fc1">(2 * mlp, hidden): the rows of the gate, then those of up.</param>
    /// <param name="group">Rows that take turns: a register of the family, or 1.</param>
    public static LinearWeights Interleave(LinearWeights fc1, int group)
    {
        int mlp = fc1.Outputs / 2;
        int inputs = fc1.Inputs;
        int rows = VitShape.GatedRows(mlp, group);
        float[] weight = new float[rows * inputs], bias = new float[rows];
        for (int unit = 0; unit < mlp; unit++)
        {
            int gate = unit / group * 2 * group + unit % group;
            Copy(unit, gate);
            Copy(mlp + unit, gate + group);
        }

        return new LinearWeights(weight, bias);

        void Copy(int from, int to)
        {
            bias[to] = fc1.Bias[from];
            fc1.Weight.AsSpan(from * inputs, inputs).CopyTo(weight.AsSpan(to * inputs));
        }
    }
}
