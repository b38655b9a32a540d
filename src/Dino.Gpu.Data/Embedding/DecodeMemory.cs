using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Embedding;

/// <summary>
/// Reports a picture for which there is not enough memory. The picture is not to blame: with fewer threads, or on
/// another machine, it can be read. So the command ends instead of leaving it out.
/// </summary>
internal static class DecodeMemory
{
    /// <summary>The failure as one line, and what to do.</summary>
    public static DinoException At(string path, OutOfMemoryException failure) =>
        new(
            $"{MessageText.OneLine(path)}: not enough memory to decode it",
            "lower --threads, or --max-pixels to leave such pictures out",
            failure);

    /// <summary>A failure of anything else for want of memory as one line; other failures as they are.</summary>
    public static Exception Of(Exception failure) => failure switch
    {
        AggregateException { InnerExceptions: [OutOfMemoryException first, ..] } => Of(first),
        OutOfMemoryException => new DinoException(
            "not enough memory", "free some, or raise the limit of the shell (ulimit -v) or the container", failure),
        _ => failure,
    };
}
