using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Runs;

/// <summary>
/// Takes the rows of images that failed and were tried again. If none of a shard changed, the shard stays as it is.
/// Otherwise all its rows go into a journal, the new ones in their places, and then the shard is deleted.
/// </summary>
internal sealed class RetriedRows : IRowOutput
{
    private readonly RunFolder _folder;
    private readonly RunPart _part;
    private readonly RowSchema _schema;
    private readonly IEnumerator<RowInfo> _failed;
    private readonly PartRows _source;
    private readonly IEnumerator<(RowInfo Info, bool IsSkipped)> _rows;
    private readonly float[] _missing;
    private readonly List<(long First, long Last)> _tried = [];
    private ShardJournal? _journal;
    private long _shard = -1; // whose journal is open
    private long _next; // row that the journal expects
    private string? _replaced; // a shard whose journal is whole, while it is still open

    /// <param name="folder">Of the run, which has all its shards.</param>
    /// <param name="part">The same.</param>
    /// <param name="schema">What a row holds.</param>
    public RetriedRows(RunFolder folder, RunPart part, RowSchema schema)
    {
        _folder = folder;
        _part = part;
        _schema = schema;
        _failed = ErrorLog.Read(folder.Errors).GetEnumerator();
        _failed.MoveNext();
        _source = new PartRows(schema.Length);
        _rows = _source.Read(part, part.Record.FirstRow, shard => shard == _shard).GetEnumerator();
        _missing = new float[schema.Length];
        Array.Fill(_missing, float.NaN);
    }

    public long NextRow => _failed.Current.Row;

    /// <summary>Rows that were tried, in order.</summary>
    public IReadOnlyList<(long First, long Last)> Tried => _tried;

    public void Write(RowInfo info, ReadOnlySpan<float> values)
    {
        ValueEncoder.EnsureFit(_schema.Type, info, values); // before the shard gives way to its journal
        if (info.Error != _failed.Current.Error)
        {
            GoTo(info.Row);
            _journal!.Add(info, values);
            _next++;
        }

        GoOn(info.Row);
    }

    public void Skip(RowInfo info)
    {
        if (info.Error != _failed.Current.Error)
        {
            GoTo(info.Row);
            _journal!.AddSkipped(info);
            _next++;
        }

        GoOn(info.Row);
    }

    public void EndAt(RowInfo info)
    {
        // No row ends a retry.
    }

    public void Flush()
    {
        // A journal counts when it is whole.
    }

    /// <summary>Every row is in its place.</summary>
    public void Complete()
    {
        _failed.Dispose();
        CloseJournal();
        _rows.Dispose();
        DeleteReplaced();
    }

    public void Dispose()
    {
        _journal?.Dispose();
        _rows.Dispose();
        _failed.Dispose();
    }

    private void GoOn(long row)
    {
        _tried.Add((row, row + 1));
        _failed.MoveNext();
    }

    /// <summary>Copies the rows of the shard before one, whose own row is passed over.</summary>
    private void GoTo(long row)
    {
        long shard = (row - _part.Record.FirstRow) / _part.Record.ShardSize;
        if (shard != _shard)
        {
            CloseJournal();
            _shard = shard;
            _next = _part.RowsOf(shard).First;
            _journal = ShardJournal.Create(_folder.Journal(shard), _schema.Length);
        }

        CopyUpTo(row);
        Read();
    }

    private void CopyUpTo(long row)
    {
        for (; _next < row; _next++)
        {
            (RowInfo info, bool isSkipped) = Read();
            if (isSkipped)
                _journal!.AddSkipped(info);
            else
                _journal!.Add(info, info.Error is null ? _source.Values : _missing);
        }
    }

    private (RowInfo Info, bool IsSkipped) Read()
    {
        if (!_rows.MoveNext())
            throw new InvalidOperationException($"Row {_next} is missing.");
        DeleteReplaced(); // the reader has left it
        return _rows.Current;
    }

    private void CloseJournal()
    {
        if (_journal is null)
            return;
        CopyUpTo(_part.RowsOf(_shard).Last);
        _journal.FlushToDisk();
        _journal.Dispose();
        _journal = null;
        _replaced = _part.Shard(_shard);
    }

    /// <summary>From here on the journal is the shard: whoever opens the run makes one of the other.</summary>
    private void DeleteReplaced()
    {
        if (_replaced is not null)
            RunFolder.Delete(_replaced);
        _replaced = null;
    }
}
