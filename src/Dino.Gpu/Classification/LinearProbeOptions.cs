namespace Dino.Gpu.Classification;

/// <summary>How <see cref="LinearProbe"/> is trained. The defaults are those of the original's <c>eval_linear.py</c> for ViT-S on one GPU.</summary>
public sealed record LinearProbeOptions
{
    /// <summary>The batch size that <see cref="LearningRate"/> is given for.</summary>
    public const int ReferenceBatchSize = 256;

    /// <summary>Times that every example is trained on.</summary>
    public int Epochs { get; init; } = 100;

    /// <summary>At the start, for a batch of <see cref="ReferenceBatchSize"/>; scaled in proportion for others. The original recommends to try several.</summary>
    public double LearningRate { get; init; } = 0.001;

    /// <summary>Examples of a step; the last of an epoch may have fewer.</summary>
    public int BatchSize { get; init; } = 128;

    /// <summary>Share of the last step that goes on.</summary>
    public double Momentum { get; init; } = 0.9;

    /// <summary>Share of the parameters that is added to their gradient.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Of the first weights and of the order of examples.</summary>
    public ulong Seed { get; init; }

    /// <summary><c>auto</c>, <c>cpu</c>, <c>cuda[:N]</c> or <c>opencl[:N]</c>. The examples have to fit its memory.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>Threads of the CPU device; null for one a core. They never change a result.</summary>
    public int? Threads { get; init; }

    /// <summary>The learning rate of an epoch: half a cosine from the first, scaled by the batch size, towards 0.</summary>
    /// <param name="epoch">Counted from 0.</param>
    public double LearningRateOf(int epoch) =>
        LearningRate * BatchSize / ReferenceBatchSize * (1 + Math.Cos(Math.PI * epoch / Epochs)) / 2;

    /// <exception cref="ArgumentException">A number that nothing can be trained with.</exception>
    internal void Validate()
    {
        if (Epochs < 1)
            throw new ArgumentException($"{Epochs} epochs, expected 1 or more.", nameof(Epochs));
        if (BatchSize < 1)
            throw new ArgumentException($"A batch of {BatchSize}, expected 1 or more.", nameof(BatchSize));
        if (!(LearningRate > 0 && double.IsFinite(LearningRate)))
            throw new ArgumentException($"The learning rate is {LearningRate}, expected a number above 0.", nameof(LearningRate));
        if (!(Momentum is >= 0 and < 1))
            throw new ArgumentException($"The momentum is {Momentum}, expected 0 or more and less than 1.", nameof(Momentum));
        if (!(WeightDecay >= 0 && double.IsFinite(WeightDecay)))
            throw new ArgumentException($"The weight decay is {WeightDecay}, expected 0 or more.", nameof(WeightDecay));
    }
}

/// <summary>What an epoch of <see cref="LinearProbe"/>'s training came to.</summary>
/// <param name="Number">Counted from 0.</param>
/// <param name="LearningRate">Its learning rate.</param>
/// <param name="Train">Of every training example just before the step that it was part of.</param>
/// <param name="Test">Of the test examples after the epoch; null without any.</param>
public sealed record ProbeEpoch(int Number, double LearningRate, ProbeScore Train, ProbeScore? Test);

/// <summary>How well a linear classifier does.</summary>
/// <param name="Loss">Mean cross entropy, in nats.</param>
/// <param name="Top1">Share of examples whose class has the largest logit.</param>
/// <param name="Top5">Share of examples whose class is among the five largest. Of equal logits the smaller class index comes first.</param>
public sealed record ProbeScore(double Loss, double Top1, double Top5);
