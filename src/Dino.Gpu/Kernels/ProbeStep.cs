namespace Dino.Gpu.Kernels;

/// <summary>What one step of SGD multiplies with.</summary>
/// <param name="LearningRate">Of this epoch.</param>
/// <param name="Momentum">Share of the last step that goes on.</param>
/// <param name="WeightDecay">Share of the parameters that is added to their gradient.</param>
internal readonly record struct ProbeStep(float LearningRate, float Momentum, float WeightDecay)
{
    /// <summary>
    /// Values that kernels keep of an example: sum of exp(logit - max), max - logit of its class, and the classes that
    /// are ahead of its class.
    /// </summary>
    public const int OutcomeLength = 3;
}
