using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Formats;

/// <summary>Opens a file of embeddings and turns what is wrong with it into one line that names it.</summary>
internal sealed class EmbeddingFile : IEmbeddingReader
{
    private readonly string _path;
    private readonly IEmbeddingReader _reader;

    /// <exception cref="DinoException">There is no such file, or it is not what its extension says.</exception>
    public EmbeddingFile(string path, Func<Stream, IEmbeddingReader> open)
    {
        _path = path;
        Stream? stream = null;
        try
        {
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
            _reader = open(stream);
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            stream?.Dispose();
            if (failure is DinoException)
                throw;
            throw Broken(failure);
        }
    }

    /// <inheritdoc/>
    /// <exception cref="DinoException">The file is broken.</exception>
    public RowSchema Schema => Reading(() => _reader.Schema);

    /// <inheritdoc/>
    public int RowLength => _reader.RowLength;

    public RowInfo? Read(Span<float> values)
    {
        if (values.Length != RowLength)
            throw new ArgumentException($"A row has {RowLength} values, got {values.Length}.");
        try
        {
            return _reader.Read(values);
        }
        catch (Exception failure) when (failure is not (DinoException or OperationCanceledException))
        {
            throw Broken(failure);
        }
    }

    public void Dispose() => _reader.Dispose();

    /// <summary>Why a row has no embedding, for the formats that do not say: its values are NaN. Null where they are numbers.</summary>
    public static string? MissingValues(ReadOnlySpan<float> values) => values.IndexOfAnyExcept(float.NaN) < 0 ? "no embedding" : null;

    private T Reading<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception failure) when (failure is not (DinoException or OperationCanceledException))
        {
            throw Broken(failure);
        }
    }

    private DinoException Broken(Exception failure)
    {
        string reason = failure switch
        {
            FileNotFoundException or DirectoryNotFoundException => "no such file",
            UnauthorizedAccessException => Directory.Exists(_path) ? "it is a directory" : "permission denied",
            EndOfStreamException => "truncated, or not what its extension says",
            OutOfMemoryException or OverflowException => "it claims more than memory can hold",
            IOException or InvalidDataException or System.Text.Json.JsonException => failure.Message,
            _ => "broken, or not what its extension says", // a library that trusted a damaged file
        };
        return new DinoException($"cannot read {_path}: {MessageText.OneLine(reason)}", failure);
    }
}
