using System.Buffers;
using System.Text.Json;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Inputs;

/// <summary>
/// Writes the rows of an <see cref="InputList"/>: to a file of the caller's, which appears when it is whole, or to
/// memory and, when that becomes much, to a
/// temporary file. Small runs so need no temporary folder, and large ones no memory.
/// </summary>
internal sealed class InputListWriter : IDisposable
{
    private const int MemoryLimit = 1 << 20;

    /// <summary>Letters of a row's texts: what every format can write and read again, within memory that does not
    /// depend on what people keep in their lists.</summary>
    private const int MaxText = 1 << 20;

    private readonly IReadOnlyList<CarriedColumn> _columns;
    private readonly AtomicFile? _file;
    private readonly string _name;
    private readonly ArrayBufferWriter<byte> _line = new();
    private readonly Utf8JsonWriter _json;
    private readonly List<long> _offsets = [];
    private Stream _stream;
    private long _position;
    private long _count;
    private bool _completed;

    /// <param name="columns">Columns of every row.</param>
    /// <param name="path">Where the list stays; null for a temporary one.</param>
    /// <exception cref="DinoException">The file cannot be written.</exception>
    public InputListWriter(IReadOnlyList<CarriedColumn> columns, string? path)
    {
        _columns = columns;
        _json = new Utf8JsonWriter(_line, InputRowJson.WriterOptions);
        _file = path is null ? null : new AtomicFile(path);
        _name = path ?? "the list of inputs";
        _stream = _file?.Stream ?? new MemoryStream();
        InputRowJson.WriteHeader(_json, columns);
        EndLine();
    }

    /// <exception cref="DinoException">It cannot be written, or carries more text than any format should have in a
    /// row.</exception>
    public void Add(InputItem item)
    {
        long letters = item.Path.Length;
        foreach (object? value in item.Columns)
            letters += value is string text ? text.Length : 0;
        if (letters > MaxText)
        {
            string name = MessageText.Visible(item.Path.Length > 60 ? item.Path[..60] + "..." : item.Path);
            throw new DinoException(
                $"row {_count} of the inputs ('{name}') has {letters} letters in its path and columns, and {MaxText} can be carried: "
                    + $"leave the longest column out");
        }

        if (_count % InputList.IndexStep == 0)
            _offsets.Add(_position);
        InputRowJson.WriteRow(_json, item);
        EndLine();
        _count++;
    }

    /// <summary>Ends the list and opens it.</summary>
    /// <exception cref="DinoException">The file cannot be flushed or renamed.</exception>
    public InputList Complete(string? path)
    {
        Stream? kept = null;
        ReadAt read;
        if (path is not null)
        {
            _file!.Complete();
            (read, kept) = InputList.OpenFile(path);
        }
        else if (_stream is MemoryStream memory)
        {
            byte[] bytes = memory.ToArray();
            read = (buffer, offset) =>
            {
                ReadOnlySpan<byte> left = bytes.AsSpan((int)Math.Min(offset, bytes.Length));
                left = left[..Math.Min(left.Length, buffer.Length)];
                left.CopyTo(buffer);
                return left.Length;
            };
        }
        else
        {
            Try(_stream.Flush);
            var file = (FileStream)_stream;
            kept = file;
            read = (buffer, offset) => RandomAccess.Read(file.SafeFileHandle, buffer, offset);
        }

        _completed = true;
        return new InputList(read, kept, path ?? _name, _columns, _count, _offsets);
    }

    public void Dispose()
    {
        _json.Dispose();
        _file?.Dispose();
        if (!_completed && _file is null)
            _stream.Dispose();
    }

    private void EndLine()
    {
        _json.Flush();
        _json.Reset();
        _line.Write("\n"u8);
        ReadOnlyMemory<byte> line = _line.WrittenMemory;
        if (_stream is MemoryStream memory && memory.Length + line.Length > MemoryLimit)
            Try(() => Spill(memory));
        Try(() => _stream.Write(line.Span));
        _position += line.Length;
        _line.ResetWrittenCount();
    }

    /// <summary>Goes on in a file.</summary>
    private void Spill(MemoryStream memory)
    {
        _stream = NamelessFile.CreateTemporary(bufferSize: 1 << 16);
        memory.WriteTo(_stream);
        memory.Dispose();
    }

    private void Try(Action write)
    {
        try
        {
            write();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw _file is null
                ? NamelessFile.Failed(_name, failure)
                : new DinoException($"cannot write {_name}: {failure.Message.ReplaceLineEndings(" ")}", failure);
        }
    }
}
