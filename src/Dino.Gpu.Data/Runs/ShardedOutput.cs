using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Runs;

/// <summary>
/// Writes rows into shards of equal size. A journal holds the rows of the open shard. When it is full, another thread
/// writes it in the run's format, under a temporary name that is renamed when the shard is whole; the next shard fills
/// meanwhile. However the process ends, at most the rows since the last <see cref="Flush"/> are lost, and the next
/// process resumes there. A shard that exists is never made again, not even behind one that was deleted.
/// </summary>
internal sealed class ShardedOutput : IRowOutput
{
    private readonly RunFolder _folder;
    private readonly RowSchema _schema;
    private readonly Func<long, long, IEnumerable<InputItem>> _items;
    private readonly Queue<long> _next; // the shards after the open one that are not there
    private readonly RunErrors _errors;
    private RunRecord _record;
    private ShardJournal? _journal;
    private long _shard;
    private Task _encoding = Task.CompletedTask;

    /// <summary>Continues where the folder's shards and journals end.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="record">Format, shard size and rows.</param>
    /// <param name="schema">What a row holds.</param>
    /// <param name="items">The inputs from one row to another of the whole list, for paths and carried columns.</param>
    /// <exception cref="DinoException">
    /// A journal or the log cannot be read or written or lost lines, or a shard was cut short.
    /// </exception>
    public ShardedOutput(RunFolder folder, RunRecord record, RowSchema schema, Func<long, long, IEnumerable<InputItem>> items)
    {
        _folder = folder;
        _record = record;
        _schema = schema;
        _items = items;
        bool[] isThere = new bool[record.Shards];
        var missing = new List<(long First, long Last)>();
        for (long shard = 0; shard < record.Shards; shard++)
        {
            isThere[shard] = File.Exists(folder.Shard(shard, record.Format));
            if (isThere[shard])
            {
                RequireWhole(folder.Shard(shard, record.Format));
                RunFolder.Delete(folder.Journal(shard)); // renamed, but its journal not yet deleted when the process ended
                continue;
            }

            (long first, long last) = (FirstRow(shard) + RowsInJournal(shard), FirstRow(shard) + Rows(shard));
            if (missing.Count > 0 && missing[^1].Last == first)
                missing[^1] = (missing[^1].First, last);
            else if (first < last)
                missing.Add((first, last));
        }

        Missing = missing;
        Remaining = missing.Sum(rows => rows.Last - rows.First);
        _next = new Queue<long>(Enumerable.Range(0, isThere.Length).Where(shard => !isThere[shard]).Select(shard => (long)shard));
        _errors = new RunErrors(folder, record, isThere);
        try
        {
            SaveFailed(); // shards were deleted, or the process ended between a shard and its record
            OpenNext();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The rows that were missing when this was opened, in order: those to be written.</summary>
    public IReadOnlyList<(long First, long Last)> Missing { get; }

    /// <summary>Rows still to be written.</summary>
    public long Remaining { get; private set; }

    public long NextRow { get; private set; }

    /// <summary>Rows so far whose images could not be read.</summary>
    public long Failures => _errors.Count;

    public void Write(RowInfo info, ReadOnlySpan<float> values)
    {
        ValueEncoder.EnsureFit(_schema.Type, info, values); // while the image is known, not when the shard is full
        ShardJournal journal = OpenJournal(info);
        if (info.Error is not null)
            _errors.Add(info);
        journal.Add(info, values);
        Advance();
    }

    public void Skip(RowInfo info)
    {
        ShardJournal journal = OpenJournal(info);
        _errors.Add(info);
        journal.AddSkipped(info);
        Advance();
    }

    public void EndAt(RowInfo info) => _errors.Add(info);

    public void Flush() => _journal?.Flush();

    public void Complete()
    {
        _encoding.GetAwaiter().GetResult();
        if (Remaining > 0)
            throw new InvalidOperationException($"Row {NextRow} of {_record.LastRow} is missing.");
    }

    public void Dispose()
    {
        try
        {
            _encoding.GetAwaiter().GetResult();
        }
        catch (DinoException)
        {
            // The journal remains, and the next run writes the shard. Complete reports the failure.
        }

        _journal?.Dispose();
        _errors.Dispose();
    }

    /// <summary>
    /// Refuses a shard that lost its end after it was written, by a failing disk or a broken copy. Does not read its
    /// values.
    /// </summary>
    private void RequireWhole(string shard)
    {
        try
        {
            using EmbeddingFile rows = FormatCatalog.OpenReader(shard);
            // A file of lines that has only failed images does not say how long a row is.
            if (rows.RowLength != _schema.Length && rows.RowLength != 0)
                throw new DinoException($"{shard} has rows of {rows.RowLength} values, expected {_schema.Length}");
            if (FormatCatalog.FromName(_record.Format)!.Streams && !EndsWithALine(shard))
                throw new DinoException($"{shard} ends in the middle of a line");
        }
        catch (DinoException failure)
        {
            throw new DinoException(failure.Message, "if the file is damaged, delete it, and the same command makes it again", failure);
        }
    }

    /// <summary>Records how many lines the log must have of the shards, once they are on the disk.</summary>
    private void SaveFailed()
    {
        SortedDictionary<long, long> now = _errors.InShards;
        if (_record.Failed is not { } before || before.SequenceEqual(now))
            return;
        _record = _record with { Failed = now };
        _record.Save(_folder.Path);
    }

    private static bool EndsWithALine(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read);
        if (stream.Length == 0)
            return true;
        stream.Seek(-1, SeekOrigin.End);
        return stream.ReadByte() == '\n';
    }

    private long FirstRow(long shard) => _record.FirstRow + shard * _record.ShardSize;

    private long Rows(long shard) => Math.Min(FirstRow(shard + 1), _record.LastRow) - FirstRow(shard);

    private long RowsInJournal(long shard)
    {
        if (!File.Exists(_folder.Journal(shard)))
            return 0;
        using var journal = ShardJournal.Open(_folder.Journal(shard), _schema.Length, Rows(shard));
        return journal.Count;
    }

    /// <summary>
    /// Moves to the next missing shard, behind the rows of its journal. If the journal is full, writes the shard now.
    /// </summary>
    private void OpenNext()
    {
        while (true)
        {
            _shard = _next.TryDequeue(out long next) ? next : _record.Shards;
            NextRow = Math.Min(FirstRow(_shard), _record.LastRow);
            _errors.GoTo(NextRow);
            if (_shard == _record.Shards || !File.Exists(_folder.Journal(_shard)))
                return;
            _journal = ShardJournal.Open(_folder.Journal(_shard), _schema.Length, Rows(_shard));
            // The journal decides what the log says of this shard: a crash of the machine may have lost the end of
            // either file.
            foreach ((JournalRow kept, InputItem item) in _journal.Rows().Zip(_items(NextRow, NextRow + _journal.Count)))
            {
                if (kept.Error is not null)
                    _errors.Add(RowInfoOf(NextRow, item, kept));
                NextRow++;
            }

            if (_journal.Count < Rows(_shard))
                return;
            Close();
        }
    }

    private ShardJournal OpenJournal(RowInfo info)
    {
        if (info.Row != NextRow)
            throw new InvalidOperationException($"Expected row {NextRow}, got {info.Row}.");
        return _journal ??= ShardJournal.Create(_folder.Journal(_shard), _schema.Length);
    }

    private void Advance()
    {
        NextRow++;
        Remaining--;
        if (_journal!.Count < Rows(_shard))
            return;
        Close();
        OpenNext();
    }

    /// <summary>Turns the full journal into the shard.</summary>
    private void Close()
    {
        _journal!.Flush();
        // Before the shard appears, the log has every line up to the next missing shard. So when the last shard
        // appears, the log is whole.
        _errors.GoTo(_next.TryPeek(out long next) ? FirstRow(next) : _record.LastRow);
        _errors.FlushToDisk();
        _encoding.GetAwaiter().GetResult(); // one at a time: the disk is not faster with two
        (long shard, ShardJournal journal) = (_shard, _journal);
        // A thread of its own: when it ends, so do the buffers that formats keep for each thread.
        _encoding = Task.Factory.StartNew(
            () => Encode(shard, journal), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        _journal = null;
    }

    private void Encode(long shard, ShardJournal journal)
    {
        using (journal)
        {
            float[] missing = new float[_schema.Length];
            Array.Fill(missing, float.NaN);
            string path = _folder.Shard(shard, _record.Format);
            OwnFile.RefuseLink(path);
            using IEmbeddingWriter writer = FormatCatalog.Create(FormatCatalog.FromName(_record.Format)!, path, _schema);
            long row = FirstRow(shard);
            long failed = 0;
            foreach ((JournalRow kept, InputItem item) in journal.Rows().Zip(_items(row, row + Rows(shard))))
            {
                failed += kept.Error is null ? 0 : 1;
                if (!kept.IsSkipped)
                    writer.Write(RowInfoOf(row, item, kept), kept.Values ?? missing);
                row++;
            }

            if (row != FirstRow(shard) + Rows(shard))
                throw new DinoException(
                    $"{_folder.Journal(shard)} ends at row {row}", "delete it, and the same command makes its rows again");
            writer.Complete();
            _errors.AddShard(shard, failed);
            SaveFailed();
        }

        RunFolder.Delete(_folder.Journal(shard));
    }

    private static RowInfo RowInfoOf(long row, InputItem item, JournalRow kept) => new()
    {
        Row = row,
        Path = item.Path,
        Width = kept.Width,
        Height = kept.Height,
        Sha256 = kept.Sha256,
        Error = kept.Error,
        Columns = item.Columns,
    };
}
