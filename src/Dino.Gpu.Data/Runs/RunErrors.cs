using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Runs;

/// <summary>
/// The <c>errors.jsonl</c> of a run. It stays in the order of the rows even where deleted shards are made again: lines
/// of shards behind the first missing one wait in a file of their own until the rows before them exist.
/// </summary>
internal sealed class RunErrors : IDisposable
{
    private readonly RunFolder _folder;
    private readonly ErrorLog _log;
    private readonly SortedDictionary<long, long> _inShards = [];
    private IEnumerator<RowInfo>? _waiting;
    private long _waitingCount;

    /// <summary>
    /// Keeps the lines of the shards that exist; those were on the disk before their shards. Lines of other shards come
    /// again, from their journals or with their rows.
    /// </summary>
    /// <param name="folder">The run's.</param>
    /// <param name="record">Its rows, and how many of them failed at least.</param>
    /// <param name="isThere">For each shard.</param>
    /// <exception cref="DinoException">
    /// The log cannot be read or written, or lacks lines of the shards that exist.
    /// </exception>
    public RunErrors(RunFolder folder, RunRecord record, bool[] isThere)
    {
        _folder = folder;
        int missing = Array.IndexOf(isThere, false);
        int last = Array.LastIndexOf(isThere, true);
        if (last >= 0 && !File.Exists(folder.Errors))
            throw Incomplete($"{folder.Errors} is missing, and only that file says which of the rows so far failed");
        foreach (RowInfo failed in ErrorLog.Union(folder.Errors, folder.ErrorsBehind).Where(failed => IsKept(failed.Row)))
            Add(_inShards, (failed.Row - record.FirstRow) / record.ShardSize, 1);
        foreach ((long shard, long count) in record.Failed ?? [])
        {
            if (shard >= 0 && shard < isThere.Length && isThere[shard] && _inShards.GetValueOrDefault(shard) < count)
                throw Incomplete(
                    $"{folder.Errors} lost lines: {Quantity.Of(_inShards.GetValueOrDefault(shard), "failed image")} of "
                        + $"shard {shard}, expected {count}");
        }

        long first = missing < 0 ? record.LastRow : record.FirstRow + missing * record.ShardSize;
        if ((missing >= 0 && missing < last) || File.Exists(folder.ErrorsBehind))
            Split(first, IsKept);
        _log = new ErrorLog(folder.Errors, first);
        if (File.Exists(folder.ErrorsBehind))
        {
            _waitingCount = ErrorLog.Read(folder.ErrorsBehind).LongCount();
            _waiting = ErrorLog.Read(folder.ErrorsBehind).GetEnumerator();
            _waiting.MoveNext();
        }

        bool IsKept(long row) =>
            row >= record.FirstRow && row < record.LastRow && isThere[(row - record.FirstRow) / record.ShardSize];
    }

    /// <summary>Failed images of the shards that exist, as <see cref="RunRecord.Failed"/>.</summary>
    public SortedDictionary<long, long> InShards => new(_inShards);

    /// <summary>Counts the failed images of a shard that exists now.</summary>
    public void AddShard(long shard, long failed)
    {
        _inShards.Remove(shard);
        if (failed > 0)
            Add(_inShards, shard, failed);
    }

    /// <summary>Images that could not be read, those that wait among them.</summary>
    public long Count => _log.Count + _waitingCount;

    /// <summary>Adds a line behind those before.</summary>
    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public void Add(RowInfo info) => _log.Add(info);

    /// <summary>Adds the waiting lines of rows before one. All rows before it exist.</summary>
    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public void GoTo(long row)
    {
        if (_waiting is null)
            return;
        while (_waitingCount > 0 && _waiting.Current.Row < row)
        {
            _log.Add(_waiting.Current);
            _waitingCount--;
            _waiting.MoveNext();
        }

        if (_waitingCount > 0)
            return;
        _log.FlushToDisk();
        _waiting.Dispose();
        _waiting = null;
        RunFolder.Delete(_folder.ErrorsBehind);
    }

    /// <summary>Waits until the lines are on the disk.</summary>
    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public void FlushToDisk() => _log.FlushToDisk();

    public void Dispose()
    {
        _waiting?.Dispose();
        _log.Dispose();
    }

    private static DinoException Incomplete(string message) => new(message, "put the file back, or start again with --overwrite");

    private static void Add(SortedDictionary<long, long> counts, long shard, long failed)
    {
        counts[shard] = counts.GetValueOrDefault(shard) + failed;
        if (counts.Count > RunRecord.MostCounts)
            counts.Remove(counts.Keys.First());
    }

    /// <summary>
    /// Moves lines before a row into the log and the others into the file of waiting lines. Wherever the process ends
    /// here, each line is in one of the two.
    /// </summary>
    private void Split(long first, Func<long, bool> isKept)
    {
        using var behind = new AtomicFile(_folder.ErrorsBehind);
        using var before = new AtomicFile(_folder.Errors);
        bool any = false;
        foreach (RowInfo failed in ErrorLog.Union(_folder.Errors, _folder.ErrorsBehind).Where(failed => isKept(failed.Row)))
        {
            any |= failed.Row >= first;
            (failed.Row < first ? before : behind).Write(ErrorLog.Line(failed));
        }

        if (any)
            behind.Complete();
        before.Complete();
        if (!any)
            RunFolder.Delete(_folder.ErrorsBehind);
    }
}
