namespace Dino.Gpu.Cli.Output;

/// <summary>A directory that a command writes files into.</summary>
internal static class OutputDirectory
{
    /// <summary>Makes it, with those above it, if it is not there.</summary>
    /// <exception cref="DinoException">It cannot be made.</exception>
    public static void Create(string directory)
    {
        try
        {
            Directory.CreateDirectory(directory);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new DinoException($"cannot make directory {directory}: {failure.Message}", failure);
        }
    }
}
