using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Outputs;

/// <summary>A directory that a command writes files into.</summary>
internal static class OutputDirectory
{
    /// <summary>
    /// Creates the directory, and those above it, if it does not exist. Deletes temporary files that killed processes
    /// left of the files to write.
    /// </summary>
    /// <param name="directory">The directory.</param>
    /// <param name="files">The files to write. They are enumerated only if temporary files were left.</param>
    /// <exception cref="DinoException">The directory cannot be created, or a file cannot be written.</exception>
    public static void Create(string directory, IEnumerable<string> files)
    {
        UrlInput.RefuseOutput(directory);
        try
        {
            Directory.CreateDirectory(directory);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            string reason = OutputPath.FileAsFolder(Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory)))
                ?? WriteFailure.ReasonOfNew(directory, failure);
            throw new DinoException($"cannot make directory {directory}: {reason}", failure);
        }

        HashSet<string> interrupted = AtomicFile.Interrupted(directory);
        if (interrupted.Count == 0)
            return;
        foreach (string file in files.Where(file => interrupted.Contains(AtomicFile.TemporaryStem(Path.GetFileName(file)))))
            AtomicFile.EnsureWritable(file);
    }
}
