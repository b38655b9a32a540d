namespace Dino.Gpu.Files;

/// <summary>
/// A <see cref="NamelessFile"/> beside an output. It holds bytes that must follow bytes still to be written.
/// </summary>
internal sealed class SpoolFile : IDisposable
{
    private readonly FileStream _stream;
    private readonly string _output;

    /// <param name="path">The name that it has for a moment.</param>
    /// <param name="output">The output, for messages.</param>
    public SpoolFile(string path, string output)
    {
        _output = output;
        _stream = NamelessFile.Create(path, bufferSize: 1 << 12);
    }

    /// <summary>Appends bytes.</summary>
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

    /// <summary>Seeks to the first byte, for reading. Nothing can be written after this.</summary>
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

    /// <summary>Reads the next bytes and fills the span.</summary>
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
            // The disk is full and does not take the buffered rest. The file is deleted anyway.
        }
    }
}
