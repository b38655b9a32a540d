namespace Dino.Gpu.Checkpoints;

/// <summary>What files of weights are called.</summary>
internal static class CheckpointNames
{
    /// <summary>What Hugging Face calls the weights of a model.</summary>
    public const string Safetensors = "model.safetensors";

    /// <summary>What <c>torch.save</c> is called there.</summary>
    public const string Torch = "pytorch_model.bin";

    private const string IndexEnding = ".index.json";

    private static readonly string[] Extensions = [".safetensors", ".bin", ".pth", ".pt", ".ckpt", ".pth.tar"];

    /// <summary>The names of a Hugging Face folder, the preferred one first.</summary>
    public static IReadOnlyList<string> Usual { get; } = [Safetensors, Safetensors + IndexEnding, Torch, Torch + IndexEnding];

    /// <summary>The indexes of models in several files, in the byte order of their names.</summary>
    public static IEnumerable<string> Indexes(string folder) =>
        Directory.EnumerateFiles(folder, "*" + IndexEnding).Order(StringComparer.Ordinal);

    /// <summary>The checkpoints of a folder in the byte order of their names, by extension alone.</summary>
    public static IEnumerable<string> In(string folder) =>
        Directory.EnumerateFiles(folder).Where(IsCheckpoint).Order(StringComparer.Ordinal);

    /// <summary>Whether a file is named as a checkpoint.</summary>
    public static bool IsCheckpoint(string file) =>
        Array.Exists(Extensions, ending => file.EndsWith(ending, StringComparison.OrdinalIgnoreCase));
}
