using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Runs;

/// <summary>
/// The rows of a shard that is not full yet, in a file that survives the end of the process at any byte: records of
/// length, content and CRC-32, of which those before the first damaged one count. A full journal is turned into the
/// shard in the run's format. Path and carried columns are not in it: they stand in the run's manifest.
/// </summary>
internal sealed class ShardJournal : IDisposable
{
    private const int LargestText = 1 << 20;

    private readonly string _path;
    private readonly FileStream _file;
    private readonly int _rowLength;
    private readonly ArrayBufferWriter<byte> _record = new();

    private ShardJournal(string path, FileStream file, int rowLength)
    {
        _path = path;
        _file = file;
        _rowLength = rowLength;
    }

    /// <summary>Records in the file, rows that were skipped among them.</summary>
    public long Count { get; private set; }

    /// <summary>What a row is; the number in the file.</summary>
    private enum Kind : byte
    {
        Embedded = 1,
        Failed = 2,
        Skipped = 3,
    }

    /// <summary>Starts a journal, whatever stood there.</summary>
    /// <param name="path">The file.</param>
    /// <param name="rowLength">Values of a row.</param>
    /// <exception cref="DinoException">It cannot be written.</exception>
    public static ShardJournal Create(string path, int rowLength)
    {
        try
        {
            return new ShardJournal(path, Open(path, FileMode.Create), rowLength);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw WriteFailure.Of(path, failure);
        }
    }

    /// <summary>Opens a journal, new or left by a run that ended, behind its last whole record.</summary>
    /// <param name="path">The file.</param>
    /// <param name="rowLength">Values of a row.</param>
    /// <exception cref="DinoException">It cannot be written.</exception>
    public static ShardJournal Open(string path, int rowLength)
    {
        try
        {
            FileStream file = Open(path, FileMode.OpenOrCreate);
            var journal = new ShardJournal(path, file, rowLength);
            long end = 0;
            foreach (JournalRow _ in journal.Rows())
            {
                journal.Count++;
                end = file.Position;
            }

            file.SetLength(end);
            file.Position = end;
            return journal;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw WriteFailure.Of(path, failure);
        }
    }

    /// <summary>Adds the next row.</summary>
    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public void Add(RowInfo info, ReadOnlySpan<float> values) => Add(info, info.Error is null ? Kind.Embedded : Kind.Failed, values);

    /// <summary>Adds a row that the output leaves out.</summary>
    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public void AddSkipped(RowInfo info) => Add(info, Kind.Skipped, []);

    /// <summary>
    /// Hands the rows so far to the operating system, which keeps them whatever becomes of the process.
    /// </summary>
    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public void Flush()
    {
        try
        {
            _file.Flush();
        }
        catch (IOException failure)
        {
            throw WriteFailure.Of(_path, failure);
        }
    }

