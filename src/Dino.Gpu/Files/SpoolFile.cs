namespace Dino.Gpu.Files;

/// <summary>
/// A <see cref="NamelessFile"/> beside an output: bytes that belong after those still to come.
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
        _stream = NamelessFile.Create(path, bufferSize: 1 << 12);
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

    /// <summary>Goes to the first byte, to read. Nothing can be written after this.</summary>
    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public void Rewind()
    {
        try
        {
            _stream.Position = 0; // flushes, which needs room on the disk
        }
        catch (IOException failure)
        {
            throw WriteFailure.Of(_output, failure);
        }
    }

    /// <summary>The next bytes, as many as there is room for.</summary>
    /// <exception cref="DinoException">They cannot be read back.</exception>
    public void ReadExactly(Span<byte> bytes)
    {
        try
        {
            _stream.ReadExactly(bytes);
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
