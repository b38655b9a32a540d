using System.Diagnostics;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Serving;

/// <summary>
/// Gathers the pictures of many callers into batches. A picture is decoded on the thread pool, a few at a time and not
/// far ahead of the device; then it waits with others. Whatever waits when the device is free becomes its next batch,
/// so that a single picture starts at once and a crowd fills batches. Thread-safe.
/// </summary>
/// <remarks>
/// A batch blocks a thread, so batches have threads of their own. These end when there is nothing to do for a while, so
/// that a queue that nobody disposes costs nothing. A picture is always in one list: <c>_arrived</c>, <c>_held</c>,
/// <c>_ready</c>; or in none, once it is in a batch or has ended. Memory is bounded: <see cref="QueueOptions.Limit"/>
/// bounds the callers, and <see cref="Window"/> the pictures that are decoded.
/// </remarks>
internal sealed class EmbedQueue(QueueOptions options) : IDisposable
{
    private readonly object _lock = new(); // a monitor: threads wait for pulses
    private readonly LinkedList<EmbedRequest> _arrived = []; // they wait to be decoded
    private readonly LinkedList<EmbedRequest> _held = []; // their stream is read, or they are decoded
    private readonly LinkedList<EmbedRequest> _ready = []; // they wait for a batch
    private int _counted; // those of all lists that count toward the limit
    private int _decoding;
    private int _threads;
    private int _idle; // threads that wait for a batch
    private int _running; // batches
    private bool _isDisposed;

    /// <summary>The most pictures that are decoded and wait, or are being decoded: those of the next batches.</summary>
    public int Window => options.BatchSize() * options.BatchesInFlight() + options.DecodeThreads;

    /// <summary>Adds a picture.</summary>
    /// <param name="source">The picture.</param>
    /// <param name="isCounted">
    /// Whether it counts toward the limit. False for those of a sequence, whose length bounds itself.
    /// </param>
    /// <param name="cancellation">Takes the picture out again; its task ends at once, wherever the picture is.</param>
    /// <returns>(hidden)</returns>
    public Task<float[]> Add(ImageSource source, bool isCounted, CancellationToken cancellation)
    {
        if (cancellation.IsCancellationRequested)
            return Task.FromCanceled<float[]>(cancellation);
        var request = new EmbedRequest(source, isCounted);
        // Before it is in a list: a callback that runs already finds nothing there, and the task has ended below.
        request.Cancellation = cancellation.UnsafeRegister(
            static (state, token) =>
            {
                (EmbedQueue queue, EmbedRequest request) = ((EmbedQueue, EmbedRequest))state!;
                queue.Cancel(request, token);
            },
            (this, request));
        if (Refusal(request) is { } refusal)
        {
            DinoTelemetry.Failed(refusal);
            request.Fail(refusal);
        }
        else if (source.IsStream)
        {
            _ = ReadAsync(request, source, cancellation);
        }

        return request.Task;
    }

    /// <summary>
    /// Ends every picture that is not in a batch with an <see cref="ObjectDisposedException"/>. Batches under way are
    /// finished.
    /// </summary>
    public void Dispose()
    {
        EmbedRequest[] left;
        lock (_lock)
        {
            _isDisposed = true;
            left = [.. _ready, .. _held, .. _arrived];
            foreach (EmbedRequest request in left)
                Leave(request);
            Monitor.PulseAll(_lock);
        }

        foreach (EmbedRequest request in left)
            request.Fail(Disposed());
    }

    private static ObjectDisposedException Disposed() => new("DinoEncoder"); // users know the encoder, not this class

    /// <summary>Puts a picture into its first list, or says why not. Null, too, if it has been cancelled meanwhile.</summary>
    private Exception? Refusal(EmbedRequest request)
    {
        lock (_lock)
        {
            if (_isDisposed)
                return Disposed();
            if (request.Task.IsCompleted)
                return null;
            if (request.IsCounted && _counted >= options.Limit)
            {
                return new DinoBusyException(
                    $"{_counted} pictures wait for the model (at most {options.Limit} may)",
                    "try again later, or raise DinoOptions.QueueLimit");
            }

            _counted += request.IsCounted ? 1 : 0;
            DinoTelemetry.Waiting(1);
            (request.Source!.IsStream ? _held : _arrived).AddLast(request.Place);
            StartDecoding();
            return null;
        }
    }

