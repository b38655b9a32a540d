using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Runs;

/// <summary>
/// Keeps the rows of a shard that is not full yet. The file survives the end of the process at any byte: it is a
/// sequence of records (length, content, CRC-32), and only those before the first damaged one count. A full journal
/// becomes the shard in the run's format. The journal holds no paths and no carried columns; the manifest has them.
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
    public static ShardJournal Create(string path, int rowLength) => Open(path, rowLength, (_, file) => file.SetLength(0));

    /// <summary>Opens a journal, new or left by a run that ended, behind its last whole record.</summary>
    /// <param name="path">The file.</param>
    /// <param name="rowLength">Values of a row.</param>
    /// <param name="rows">Rows of the shard: no run writes more.</param>
    /// <exception cref="DinoException">It cannot be written, or no run wrote it.</exception>
    public static ShardJournal Open(string path, int rowLength, long rows) => Open(path, rowLength, (journal, file) =>
    {
        long end = 0;
        foreach (JournalRow _ in journal.Rows())
        {
            if (++journal.Count > rows)
                throw journal.Damaged($"has more rows than its shard, {rows}");
            end = file.Position;
        }

        file.SetLength(end);
        file.Position = end;
    });

    /// <summary>Adds the next row.</summary>
    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public void Add(RowInfo info, ReadOnlySpan<float> values) => Add(info, info.Error is null ? Kind.Embedded : Kind.Failed, values);

    /// <summary>Adds a row that the output leaves out.</summary>
    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public void AddSkipped(RowInfo info) => Add(info, Kind.Skipped, []);

    /// <summary>
    /// Hands the rows so far to the operating system, which keeps them if the process ends.
    /// </summary>
    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public void Flush() => Writing(_file.Flush);

    /// <summary>Waits until the rows are on the disk.</summary>
    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public void FlushToDisk() => Writing(() => DiskFlush.Run(_file));

    /// <summary>
    /// The rows from the first, up to the first record that is not whole. Moves the file's position; at its end the
    /// next record can be written.
    /// </summary>
    /// <exception cref="DinoException">
    /// The disk is full or gone, or a record is whole but no run wrote it.
    /// </exception>
    public IEnumerable<JournalRow> Rows()
    {
        Flush();
        _file.Position = 0;
        byte[] prefix = new byte[sizeof(int)];
        byte[] content = [];
        long largest = (long)_rowLength * sizeof(float) + 2 * LargestText;
        for (long row = 0; Read(prefix); row++)
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
            yield return Parse(content.AsSpan(0, length)) ?? throw Damaged($"has a record that no run writes, number {row}");
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
            // The full disk does not take what is still buffered. Those rows are done again.
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

    private static ShardJournal Open(string path, int rowLength, Action<ShardJournal, FileStream> prepare)
    {
        FileStream? file = null;
        try
        {
            // Smaller writes than this would cost a call each. The file is flushed when the next row is not ready yet.
            file = OwnFile.Open(path, bufferSize: 1 << 16);
            var journal = new ShardJournal(path, file, rowLength);
            prepare(journal, file);
            return journal;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            file?.Dispose();
            throw WriteFailure.Of(path, failure);
        }
        catch
        {
            file?.Dispose();
            throw;
        }
    }

    private DinoException Damaged(string what) =>
        new($"cannot read {_path}: it {what}", "delete it, and the same command makes its rows again");

    private void Writing(Action write)
    {
        try
        {
            write();
        }
        catch (IOException failure)
        {
            throw WriteFailure.Of(_path, failure);
        }
    }

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
        Writing(() =>
        {
            Span<byte> prefix = stackalloc byte[sizeof(int)];
            BinaryPrimitives.WriteInt32LittleEndian(prefix, length);
            _file.Write(prefix);
            _file.Write(_record.WrittenSpan[sizeof(int)..]);
        });
        Count++;
    }

    /// <summary>Null for content that <see cref="Add(RowInfo, Kind, ReadOnlySpan{float})"/> does not write.</summary>
    private JournalRow? Parse(ReadOnlySpan<byte> content)
    {
        var kind = (Kind)content[0];
        content = content[1..];
        if (!TryReadNumber(ref content, out int width)
            || !TryReadNumber(ref content, out int height)
            || !TryReadText(ref content, out string? sha256)
            || !TryReadText(ref content, out string? error))
            return null;
        bool isEmbedded = kind == Kind.Embedded;
        if (!Enum.IsDefined(kind) || isEmbedded != (error is null) || content.Length != (isEmbedded ? _rowLength * sizeof(float) : 0))
            return null;
        return new JournalRow(
            width < 0 ? null : width,
            height < 0 ? null : height,
            sha256,
            error,
            kind == Kind.Skipped,
            isEmbedded ? MemoryMarshal.Cast<byte, float>(content).ToArray() : null);
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

    private static bool TryReadNumber(ref ReadOnlySpan<byte> content, out int value)
    {
        if (!BinaryPrimitives.TryReadInt32LittleEndian(content, out value))
            return false;
        content = content[sizeof(int)..];
        return true;
    }

    private static bool TryReadText(ref ReadOnlySpan<byte> content, out string? text)
    {
        text = null;
        if (!TryReadNumber(ref content, out int length) || length > content.Length)
            return false;
        if (length < 0)
            return true;
        text = Encoding.UTF8.GetString(content[..length]);
        content = content[length..];
        return true;
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
