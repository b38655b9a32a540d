namespace Dino.Gpu.Files;

/// <summary>
/// Temporary files that only this user can read, and that vanish even if the process is killed. On Unix they have no
/// name; on Windows the system deletes them when they are closed.
/// </summary>
internal static class NamelessFile
{
    /// <param name="path">The name that it has for a moment.</param>
    /// <param name="bufferSize">Bytes of the stream's buffer.</param>
    public static FileStream Create(string path, int bufferSize)
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.Read | FileShare.Delete,
            BufferSize = bufferSize,
            Options = OperatingSystem.IsWindows() ? FileOptions.DeleteOnClose : FileOptions.None,
        };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var file = new FileStream(path, options);
        if (!OperatingSystem.IsWindows())
            File.Delete(path);
        return file;
    }

    /// <summary>Creates a file in the folder for temporary files.</summary>
    public static FileStream CreateTemporary(int bufferSize) =>
        Create(Path.Combine(Path.GetTempPath(), $"dino-{Guid.NewGuid():N}.tmp"), bufferSize);

    /// <summary>The failure of a temporary file that cannot be written or read, in one line.</summary>
    /// <param name="what">The contents of the file, for the message.</param>
    /// <param name="failure">The system's failure.</param>
    public static DinoException Failed(string what, Exception failure) =>
        new($"cannot keep {what} in the temporary folder {Path.GetTempPath()}: {failure.Message.ReplaceLineEndings(" ")}", failure);
}
