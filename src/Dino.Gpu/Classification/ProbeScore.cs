namespace Dino.Gpu.Classification;

/// <summary>How well a linear classifier does on some examples.</summary>
/// <param name="Loss">Mean cross entropy, in nats.</param>
/// <param name="Top1">The share of examples whose class has the largest logit.</param>
/// <param name="Top5">
/// The share of examples whose class has one of the five largest logits. Equal logits are in the order of their
/// classes.
/// </param>
public sealed record ProbeScore(double Loss, double Top1, double Top5);
