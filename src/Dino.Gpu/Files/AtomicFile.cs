using System.Text;
using System.Text.RegularExpressions;

namespace Dino.Gpu.Files;

/// <summary>
/// A file that appears under its name only when it is complete. It is written beside its target under a temporary name.
/// <see cref="Complete"/> flushes it to the disk and renames it over the target. <see cref="Dispose"/> without
/// <see cref="Complete"/> deletes it. The previous file stays until the rename.
/// </summary>
internal sealed partial class AtomicFile : IDisposable
{
    /// <summary>
    /// How often creating a temporary file is tried. Another process that cleans up may hold the file between its
    /// creation and its lock.
    /// </summary>
    private const int Attempts = 10;

    private readonly string _path; // the file to replace, with links resolved
    private readonly string _temporaryPath;
    private readonly FileStream _stream;
    private bool _closed;

    /// <summary>Opens the temporary file.</summary>
    /// <param name="path">The output. A link stays a link: the file behind it is replaced.</param>
    /// <exception cref="DinoException">The file cannot be created there.</exception>
    public AtomicFile(string path)
    {
        _path = OutputPath.Resolve(path);
        try
        {
            _stream = CreateTemporary(_path);
            _temporaryPath = _stream.Name;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw WriteFailure.OfNew(path, failure);
        }
    }

    /// <summary>
    /// Fails before the work starts if the file cannot be written. It also deletes the temporary files that killed
    /// processes left of this output: they may be large, and every repetition would add one. It reads the whole
    /// directory, so call it once per command, not once per file.
    /// </summary>
    /// <exception cref="DinoException">The file cannot be created there.</exception>
    public static void EnsureWritable(string path)
    {
        using var file = new AtomicFile(path);
        file.DeleteAbandoned();
    }

    /// <summary>
    /// Flushes a finished file to the disk and renames it over another file. It takes the other file's permissions.
    /// </summary>
    /// <param name="stream">The file; disposed when it is in place.</param>
    /// <param name="path">The file to replace, as <see cref="OutputPath.Resolve"/> returns it.</param>
    /// <exception cref="IOException">The disk is full or failing.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be written.</exception>
    public static void PutInPlace(FileStream stream, string path)
    {
        string temporaryPath = stream.Name;
        DiskFlush.Run(stream);
        if (OperatingSystem.IsWindows())
            stream.Dispose(); // Windows does not rename an open file
        else if (File.Exists(path))
            File.SetUnixFileMode(stream.SafeFileHandle, File.GetUnixFileMode(path)); // so that nobody else may read the new file
        File.Move(temporaryPath, path, overwrite: true);
        stream.Dispose(); // after the rename: without its lock the temporary file would look abandoned
    }

    /// <summary>
    /// The <see cref="TemporaryStem"/> of every output in a directory that has temporary files, of living or of killed
    /// processes. Empty if the directory cannot be read.
    /// </summary>
    public static HashSet<string> Interrupted(string directory)
    {
        try
        {
            IEnumerable<string> files = Directory.EnumerateFiles(directory, "*", new EnumerationOptions { AttributesToSkip = 0 });
            return [.. files.Select(file => OutputOf(Path.GetFileName(file))).OfType<string>()];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return []; // a directory that may be written but not read
        }
    }

    /// <summary>The <see cref="TemporaryStem"/> of the output that a temporary file will become; null for any other name.</summary>
    public static string? OutputOf(string fileName) =>
        TemporaryName().Match(fileName) is { Success: true } match ? match.Groups[1].Value : null;

    /// <summary>The temporary file, for writing and seeking.</summary>
    public Stream Stream => _stream;

