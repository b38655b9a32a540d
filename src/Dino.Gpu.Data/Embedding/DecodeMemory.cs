using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Embedding;

/// <summary>
/// A picture that there is no memory for. That is not its fault: on another machine, or with fewer threads, it is read,
/// so the command ends instead of leaving it out.
/// </summary>
internal static class DecodeMemory
{
    /// <summary>As one line that says what to do.</summary>
    public static DinoException At(string path, OutOfMemoryException failure) =>
        new(
            $"{MessageText.OneLine(path)}: not enough memory to decode it: lower --threads, or --max-pixels to leave such pictures out",
            failure);
}
