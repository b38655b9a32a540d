using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.ExceptionServices;
using System.Threading.Channels;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Files;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Embedding;

/// <summary>How <see cref="EmbeddingPipeline"/> runs. Nothing here changes a row.</summary>
/// <param name="BatchSize">Most images in one pass through the model.</param>
/// <param name="Workers">Files read and decoded at the same time.</param>
internal sealed record PipelineOptions(int BatchSize, int Workers)
{
    /// <summary>Batches in the model at the same time.</summary>
    public int InFlight { get; init; } = 1;

    /// <summary>
    /// How long one file may take to be read and decoded before its row fails, as on a network drive that hangs.
    /// </summary>
    public TimeSpan ImageTimeout { get; init; } = TimeSpan.FromMinutes(2);
}

/// <summary>
/// Turns files into embeddings. Reading and decoding, the model, and writing overlap, each on its own threads. An input
/// holds a place in a window of bounded size until its row is written, so memory does not depend on the number of
/// inputs. The model takes every image that is ready, up to a batch. Rows leave in input order, whichever is ready
/// first.
/// </summary>
/// <param name="load">
/// Reads one image, with the clock of <see cref="PipelineOptions.ImageTimeout"/>; called from several threads.
/// </param>
/// <param name="forward">Runs one batch; called from as many threads as batches may be in flight.</param>
/// <param name="options">Sizes.</param>
/// <param name="times">Told how long each stage took.</param>
internal sealed class EmbeddingPipeline(
    Func<InputItem, LoadClock, LoadedImage> load,
    Func<IReadOnlyList<RgbImage>, DinoOutput> forward,
    PipelineOptions options,
    StageTimes? times = null)
{
    private static readonly TimeSpan TimeoutCheck = TimeSpan.FromMilliseconds(500);

    private readonly Func<InputItem, LoadClock, LoadedImage> _load = load;
    private readonly Func<IReadOnlyList<RgbImage>, DinoOutput> _forward = forward;
    private readonly PipelineOptions _options = options;
    private readonly StageTimes _times = times ?? new StageTimes();

    /// <summary>Embeds every input.</summary>
    /// <param name="items">The inputs; enumerated on a thread of its own, which may block.</param>
    /// <param name="sink">Takes the rows.</param>
    /// <param name="drain">
    /// Asks for an orderly end: finishes the batches in the model, and hands out the rows before the first missing one.
    /// </param>
    /// <param name="cancellation">Asks for an end at once: a batch in the model is left behind, not waited for.</param>
    /// <returns>Whether every input went through; false after <paramref name="drain"/>.</returns>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/>.</exception>
    public async Task<bool> RunAsync(
        IEnumerable<InputItem> items, IEmbeddingSink sink, CancellationToken drain, CancellationToken cancellation)
    {
        using var run = new Run(this, cancellation);
        using CancellationTokenRegistration orderlyEnd = drain.Register(run.StopTaking);
        run.Start(items);
        // One thread: formats keep buffers for the thread that writes, and continuations would change threads.
        return await Task.Factory.StartNew(
            () => run.Write(sink), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).ConfigureAwait(false);
    }

    /// <summary>Reads ahead without an orderly end.</summary>
    public Task RunAsync(IEnumerable<InputItem> items, IEmbeddingSink sink, CancellationToken cancellation) =>
        RunAsync(items, sink, CancellationToken.None, cancellation);

    /// <summary>One input on its way.</summary>
    private sealed class Entry(InputItem item, RunningTime time)
    {
        private readonly TaskCompletionSource<Outcome> _outcome = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _loaded;

        public InputItem Item => item;

        public LoadedImage? Image { get; set; }

        public Task<Outcome> Outcome => _outcome.Task;

        /// <summary>Its time in a worker.</summary>
        public LoadClock Clock { get; } = new(time);

        /// <summary>True for the one that ends it first: the worker, or the clock.</summary>
        public bool TryEndLoading() => Interlocked.Exchange(ref _loaded, 1) == 0;

        public void End(Outcome outcome) => _outcome.SetResult(outcome);
    }

    /// <summary>A row of a batch, or the reason why there is none.</summary>
    private sealed record Outcome(
        DinoOutput? Output, int Index, string? Reason, string? Hint = null, bool IsSystemFailure = false);

    /// <summary>The threads of one run and what goes from one to the next.</summary>
    private sealed class Run : IDisposable
    {
        private readonly EmbeddingPipeline _pipeline;
        private readonly PipelineOptions _options;
        private readonly CancellationToken _cancellation;
        private readonly CancellationTokenSource _end;     // ends every thread
        private readonly CancellationTokenSource _taking;  // ends all but the batches in the model
        private readonly SemaphoreSlim _window;
        private readonly Channel<Entry> _order = Channel.CreateUnbounded<Entry>(
            new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        private readonly BlockingCollection<Entry> _work = [];
        private readonly BlockingCollection<Entry> _ready = [];
        private readonly ConcurrentDictionary<Entry, bool> _loading = []; // a set of those in workers
        private readonly List<Task> _models = [];
        private readonly RunningTime _time = new();
        private Entry? _held; // the row whose turn it is, while it is waited for
        private Exception? _failure;
        private int _toLoad = 1; // inputs not loaded yet, and one for the list that is still being read

        public Run(EmbeddingPipeline pipeline, CancellationToken cancellation)
        {
            _pipeline = pipeline;
            _options = pipeline._options;
            _cancellation = cancellation;
            _end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            _taking = CancellationTokenSource.CreateLinkedTokenSource(_end.Token);
            _window = new SemaphoreSlim((_options.InFlight + 1) * _options.BatchSize + _options.Workers);
        }

        public void Start(IEnumerable<InputItem> items)
        {
            for (int i = 0; i < _options.InFlight; i++)
                _models.Add(StartThread("dino model", RunModel));
            for (int i = 0; i < _options.Workers; i++)
                _ = StartThread("dino decode", Load);
            _ = StartThread("dino list", () => TakeInputs(items));
        }

        public void StopTaking() => _taking.Cancel();

        /// <summary>Hands out rows in order until the last, or until the run is stopped.</summary>
        public bool Write(IEmbeddingSink sink)
        {
            try
            {
                bool flushed = true;
                while (true)
                {
                    bool ready = _order.Reader.TryRead(out Entry? entry);
                    if (!flushed && (!ready || !entry!.Outcome.IsCompleted))
                    {
                        sink.Flush();
                        flushed = true;
                    }

                    if (!ready)
                    {
                        if (!_order.Reader.WaitToReadAsync(_taking.Token).AsTask().GetAwaiter().GetResult())
                            break;
                        continue;
                    }

                    if (!entry!.Outcome.IsCompleted)
                        Wait(entry);
                    HandOut(entry, sink);
                    flushed = false;
                }

                return true;
            }
            catch (OperationCanceledException) when (_taking.IsCancellationRequested)
            {
                if (_failure is not null)
                    ExceptionDispatchInfo.Throw(_failure);
                _cancellation.ThrowIfCancellationRequested();
            }

            Task.WhenAll(_models).Wait(_cancellation);
            if (_failure is not null)
                ExceptionDispatchInfo.Throw(_failure);
            if (_held is null or { Outcome.IsCompleted: true })
            {
                if (_held is not null)
                    HandOut(_held, sink);
                while (_order.Reader.TryPeek(out Entry? next) && next.Outcome.IsCompleted && _order.Reader.TryRead(out next))
                    HandOut(next, sink);
            }

            return false;
        }

        public void Dispose()
        {
            _end.Cancel();
            _time.Dispose();
            // Leaves threads behind that hang in a file or wait for a line of input. They hold only the queues.
        }

        private void Wait(Entry entry)
        {
            _held = entry;
            while (!entry.Outcome.Wait((int)TimeoutCheck.TotalMilliseconds, _taking.Token))
                GiveUpOverdue();
            _held = null;
        }

        /// <summary>
        /// Called while a row is waited for. Files start in order, so a file that hangs is sooner or later the one that
        /// is waited for, or it holds the room that this one needs.
        /// </summary>
        private void GiveUpOverdue()
        {
            foreach (Entry entry in _loading.Keys)
            {
                if (!entry.Clock.HasPassed(_options.ImageTimeout))
                    continue;
                if (entry.TryEndLoading())
                {
                    entry.Clock.Abandon();
                    entry.End(
                        new Outcome(
                            null,
                            0,
                            string.Create(
                                CultureInfo.InvariantCulture,
                                $"took longer than {_options.ImageTimeout.TotalSeconds:0.#} s to read and decode")));
                    LoadingEnded();
                    _ = StartThread("dino decode", Load); // replaces the one that hangs
                }
                else if (entry.Clock.HasPassed(2 * _options.ImageTimeout))
                {
                    // A slow file would have ended by now and given its room back.
                    entry.Clock.TakeRoomBack();
                    _loading.TryRemove(entry, out _);
                }
            }
        }

        private void HandOut(Entry entry, IEmbeddingSink sink)
        {
            Outcome outcome = entry.Outcome.Result;
            using (_pipeline._times.Measure(Stage.Write))
            {
                if (outcome.Reason is null)
                    sink.Embedded(entry.Item, entry.Image!, outcome.Output!, outcome.Index);
                else if (outcome.IsSystemFailure)
                    sink.SystemFailed(entry.Item, outcome.Reason);
                else
                    sink.Failed(entry.Item, outcome.Reason, outcome.Hint);
            }

            _window.Release();
        }

        private void TakeInputs(IEnumerable<InputItem> items)
        {
            try
            {
                foreach (InputItem item in items)
                {
                    _window.Wait(_taking.Token);
                    var entry = new Entry(item, _time);
                    Interlocked.Increment(ref _toLoad);
                    _order.Writer.TryWrite(entry);
                    _work.Add(entry, _taking.Token);
                }

                _order.Writer.TryComplete();
                _work.CompleteAdding();
                LoadingEnded();
            }
            catch (Exception failure) when (failure is not OperationCanceledException)
            {
                Fail(failure);
            }
        }

        private void Load()
        {
            foreach (Entry entry in _work.GetConsumingEnumerable(_taking.Token))
            {
                entry.Clock.Start();
                _loading[entry] = true;
                string? reason = null;
                string? hint = null;
                bool isSystemFailure = false;
                LoadedImage? image = null;
                try
                {
                    image = _pipeline._load(entry.Item, entry.Clock);
                }
                catch (OutOfMemoryException failure)
                {
                    if (!entry.TryEndLoading())
                        return;
                    throw DecodeMemory.At(entry.Item.Path, failure);
                }
                catch (Exception failure)
                {
                    // A broken file costs its own row and nothing else, whatever it makes a decoder throw.
                    isSystemFailure = failure is SystemReadException;
                    reason = MessageText.OneLine(
                        failure is DinoException or IOException or UnauthorizedAccessException
                            ? failure.Message
                            : $"{failure.GetType().Name}: {failure.Message}");
                    hint = (failure as DinoException)?.Hint;
                }

                _loading.TryRemove(entry, out _);
                if (!entry.TryEndLoading())
                    return; // too late: another thread has taken this one's place
                entry.Image = image;
                if (reason is null)
                    _ready.Add(entry, _taking.Token);
                else
                    entry.End(new Outcome(null, 0, reason, hint, isSystemFailure));
                LoadingEnded();
            }
        }

        /// <summary>After the last image there is nothing more to wait for in front of the model.</summary>
        private void LoadingEnded()
        {
            if (Interlocked.Decrement(ref _toLoad) == 0)
                _ready.CompleteAdding();
        }

        private void RunModel()
        {
            var batch = new List<Entry>(_options.BatchSize);
            while (true)
            {
                using (_pipeline._times.Measure(Stage.ModelWaiting, images: 0))
                {
                    if (!_ready.TryTake(out Entry? first, Timeout.Infinite, _taking.Token))
                        return;
                    batch.Add(first);
                }

                while (batch.Count < _options.BatchSize && _ready.TryTake(out Entry? next))
                    batch.Add(next);
                DinoOutput output;
                using (_pipeline._times.Measure(Stage.Model, batch.Count))
                    output = _pipeline._forward([.. batch.Select(entry => entry.Image!.Pixels)]);
                for (int i = 0; i < batch.Count; i++)
                    batch[i].End(new Outcome(output, i, null));
                batch.Clear();
            }
        }

        private void Fail(Exception failure)
        {
            Interlocked.CompareExchange(ref _failure, failure, null);
            _end.Cancel();
        }

        private Task StartThread(string name, Action body)
        {
            var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var thread = new Thread(() =>
            {
                try
                {
                    body();
                }
                catch (OperationCanceledException)
                {
                    // the run is over
                }
                catch (Exception failure)
                {
                    Fail(failure);
                }

                ended.SetResult();
            })
            {
                IsBackground = true, // a thread that hangs must not hold the process
                Name = name,
            };
            thread.Start();
            return ended.Task;
        }
    }
}
