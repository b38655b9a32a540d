using System.Collections.Concurrent;
using System.Diagnostics;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Runs;

namespace Dino.Gpu.Stores;

/// <summary>
/// Passes rows of the pipeline to a store, many at a time, or after a second: whatever ends the process costs no more
/// work than that.
/// </summary>
/// <param name="store">Takes the rows.</param>
/// <param name="length">Values of a row.</param>
/// <param name="copy">Takes the row of one picture of a batch from a forward pass.</param>
/// <param name="progress">Hears of every picture.</param>
/// <param name="log">Takes those that cannot be read; null for nothing.</param>
/// <param name="cancellation">The end of the run: writes go on for a while then.</param>
internal sealed class StoreSink(
    IVectorStore store,
    int length,
    StoreSink.CopyRow copy,
    IEmbeddingProgress progress,
    ErrorLog? log,
    CancellationToken cancellation) : IEmbeddingSink
{
    /// <summary>Rows of one transaction.</summary>
    public const int RowsAtOnce = 512;

    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    private readonly Lock _telling = new(); // unchanged pictures are told of from the thread that lists them
    private readonly ConcurrentQueue<long> _numbers = new();
    private readonly List<StoredVector> _rows = [];
    private long _first; // when the first of the rows came
    private long _unchanged;
    private bool _isLost; // a write failed: another one would only wait as long again

    /// <summary>Copies the values of one picture.</summary>
    public delegate void CopyRow(DinoOutput output, int index, Span<float> row);

    public long Added { get; private set; }

    public long Replaced { get; private set; }

    public long Failures { get; private set; }

    public long Unchanged => Interlocked.Read(ref _unchanged);

    /// <summary>Names the number in the list of the picture that comes next. Thread-safe.</summary>
    public void Expect(long number) => _numbers.Enqueue(number);

    /// <summary>A picture that is there already. Thread-safe.</summary>
    public void Skip()
    {
        Interlocked.Increment(ref _unchanged);
        lock (_telling)
            progress.Advance(failed: false);
    }

    public void Embedded(InputItem item, LoadedImage image, DinoOutput output, int index)
    {
        _numbers.TryDequeue(out _);
        float[] values = new float[length];
        copy(output, index, values);
        Add(new StoredVector(
            StoredPicture.Of(item) with { Sha256 = image.Sha256, Width = image.Width, Height = image.Height }, values));
        lock (_telling)
        {
            if (image.Warning is not null)
                progress.Warn(item.Path, image.Warning);
            progress.Advance(failed: false);
        }
    }

    public void Failed(InputItem item, string reason, string? hint)
    {
        _numbers.TryDequeue(out long number);
        Fail(new RowInfo { Row = number, Path = item.Path, Error = reason });
        lock (_telling)
        {
            progress.Report(item.Path, reason, hint);
            progress.Advance(failed: true);
        }
    }

    /// <summary>A row to write.</summary>
    public void Add(StoredVector row)
    {
        if (_rows.Count == 0)
            _first = Stopwatch.GetTimestamp();
        _rows.Add(row);
        if (_rows.Count >= RowsAtOnce || Stopwatch.GetElapsedTime(_first) >= Longest)
            Write();
    }

    /// <summary>A picture without a vector.</summary>
    public void Fail(RowInfo row)
    {
        Failures++;
        log?.Add(row);
    }

    public void Flush()
    {
        if (_rows.Count > 0 && Stopwatch.GetElapsedTime(_first) >= Longest)
            Write();
    }

    /// <summary>Writes what is left; nothing more after a write that failed.</summary>
    /// <exception cref="DinoException">The server refuses or is gone.</exception>
    /// <exception cref="OperationCanceledException">It did not answer in time after a cancellation.</exception>
    public void Write()
    {
        if (_rows.Count == 0 || _isLost)
            return;
        _isLost = true;
        StoreWrite written = OrderlyEnd.Wait(token => store.WriteAsync(_rows, token), cancellation);
        _isLost = false;
        Added += written.Added;
        Replaced += written.Replaced;
        Interlocked.Add(ref _unchanged, _rows.Count - written.Added - written.Replaced);
        _rows.Clear();
    }
}
