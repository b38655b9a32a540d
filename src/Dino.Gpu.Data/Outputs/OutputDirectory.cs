using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Outputs;

/// <summary>A directory that a command writes files into.</summary>
internal static class OutputDirectory
{
    /// <summary>
    /// Makes it, with those above it, if it is not there. Deletes the temporary files that killed processes left of
    /// what will be written.
    /// </summary>
    /// <param name="directory">The directory.</param>
    /// <param name="files">What will be written into it; not asked for where nothing was left.</param>
    /// <exception cref="DinoException">It cannot be made, or a file not be written.</exception>
    public static void Create(string directory, IEnumerable<string> files)
    {
        try
        {
            Directory.CreateDirectory(directory);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new DinoException($"cannot make directory {directory}: {failure.Message}", failure);
        }

        HashSet<string> interrupted = AtomicFile.Interrupted(directory);
        if (interrupted.Count == 0)
            return;
        foreach (string file in files.Where(file => interrupted.Contains(Path.GetFileName(file))))
            AtomicFile.EnsureWritable(file);
    }
}
