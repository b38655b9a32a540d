using Dino.Gpu.Cli.Output;

namespace Dino.Gpu.Cli.Formats;

/// <summary>Where a format of lines goes: a file that appears when complete, or a stream that the caller owns, such as standard output.</summary>
internal sealed class LineOutput : IDisposable
{
    private readonly OutputFile? _file;
    private readonly Stream? _stream;

    /// <exception cref="DinoException">The file cannot be created there.</exception>
    public LineOutput(string path) => _file = new OutputFile(path);

    public LineOutput(Stream stream) => _stream = stream;

    public void Write(ReadOnlySpan<byte> bytes)
    {
        _file?.Write(bytes);
        _stream?.Write(bytes);
    }

    public void Flush() => _stream?.Flush();

    public void Complete()
    {
        _stream?.Flush();
        _file?.Complete();
    }

    public void Dispose() => _file?.Dispose();
}
