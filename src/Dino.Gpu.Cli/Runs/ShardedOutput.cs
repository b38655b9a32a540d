using Dino.Gpu.Cli.Formats;
using Dino.Gpu.Cli.Inputs;

namespace Dino.Gpu.Cli.Runs;

/// <summary>
/// Rows into shards of equal size. Rows of the open shard stand in a journal; a full journal is written in the run's format on another thread, under a temporary
/// name that is renamed when it is whole, while the next shard fills. So the end of the process at any moment loses at most the rows since the
/// last <see cref="Flush"/>, and what it leaves is gone on with. What a folder holds is always the first rows of the run: where a shard was deleted or a crash of the
/// machine took the end of a journal, everything behind it is made again.
/// </summary>
internal sealed class ShardedOutput : IRowOutput
{
    private readonly RunFolder _folder;
    private readonly RunRecord _record;
    private readonly RowSchema _schema;
    private readonly Func<long, long, IEnumerable<InputItem>> _items;
    private readonly ErrorLog _log;
    private ShardJournal? _journal;
    private long _shard;
    private Task _encoding = Task.CompletedTask;

    /// <summary>Goes on where the folder's shards and journals end.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="record">Format, shard size and rows.</param>
    /// <param name="schema">What a row holds.</param>
    /// <param name="items">The inputs from one row to another of the whole list, for paths and carried columns.</param>
    /// <exception cref="DinoException">A journal or the log cannot be read or written, or a shard was cut short.</exception>
    public ShardedOutput(RunFolder folder, RunRecord record, RowSchema schema, Func<long, long, IEnumerable<InputItem>> items)
    {
        _folder = folder;
        _record = record;
        _schema = schema;
        _items = items;
        for (; _shard < record.Shards; _shard++)
        {
            if (File.Exists(folder.Shard(_shard, record.Format)))
            {
                RequireWhole(folder.Shard(_shard, record.Format));
                File.Delete(folder.Journal(_shard)); // renamed, but its journal not yet deleted when the process ended
                continue;
            }

            _journal = ShardJournal.Open(folder.Journal(_shard), schema.Length);
            if (_journal.Count < Rows(_shard))
                break;
            Encode(_shard, _journal);
            _journal = null;
        }

        long first = Math.Min(record.LastRow, FirstRow(_shard));
        NextRow = first + (_journal?.Count ?? 0);
        HasGap = folder.DeleteShardsFrom(_shard, _journal is null ? null : folder.Journal(_shard));
        _log = OpenLog(first);
    }

    /// <summary>The row of the input list that is expected next.</summary>
    public long NextRow { get; private set; }

    /// <summary>Whether there were rows behind the next one, which are gone now.</summary>
    public bool HasGap { get; }

    /// <summary>Rows so far whose images could not be read.</summary>
    public long Failures => _log.Count;

    public void Write(RowInfo info, ReadOnlySpan<float> values)
    {
        ValueEncoder.EnsureFit(_schema.Type, info, values); // here, where the image is at hand, not when the shard is full
        ShardJournal journal = OpenJournal(info);
        if (info.Error is not null)
            _log.Add(info);
        journal.Add(info, values);
        Advance();
    }

    public void Skip(RowInfo info)
    {
        ShardJournal journal = OpenJournal(info);
        _log.Add(info);
        journal.AddSkipped(info);
        Advance();
    }

    public void EndAt(RowInfo info) => _log.Add(info);

    public void Flush() => _journal?.Flush();

    public void Complete()
    {
        _encoding.GetAwaiter().GetResult();
        if (NextRow != _record.LastRow)
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
            // The journal is still there; the next run writes the shard. Whoever needs to know calls Complete.
        }

        _journal?.Dispose();
        _log.Dispose();
    }

    /// <summary>
    /// The log, with the lines of whole shards as they stand, for it was on the disk before they were, and those of the open shard as its journal has them: of these two
    /// files, written one after the other, a crash of the machine may leave either.
    /// </summary>
    private ErrorLog OpenLog(long first)
    {
        if (first > _record.FirstRow && !File.Exists(_folder.Errors))
            throw new DinoException($"{_folder.Errors} is missing, and which of the rows so far failed stands there alone: put it back, or --overwrite to start anew");
        var log = new ErrorLog(_folder.Errors, first);
        try
        {
            if (_journal is not null)
            {
                long row = first;
                foreach ((JournalRow kept, InputItem item) in _journal.Rows().Zip(_items(first, NextRow)))
                {
                    if (kept.Error is not null)
                        log.Add(RowInfoOf(row, item, kept));
                    row++;
                }
            }

            return log;
        }
        catch
        {
            log.Dispose();
            throw;
        }
    }

    /// <summary>A shard that lost its end after it was written, to a disk or a copy that broke off, is no shard that is done. Its values are not read.</summary>
    private void RequireWhole(string shard)
    {
        try
        {
            using EmbeddingFile rows = FormatCatalog.OpenReader(shard);
            // A file of lines with failed images only does not say how long a row is.
            if (rows.Schema.Length != _schema.Length && rows.Schema.Length != 0)
                throw new DinoException($"{shard} has rows of {rows.Schema.Length} values, expected {_schema.Length}");
            if (FormatCatalog.FromName(_record.Format)!.Streams && !EndsWithALine(shard))
                throw new DinoException($"{shard} ends in the middle of a line");
        }
        catch (DinoException failure)
        {
            throw new DinoException($"{failure.Message}; if the file is damaged, delete it, and the same command makes it again", failure);
        }
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

    private ShardJournal OpenJournal(RowInfo info)
    {
        if (info.Row != NextRow)
            throw new InvalidOperationException($"Expected row {NextRow}, got {info.Row}.");
        return _journal ??= ShardJournal.Create(_folder.Journal(_shard), _schema.Length);
    }

    private void Advance()
    {
        NextRow++;
        if (_journal!.Count < Rows(_shard))
            return;
        _journal.Flush();
        _log.FlushToDisk(); // before the shard is there
        _encoding.GetAwaiter().GetResult(); // one at a time: the disk is not faster with two
        (long shard, ShardJournal journal) = (_shard, _journal);
        _encoding = Task.Run(() => Encode(shard, journal));
        _journal = null;
        _shard++;
    }

    private void Encode(long shard, ShardJournal journal)
    {
        using (journal)
        {
            float[] missing = new float[_schema.Length];
            Array.Fill(missing, float.NaN);
            using IEmbeddingWriter writer = FormatCatalog.Create(FormatCatalog.FromName(_record.Format)!, _folder.Shard(shard, _record.Format), _schema);
            long row = FirstRow(shard);
            foreach ((JournalRow kept, InputItem item) in journal.Rows().Zip(_items(row, row + Rows(shard))))
            {
                if (!kept.IsSkipped)
                    writer.Write(RowInfoOf(row, item, kept), kept.Values ?? missing);
                row++;
            }

            if (row != FirstRow(shard) + Rows(shard))
                throw new DinoException($"{_folder.Journal(shard)} ends at row {row}: delete it to make its rows again");
            writer.Complete();
        }

        File.Delete(_folder.Journal(shard));
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