    /// <summary>
    /// The rows from the first, up to the first record that is not whole. Moves the file's position; at its end the
    /// next record can be written.
    /// </summary>
    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public IEnumerable<JournalRow> Rows()
    {
        Flush();
        _file.Position = 0;
        byte[] prefix = new byte[sizeof(int)];
        byte[] content = [];
        int largest = _rowLength * sizeof(float) + 2 * LargestText;
        while (Read(prefix))
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(prefix);
            if (length < 1 || length > largest)
                yield break;
            int whole = length + sizeof(uint);
            if (content.Length < whole)
                content = new byte[whole];
            if (!Read(content.AsSpan(0, whole))
                || Crc32.HashToUInt32(content.AsSpan(0, length)) != BinaryPrimitives.ReadUInt32LittleEndian(content.AsSpan(length)))
                yield break;
            yield return Parse(content.AsSpan(0, length));
        }
    }

    public void Dispose()
    {
        try
        {
            _file.Dispose();
        }
        catch (IOException)
        {
            // a buffered rest that the full disk does not take: those rows are done again
        }
    }

    /// <summary>Fills the span, or says that the file ends before.</summary>
    private bool Read(Span<byte> bytes)
    {
        try
        {
            return _file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) == bytes.Length;
        }
        catch (IOException failure)
        {
            throw new DinoException($"cannot read {_path}: {WriteFailure.Reason(failure)}", failure);
        }
    }

    /// <summary>
    /// Fewer bytes a write than a page would cost a call each; the file is flushed when the next row is not ready yet.
    /// </summary>
    private static FileStream Open(string path, FileMode mode) =>
        new(path, mode, FileAccess.ReadWrite, FileShare.Read, bufferSize: 1 << 16);

    private void Add(RowInfo info, Kind kind, ReadOnlySpan<float> values)
    {
        _record.ResetWrittenCount();
        _record.Write((ReadOnlySpan<byte>)[0, 0, 0, 0, (byte)kind]);
        WriteNumber(info.Width ?? -1);
        WriteNumber(info.Height ?? -1);
        WriteText(info.Sha256);
        WriteText(info.Error);
        if (kind == Kind.Embedded)
            _record.Write(MemoryMarshal.AsBytes(values));
        int length = _record.WrittenCount - sizeof(int);
        Span<byte> crc = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(crc, Crc32.HashToUInt32(_record.WrittenSpan[sizeof(int)..]));
        _record.Write((ReadOnlySpan<byte>)crc);
        try
        {
            Span<byte> prefix = stackalloc byte[sizeof(int)];
            BinaryPrimitives.WriteInt32LittleEndian(prefix, length);
            _file.Write(prefix);
            _file.Write(_record.WrittenSpan[sizeof(int)..]);
        }
        catch (IOException failure)
        {
            throw WriteFailure.Of(_path, failure);
        }

        Count++;
    }

    private JournalRow Parse(ReadOnlySpan<byte> content)
    {
        var kind = (Kind)content[0];
        content = content[1..];
        int width = ReadNumber(ref content);
        int height = ReadNumber(ref content);
        string? sha256 = ReadText(ref content);
        string? error = ReadText(ref content);
        return new JournalRow(
            width < 0 ? null : width,
            height < 0 ? null : height,
            sha256,
            error,
            kind == Kind.Skipped,
            kind == Kind.Embedded ? MemoryMarshal.Cast<byte, float>(content).ToArray() : null);
    }

    private void WriteNumber(int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(_record.GetSpan(sizeof(int)), value);
        _record.Advance(sizeof(int));
    }

    private void WriteText(string? text)
    {
        int length = text is null ? -1 : Encoding.UTF8.GetByteCount(text);
        WriteNumber(length);
        if (text is not null)
            _record.Advance(Encoding.UTF8.GetBytes(text, _record.GetSpan(length)));
    }

    private static int ReadNumber(ref ReadOnlySpan<byte> content)
    {
        int value = BinaryPrimitives.ReadInt32LittleEndian(content);
        content = content[sizeof(int)..];
        return value;
    }

    private static string? ReadText(ref ReadOnlySpan<byte> content)
    {
        int length = ReadNumber(ref content);
        if (length < 0)
            return null;
        string text = Encoding.UTF8.GetString(content[..length]);
        content = content[length..];
        return text;
    }
}

/// <summary>A row as <see cref="ShardJournal"/> keeps it.</summary>
/// <param name="Width">As <see cref="RowInfo.Width"/>.</param>
/// <param name="Height">As <see cref="RowInfo.Height"/>.</param>
/// <param name="Sha256">As <see cref="RowInfo.Sha256"/>.</param>
/// <param name="Error">As <see cref="RowInfo.Error"/>.</param>
/// <param name="IsSkipped">The output has no row for it.</param>
/// <param name="Values">The values, or null where there are none.</param>
internal sealed record JournalRow(int? Width, int? Height, string? Sha256, string? Error, bool IsSkipped, float[]? Values);
