namespace Dino.Gpu.Kernels;

/// <summary>The factors of one step of SGD.</summary>
/// <param name="LearningRate">The learning rate of the epoch.</param>
/// <param name="Momentum">The share of the last step that the next one repeats.</param>
/// <param name="WeightDecay">The share of the parameters that is added to their gradient.</param>
internal readonly record struct ProbeStep(float LearningRate, float Momentum, float WeightDecay)
{
    /// <summary>
    /// The number of values that kernels keep for an example: the sum of exp(logit - max), max minus the logit of its
    /// class, and the number of classes ahead of its class.
    /// </summary>
    public const int OutcomeLength = 3;
}
