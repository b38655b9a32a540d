namespace Dino.Gpu.Cli.Commands;

/// <summary>What <c>dino compare</c> found, as its JSON has it.</summary>
/// <param name="A">The first image, or file.</param>
/// <param name="B">The other.</param>
/// <param name="Cosine">From -1 to 1.</param>
internal sealed record ComparedImages(string A, string B, double Cosine);
