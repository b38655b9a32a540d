namespace Dino.Gpu.Cli.Output;

/// <summary>
/// A file that appears under its name only when it is whole: written beside it under a temporary name, flushed to the disk and renamed by <see cref="Complete"/>,
/// deleted by <see cref="Dispose"/> without it. What was there before stays until then.
/// </summary>
internal sealed class OutputFile : IDisposable
{
    private readonly string _path;
    private readonly string _temporaryPath;
    private readonly FileStream _stream;
    private bool _closed;

    /// <summary>Opens the temporary file.</summary>
    /// <exception cref="DinoException">The file cannot be created there.</exception>
    public OutputFile(string path)
    {
        try
        {
            if (Directory.Exists(path))
                throw new DinoException($"cannot write {path}: it is a directory, expected a file name");
            _path = Path.GetFullPath(new FileInfo(path).LinkTarget is null ? path : File.ResolveLinkTarget(path, returnFinalTarget: true)!.FullName); // a link stays one
            string directory = Path.GetDirectoryName(_path)!;
            if (directory == "/dev")
                throw new DinoException($"cannot write {path}: it is a device, and the file is put in place by renaming"); // would replace /dev/null
            if (!Directory.Exists(directory))
                throw new DinoException($"cannot write {path}: there is no directory {directory}");
            _temporaryPath = Path.Combine(directory, $".{Path.GetFileName(_path)}.{Guid.NewGuid().ToString("N")[..8]}.tmp");
            _stream = new FileStream(_temporaryPath, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, bufferSize: 1 << 16);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw WriteFailure.Of(path, failure);
        }
    }

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
            return new SpoolFile(Path.ChangeExtension(_temporaryPath, $"{Guid.NewGuid().ToString("N")[..8]}.tmp"), _path);
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
            _stream.Flush(flushToDisk: true);
            _stream.Dispose();
            File.Move(_temporaryPath, _path, overwrite: true);
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

    private DinoException Failed(Exception failure) => WriteFailure.Of(_path, failure);
}
