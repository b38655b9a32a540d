using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// The output of a format of lines: a file, which appears when it is complete, or a stream of the caller, such as
/// standard output, which names itself when it fails.
/// </summary>
internal sealed class LineOutput : IDisposable
{
    private readonly AtomicFile? _file;
    private readonly Stream? _stream;

    /// <exception cref="DinoException">The file cannot be created there.</exception>
    public LineOutput(string path) => _file = new AtomicFile(path);

    public LineOutput(Stream stream) => _stream = stream;

    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        _file?.Write(bytes);
        _stream?.Write(bytes);
    }

    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public void Flush() => _stream?.Flush();

    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public void Complete()
    {
        Flush();
        _file?.Complete();
    }

    public void Dispose() => _file?.Dispose();
}
