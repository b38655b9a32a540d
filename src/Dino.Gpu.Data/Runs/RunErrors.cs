using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Runs;

/// <summary>
/// The <c>errors.jsonl</c> of a run, in the order of the rows although shards are made again in between: lines of
/// shards behind the first that is missing wait in a file of their own until the rows before are there.
/// </summary>
internal sealed class RunErrors : IDisposable
{
    private readonly RunFolder _folder;
    private readonly ErrorLog _log;
    private IEnumerator<RowInfo>? _waiting;
    private long _waitingCount;

    /// <summary>
    /// Keeps the lines of the shards that are there, which were on the disk before those were. Those of others come
    /// again, from their journals or with their rows.
    /// </summary>
    /// <param name="folder">The run's.</param>
    /// <param name="record">Its rows.</param>
    /// <param name="isThere">For each shard.</param>
    /// <exception cref="DinoException">
    /// The log cannot be read or written, or is missing though there are shards.
    /// </exception>
    public RunErrors(RunFolder folder, RunRecord record, bool[] isThere)
    {
        _folder = folder;
        int missing = Array.IndexOf(isThere, false);
        int last = Array.LastIndexOf(isThere, true);
        if (last >= 0 && !File.Exists(folder.Errors))
            throw new DinoException(
                $"{folder.Errors} is missing, and only that file says which of the rows so far failed",
                "put the file back, or start again with --overwrite");
        long first = missing < 0 ? record.LastRow : record.FirstRow + missing * record.ShardSize;
        if ((missing >= 0 && missing < last) || File.Exists(folder.ErrorsBehind))
            Split(first, row => row >= record.FirstRow && row < record.LastRow && isThere[(row - record.FirstRow) / record.ShardSize]);
        _log = new ErrorLog(folder.Errors, first);
        if (File.Exists(folder.ErrorsBehind))
        {
            _waitingCount = ErrorLog.Read(folder.ErrorsBehind).LongCount();
            _waiting = ErrorLog.Read(folder.ErrorsBehind).GetEnumerator();
            _waiting.MoveNext();
        }
    }

    /// <summary>Images that could not be read, those that wait among them.</summary>
    public long Count => _log.Count + _waitingCount;

    /// <summary>Adds a line behind those before.</summary>
    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public void Add(RowInfo info) => _log.Add(info);

    /// <summary>Adds the lines that waited of rows before one: all of those are there.</summary>
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

    /// <summary>
    /// Shares all lines out: those before a row into the log, the others into the file for those that wait. Wherever
    /// this ends, each line is in one of the two.
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
