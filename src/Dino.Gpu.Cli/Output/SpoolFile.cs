namespace Dino.Gpu.Cli.Output;

/// <summary>
/// A nameless temporary file beside an output: bytes that belong after those still to come. On Unix it has no name from the start,
/// on Windows it goes with its handle, so not even a killed process leaves it behind.
/// </summary>
internal sealed class SpoolFile : IDisposable
{
    private readonly FileStream _stream;
    private readonly string _output;

    /// <param name="path">Name for the moment of its creation.</param>
    /// <param name="output">The output, for messages.</param>
    public SpoolFile(string path, string output)
    {
        _output = output;
        FileOptions options = OperatingSystem.IsWindows() ? FileOptions.DeleteOnClose : FileOptions.None;
        _stream = new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Delete, bufferSize: 1 << 12, options);
        if (!OperatingSystem.IsWindows())
            File.Delete(path);
    }

    /// <summary>Appends.</summary>
    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        try
        {
            _stream.Write(bytes);
        }
        catch (IOException failure)
        {
            throw WriteFailure.Of(_output, failure);
        }
    }

    /// <summary>The bytes from the first on; <see cref="Write"/> no more after this.</summary>
    public Stream Rewind()
    {
        try
        {
            _stream.Position = 0; // flushes, which needs room on the disk
            return _stream;
        }
        catch (IOException failure)
        {
            throw WriteFailure.Of(_output, failure);
        }
    }

    public void Dispose()
    {
        try
        {
            _stream.Dispose();
        }
        catch (IOException)
        {
            // a buffered rest that the full disk does not take, of a file that goes anyway
        }
    }
}
