using System.Text.RegularExpressions;

namespace Dino.Gpu.Files;

/// <summary>
/// A file that appears under its name only when it is whole: written beside it under a temporary name, flushed to the disk and renamed by <see cref="Complete"/>,
/// deleted by <see cref="Dispose"/> without it. What was there before stays until then.
/// </summary>
internal sealed partial class AtomicFile : IDisposable
{
    /// <summary>Tries at a temporary file: another process that cleans up may hold it in the moment between its making and its locking.</summary>
    private const int Attempts = 3;

    private readonly string _path;
    private readonly string _temporaryPath;
    private readonly FileStream _stream;
    private bool _closed;

    /// <summary>Opens the temporary file.</summary>
    /// <exception cref="DinoException">The file cannot be created there.</exception>
    public AtomicFile(string path)
    {
        try
        {
            if (Directory.Exists(path))
                throw new DinoException($"cannot write {path}: it is a directory, expected a file name");
            _path = Path.GetFullPath(new FileInfo(path).LinkTarget is null ? path : File.ResolveLinkTarget(path, returnFinalTarget: true)!.FullName); // a link stays one
            string directory = Path.GetDirectoryName(_path)!;
            if (directory == "/dev")
                throw new DinoException($"cannot write {path}: it is a device, and the file is put in place by renaming"); // would replace /dev/null
            if (File.Exists(_path) && new FileInfo(_path).Length == 0 && !RegularFile.CanOpen(_path))
                throw new DinoException($"cannot write {path}: it is a pipe or a device, and the file is put in place by renaming; use a redirection"); // would leave its reader waiting
            if (!Directory.Exists(directory))
                throw new DinoException($"cannot write {path}: there is no directory {directory}");
            _stream = CreateTemporary(_path);
            _temporaryPath = _stream.Name;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw WriteFailure.Of(path, failure);
        }
    }

    /// <summary>
    /// Fails before the work starts if the file could not be written after it. Deletes the temporary files that killed processes left of it, too, which may be large and of
    /// which every repetition would add one; here and not at every file, since it reads the whole directory.
    /// </summary>
    /// <exception cref="DinoException">The file cannot be created there.</exception>
    public static void EnsureWritable(string path)
    {
        using var file = new AtomicFile(path);
        file.DeleteAbandoned();
    }

    /// <summary>Names of files in a directory of which there are temporary files, of processes that live or were killed. None where it cannot be read.</summary>
    public static HashSet<string> Interrupted(string directory)
    {
        try
        {
            return [.. Directory.EnumerateFiles(directory, "*", new EnumerationOptions { AttributesToSkip = 0 }).Select(file => OutputOf(Path.GetFileName(file))).OfType<string>()];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return []; // a directory that may be written but not read
        }
    }

    /// <summary>The name of the file that a temporary file is to become; null where a name is none of a temporary file.</summary>
    public static string? OutputOf(string fileName) => TemporaryName().Match(fileName) is { Success: true } match ? match.Groups[1].Value : null;

    /// <summary>The temporary file, for writing and seeking.</summary>
    public Stream Stream => _stream;

    /// <summary>Runs a write and turns its failure, such as a full disk, into one line.</summary>
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

    /// <summary>A temporary file in the same folder, for what has to wait until the end; the caller disposes it.</summary>
    /// <exception cref="DinoException">It cannot be created.</exception>
    public SpoolFile CreateSpool()
    {
        try
        {
            // Named as the other one: a process that is killed in the moment in which it has a name leaves it, and it is cleared as that.
            return Create(_path, name => new SpoolFile(name, _path));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw Failed(failure);
        }
    }

    /// <summary>Puts the file in place, over one of that name.</summary>
    /// <exception cref="DinoException">It cannot be flushed or renamed; the temporary file is deleted by <see cref="Dispose"/>.</exception>
    public void Complete()
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        try
        {
            DiskFlush.Run(_stream);
            if (OperatingSystem.IsWindows())
                _stream.Dispose(); // an open file keeps its name there
            else if (File.Exists(_path))
                File.SetUnixFileMode(_stream.SafeFileHandle, File.GetUnixFileMode(_path)); // who may read the old file may read the new one, and nobody else
            File.Move(_temporaryPath, _path, overwrite: true);
            _closed = true;
            _stream.Dispose(); // after the renaming: without its lock the temporary file would look abandoned
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
            // a buffered rest that the full disk does not take; the file is deleted anyway
        }

        try
        {
            File.Delete(_temporaryPath);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // the failure that led here is the one to report
        }
    }

    /// <summary>A new file that this process holds locked, and that has its name still: locked by then, so nobody deletes it any more.</summary>
    private static FileStream CreateTemporary(string path) => Create(path, name =>
    {
        var stream = new FileStream(name, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, bufferSize: 1 << 16);
        if (File.Exists(name))
            return stream;
        stream.Dispose();
        return null;
    });

    /// <summary>Makes a file under a temporary name, or under another where that one got lost.</summary>
    private static T Create<T>(string path, Func<string, T?> create)
        where T : class
    {
        for (int attempt = 1; ; attempt++)
        {
            string name = $".{Path.GetFileName(path)}.{Guid.NewGuid().ToString("N")[..8]}.tmp";
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

    private void DeleteAbandoned()
    {
        try
        {
            string[] others = [.. Directory.EnumerateFiles(Path.GetDirectoryName(_path)!, "*", new EnumerationOptions { AttributesToSkip = 0 }).Where(IsOther)];
            // On a file system without locks our own looks abandoned too, and nothing tells which are.
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

    /// <summary>Whether it is another temporary file of the same output.</summary>
    private bool IsOther(string file) => Path.GetFileName(file) is var name && name != Path.GetFileName(_temporaryPath) && OutputOf(name) == Path.GetFileName(_path);

    /// <summary>Whether no process holds a temporary file: a living one has it locked.</summary>
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
