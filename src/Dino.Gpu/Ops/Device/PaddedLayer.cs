using Dino.Gpu.Model;

namespace Dino.Gpu.Ops.Device;

/// <summary>Layers whose sides are filled up with zeros to what a family's products take.</summary>
internal static class PaddedLayer
{
    /// <summary>
    /// The layer with rows and columns of zeros behind its own; itself where it has the multiples already.
    /// </summary>
    public static LinearWeights Padded(this LinearWeights linear, int outputMultiple, int inputMultiple)
    {
        int outputs = RoundUp(linear.Outputs, outputMultiple);
        int inputs = RoundUp(linear.Inputs, inputMultiple);
        if (outputs == linear.Outputs && inputs == linear.Inputs)
            return linear;
        float[] weight = new float[outputs * inputs], bias = new float[outputs];
        linear.Bias.CopyTo(bias, 0);
        for (int row = 0; row < linear.Outputs; row++)
            linear.Weight.AsSpan(row * linear.Inputs, linear.Inputs).CopyTo(weight.AsSpan(row * inputs));
        return new LinearWeights(weight, bias);
    }

    public static int RoundUp(int count, int multiple) => (count + multiple - 1) / multiple * multiple;
}
