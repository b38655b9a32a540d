using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Embedding;

/// <summary>
/// Reports a picture for which there is not enough memory. The picture is not to blame: with fewer threads, or on
/// another machine, it can be read. So the command ends instead of leaving it out.
/// </summary>
internal static class DecodeMemory
{
    private const int NoMemory = 12; // ENOMEM of errno.h

    /// <summary>The failure as one line, and what to do.</summary>
    public static DinoException At(string path, OutOfMemoryException failure) =>
        new(
            $"{MessageText.OneLine(path)}: not enough memory to decode it",
            "lower --threads, or --max-pixels to leave such pictures out",
            failure);

    /// <summary>A failure of anything else for want of memory as one line; other failures as they are.</summary>
    public static Exception Of(Exception failure)
    {
        for (Exception? cause = failure; cause is not (null or DinoException); cause = cause.InnerException)
        {
            if (IsWant(cause))
                return new DinoException(
                    "not enough memory", "free some, or raise the limit of the shell (ulimit -v) or the container", failure);
        }

        return failure;
    }

    /// <summary>The system's answer, too, and an assembly that cannot be loaded although its file is there.</summary>
    private static bool IsWant(Exception failure) => failure switch
    {
        OutOfMemoryException => true,
        FileNotFoundException { FileName: { } name } => IsThere(name),
        FileLoadException { FileName: { } name } => IsThere(name),
        IOException => !OperatingSystem.IsWindows() && failure.HResult == NoMemory,
        _ => false,
    };

    private static bool IsThere(string assembly) =>
        assembly.Contains(", Version=", StringComparison.Ordinal)
        && AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES") is string files
        && files.Split(Path.PathSeparator).Any(file => Path.GetFileNameWithoutExtension(file) == assembly.Split(',')[0]);
}
