namespace Dino.Gpu.Classification;

/// <summary>
/// How <see cref="LinearProbe"/> is trained. The defaults are those of the original's <c>eval_linear.py</c> for ViT-S
/// on one GPU.
/// </summary>
public sealed record LinearProbeOptions
{
    /// <summary>The batch size that <see cref="LearningRate"/> applies to.</summary>
    public const int ReferenceBatchSize = 256;

    /// <summary>How often every example is trained on.</summary>
    public int Epochs { get; init; } = 100;

    /// <summary>
    /// The first learning rate for a batch of <see cref="ReferenceBatchSize"/>. Other batch sizes scale it in
    /// proportion. The original recommends trying several.
    /// </summary>
    public double LearningRate { get; init; } = 0.001;

    /// <summary>Examples of a step. The last step of an epoch may have fewer.</summary>
    public int BatchSize { get; init; } = 128;

    /// <summary>The share of the last step that the next one repeats.</summary>
    public double Momentum { get; init; } = 0.9;

    /// <summary>The share of the parameters that is added to their gradient.</summary>
    public double WeightDecay { get; init; }

    /// <summary>The seed of the first weights and of the order of examples.</summary>
    public ulong Seed { get; init; }

    /// <summary>
    /// <c>auto</c>, <c>cpu</c>, <c>cuda[:N]</c> or <c>opencl[:N]</c>. The examples must fit its memory.
    /// </summary>
    public string Device { get; init; } = "auto";

    /// <summary>Threads of the CPU device; null for one per core. The number never changes a result.</summary>
    public int? Threads { get; init; }

    /// <summary>Receives one line for each GPU that <c>auto</c> cannot use and skips.</summary>
    public Action<string>? Warning { get; init; }

    /// <summary>
    /// The learning rate of an epoch. It falls along half a cosine from the first one, scaled by the batch size, toward
    /// 0.
    /// </summary>
    /// <param name="epoch">Counted from 0.</param>
    public double LearningRateOf(int epoch) =>
        LearningRate * BatchSize / ReferenceBatchSize * (1 + Math.Cos(Math.PI * epoch / Epochs)) / 2;

    /// <exception cref="ArgumentException">A number is out of its range.</exception>
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