    private async Task ReadAsync(EmbedRequest request, ImageSource source, CancellationToken cancellation)
    {
        try
        {
            ImageSource bytes = await source.ReadAsync(cancellation).ConfigureAwait(false);
            lock (_lock)
            {
                if (request.Place.List is null)
                    return; // cancelled, or the queue is disposed
                _held.Remove(request.Place);
                request.Source = bytes;
                _arrived.AddLast(request.Place);
                StartDecoding();
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            Cancel(request, cancellation);
        }
        catch (Exception failure)
        {
            DinoTelemetry.Failed(failure);
            Fail(request, failure);
        }
    }

    /// <summary>Lets pictures into the decoders while there is room. Within the lock.</summary>
    private void StartDecoding()
    {
        while (_decoding < options.DecodeThreads && _decoding + _ready.Count < Window && _arrived.First is { } next)
        {
            _arrived.Remove(next);
            _held.AddLast(next);
            _decoding++;
            ThreadPool.UnsafeQueueUserWorkItem(
                static work => work.Queue.Decode(work.Request, work.Source),
                (Queue: this, Request: next.Value, Source: next.Value.Source!),
                preferLocal: false);
        }
    }

    private void Decode(EmbedRequest request, ImageSource source)
    {
        RgbImage? picture = null;
        Exception? failure = null;
        try
        {
            if (!request.Task.IsCompleted) // cancelled before its turn came
                picture = options.Prepare(source);
        }
        catch (Exception thrown)
        {
            failure = thrown; // whatever it is: it is that of one caller
        }

        lock (_lock)
        {
            _decoding--;
            if (request.Place.List is not null && picture is not null)
            {
                _held.Remove(request.Place);
                request.Source = null;
                request.Picture = picture;
                request.Ready = Stopwatch.GetTimestamp();
                _ready.AddLast(request.Place);
                CallThread();
            }

            StartDecoding();
        }

        if (failure is not null)
            Fail(request, failure);
    }

    /// <summary>Wakes the threads, or starts one more. Within the lock.</summary>
    private void CallThread()
    {
        if (_idle == 0 && _threads < options.BatchesInFlight())
        {
            _threads++;
            new Thread(RunBatches) { IsBackground = true, Name = "dino batches" }.UnsafeStart(); // not in the context of one caller
        }

        Monitor.PulseAll(_lock);
    }

    private void RunBatches()
    {
        while (WaitForBatch() is { } batch)
        {
            try
            {
                Run(batch);
            }
            finally
            {
                lock (_lock)
                {
                    _running--;
                    Monitor.PulseAll(_lock);
                }
            }
        }
    }

    /// <summary>The next batch; null if the thread shall end.</summary>
    private EmbedRequest[]? WaitForBatch()
    {
        lock (_lock)
        {
            while (!_isDisposed)
            {
                TimeSpan patience = options.IdleTime;
                if (CanStart(ref patience))
                    return Take();
                _idle++;
                bool isCalled = Monitor.Wait(_lock, patience);
                _idle--;
                if (!isCalled && _ready.Count == 0)
                    break;
            }

            _threads--;
            return null;
        }
    }

    /// <summary>
    /// Whether a batch may start. A device that computes is sent the next batch only when that is full, and a device
    /// that is free takes what there is.
    /// </summary>
    /// <param name="patience">Shortened to the time until a part of a batch may start.</param>
    private bool CanStart(ref TimeSpan patience)
    {
        if (_ready.Count == 0 || _running >= options.BatchesInFlight())
            return false;
        if (_ready.Count >= options.BatchSize())
            return true;
        if (_running >= options.Devices())
            return false;
        TimeSpan left = options.MaxBatchDelay - Stopwatch.GetElapsedTime(_ready.First!.Value.Ready);
        if (left <= TimeSpan.Zero)
            return true;
        patience = left + TimeSpan.FromMilliseconds(1); // a monitor waits whole milliseconds, rounded down
        return false;
    }

    private EmbedRequest[] Take()
    {
        var batch = new EmbedRequest[Math.Min(_ready.Count, options.BatchSize())];
        for (int i = 0; i < batch.Length; i++)
        {
            batch[i] = _ready.First!.Value;
            Leave(batch[i]);
        }

        _running++;
        StartDecoding();
        return batch;
    }

    private void Run(EmbedRequest[] batch)
    {
        RgbImage[] pictures = [.. batch.Select(request => request.Picture!)];
        foreach (EmbedRequest request in batch)
        {
            DinoTelemetry.Taken(request.Arrived);
            request.Picture = null;
        }

        using Activity? activity = StartActivity(batch);
        try
        {
            float[] rows = options.Forward(pictures);
            int hidden = rows.Length / batch.Length;
            for (int i = 0; i < batch.Length; i++)
                batch[i].Succeed(rows[(i * hidden)..((i + 1) * hidden)]);
        }
        catch (Exception failure)
        {
            activity?.SetStatus(ActivityStatusCode.Error, failure.Message);
            foreach (EmbedRequest request in batch) // each its own: several threads will throw it
                request.Fail((failure as DinoException)?.WithMessage(failure.Message) ?? failure);
        }
    }

    private static Activity? StartActivity(EmbedRequest[] batch)
    {
        if (!DinoTelemetry.Activities.HasListeners())
            return null;
        IEnumerable<ActivityLink> links =
            batch.Where(request => request.Caller != default).Select(request => new ActivityLink(request.Caller));
        return DinoTelemetry.Activities.StartActivity(
            ActivityKind.Internal, parentContext: default, [new("dino.gpu.batch.size", batch.Length)], links, name: "forward");
    }

    private void Cancel(EmbedRequest request, CancellationToken token)
    {
        lock (_lock)
        {
            if (request.Place.List is not null)
            {
                Leave(request);
                StartDecoding();
            }
        }

        request.TrySetCanceled(token);
    }

    private void Fail(EmbedRequest request, Exception failure)
    {
        lock (_lock)
        {
            if (request.Place.List is not null)
                Leave(request);
        }

        request.Fail(failure);
    }

    /// <summary>Takes a picture out of its list. Within the lock.</summary>
    private void Leave(EmbedRequest request)
    {
        request.Place.List!.Remove(request.Place);
        _counted -= request.IsCounted ? 1 : 0;
        DinoTelemetry.Waiting(-1);
    }
}
