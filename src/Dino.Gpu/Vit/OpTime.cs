namespace Dino.Gpu.Vit;

/// <summary>The time that one step of the forward pass took over all layers.</summary>
/// <param name="Name">The step: <c>Qkv</c>, <c>Attention</c>, <c>LayerNorm</c> and so on.</param>
/// <param name="Seconds">Wall time. On the CPU device it is the mean over the threads.</param>
/// <param name="FloatingPointOperations">
/// Two for each multiply-add of its matrix products; 0 for a step without matrix products.
/// </param>
public sealed record OpTime(string Name, double Seconds, long FloatingPointOperations);