    /// <summary>Runs a write. Its failure, such as a full disk, becomes one line.</summary>
    /// <exception cref="DinoException">The write failed.</exception>
    public void Write(Action<Stream> write)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        try
        {
            write(_stream);
        }
        catch (IOException failure)
        {
            throw Failed(failure);
        }
    }

    /// <inheritdoc cref="Write(Action{Stream})"/>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        try
        {
            _stream.Write(bytes);
        }
        catch (IOException failure)
        {
            throw Failed(failure);
        }
    }

    /// <summary>
    /// Creates a temporary file in the same folder, for bytes that must be written last. The caller disposes it.
    /// </summary>
    /// <exception cref="DinoException">It cannot be created.</exception>
    public SpoolFile CreateSpool()
    {
        try
        {
            // It has a name for a moment. If the process is killed then, the file stays, so it uses a name that the
            // cleanup knows.
            return Create(_path, name => new SpoolFile(name, _path));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw Failed(failure);
        }
    }

    /// <summary>Renames the file over its target.</summary>
    /// <exception cref="DinoException">
    /// It cannot be flushed or renamed. <see cref="Dispose"/> then deletes the temporary file.
    /// </exception>
    public void Complete()
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        try
        {
            PutInPlace(_stream, _path);
            _closed = true;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw Failed(failure);
        }
    }

    /// <summary>Deletes the temporary file unless it was completed.</summary>
    public void Dispose()
    {
        if (_closed)
            return;
        _closed = true;
        try
        {
            _stream.Dispose();
        }
        catch (IOException)
        {
            // The disk is full and does not take the buffered rest. The file is deleted anyway.
        }

        try
        {
            File.Delete(_temporaryPath);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // The failure that led here is the one to report.
        }
    }

    /// <summary>Creates a file, locks it, and checks that it still has its name. Now nobody deletes it.</summary>
    private static FileStream CreateTemporary(string path) => Create(path, name =>
    {
        var stream = new FileStream(name, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, bufferSize: 1 << 16);
        if (File.Exists(name))
            return stream;
        stream.Dispose();
        return null;
    });

    /// <summary>Creates a file under a temporary name, or under another one if the first was lost.</summary>
    private static T Create<T>(string path, Func<string, T?> create)
        where T : class
    {
        for (int attempt = 1; ; attempt++)
        {
            string name = $".{TemporaryStem(Path.GetFileName(path))}.{Guid.NewGuid().ToString("N")[..8]}.tmp";
            try
            {
                if (create(Path.Combine(Path.GetDirectoryName(path)!, name)) is { } created)
                    return created;
            }
            catch (IOException) when (attempt < Attempts)
            {
                // another name
            }
        }
    }

    /// <summary>
    /// What a temporary name has of the output's: all of it, unless the file system would not take a name that is
    /// longer still. Then it is the beginning, which still tells the file's own temporary files from others.
    /// </summary>
    public static string TemporaryStem(string fileName)
    {
        const int LongestName = 255; // bytes, on Linux; letters, on the others
        const int Added = 14; // two dots, eight digits, .tmp
        int kept = fileName.Length;
        while (Encoding.UTF8.GetByteCount(fileName.AsSpan(0, kept)) > LongestName - Added || char.IsHighSurrogate(fileName[kept - 1]))
            kept--;
        return fileName[..kept];
    }

    private void DeleteAbandoned()
    {
        try
        {
            var everything = new EnumerationOptions { AttributesToSkip = 0 };
            string[] others = [.. Directory.EnumerateFiles(Path.GetDirectoryName(_path)!, "*", everything).Where(IsOther)];
            // On a file system without locks our own file looks abandoned too. Then nothing tells which files are
            // abandoned.
            if (others.Length == 0 || IsAbandoned(_temporaryPath, FileOptions.None))
                return;
            foreach (string other in others)
                IsAbandoned(other, FileOptions.DeleteOnClose);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // a directory that may be written but not read
        }
    }

    /// <summary>Whether a file is another temporary file of the same output.</summary>
    private bool IsOther(string file)
    {
        string name = Path.GetFileName(file);
        return name != Path.GetFileName(_temporaryPath) && OutputOf(name) == TemporaryStem(Path.GetFileName(_path));
    }

    /// <summary>Whether no process holds a temporary file. A living process has it locked.</summary>
    private static bool IsAbandoned(string path, FileOptions options)
    {
        try
        {
            new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None, bufferSize: 1, options).Dispose();
            return true;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private DinoException Failed(Exception failure) => WriteFailure.Of(_path, failure);

    [GeneratedRegex(@"^\.(.+)\.[0-9a-f]{8}\.tmp\z", RegexOptions.CultureInvariant | RegexOptions.Singleline)]
    private static partial Regex TemporaryName();
}
