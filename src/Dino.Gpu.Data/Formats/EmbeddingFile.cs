using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;
using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.Data.Formats;

/// <summary>Opens a file of embeddings. Whatever is wrong with it becomes a message that names the file.</summary>
internal sealed class EmbeddingFile : IEmbeddingReader
{
    private readonly string _path;
    private readonly IEmbeddingReader _reader;
    private readonly MemoryBudget _budget;

    /// <exception cref="DinoException">There is no such file, or it is not what its extension says.</exception>
    public EmbeddingFile(string path, Func<Stream, IEmbeddingReader> open)
    {
        _path = path;
        Stream stream = new FileStream(OpenHandle(path), FileAccess.Read, 1 << 16);
        try
        {
            _budget = new MemoryBudget(stream.Length, MemoryBudget.FreeOfRows);
            _reader = open(stream);
            new MemoryBudget(stream.Length).Require(sizeof(float) * (long)_reader.RowLength);
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            stream.Dispose();
            if (failure is DinoException)
                throw;
            throw Broken(path, failure);
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
            RowInfo? row = _reader.Read(values);
            if (row is not null)
                _budget.TakeRow(row, values.Length);
            return row;
        }
        catch (Exception failure) when (failure is not (DinoException or OperationCanceledException))
        {
            throw Broken(_path, failure);
        }
    }

    public void Dispose() => _reader.Dispose();

    /// <summary>
    /// Why a row has no embedding, for formats that do not store it: all of its values are NaN. Null if some are
    /// numbers.
    /// </summary>
    public static string? MissingValues(ReadOnlySpan<float> values) => values.IndexOfAnyExcept(float.NaN) < 0 ? "no embedding" : null;

    /// <summary>Opens the file. This never blocks, because a pipe is refused.</summary>
    /// <exception cref="DinoException">It cannot be read; the message names it.</exception>
    public static SafeFileHandle OpenHandle(string path)
    {
        try
        {
            return RegularFile.Open(path);
        }
        catch (DinoException failure)
        {
            throw new DinoException($"cannot read {path}: {failure.Message}", failure.Hint ?? SimilarName.HintIfMissing(path), failure);
        }
    }

    private T Reading<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception failure) when (failure is not (DinoException or OperationCanceledException))
        {
            throw Broken(_path, failure);
        }
    }

    /// <summary>What is wrong with a file, as one line that names it.</summary>
    public static DinoException Broken(string path, Exception failure)
    {
        string reason = failure switch
        {
            EndOfStreamException => "truncated, or not what its extension says",
            OutOfMemoryException or OverflowException => "it claims more than memory can hold",
            IOException or InvalidDataException or System.Text.Json.JsonException => failure.Message,
            _ => "broken, or not what its extension says", // a library believed a damaged file
        };
        return new DinoException($"cannot read {path}: {MessageText.OneLine(reason)}", failure);
    }
}
