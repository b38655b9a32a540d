using System.Collections.Concurrent;
using System.Diagnostics;
using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Pipeline;

/// <summary>
/// Runs pictures through an executor in batches. While one batch computes, the next one is staged, from the same call
/// or from another. A batch that does not fit is halved. Thread-safe. Owns the executor and its device.
/// </summary>
internal sealed class BatchRunner : IDisposable
{
    /// <summary>
    /// The object that an <see cref="ObjectDisposedException"/> names: users know the encoder, not this class.
    /// </summary>
    private const string Owner = "DinoEncoder";

    private readonly VitExecutor _executor;
    private readonly DeviceInfo _device;
    private readonly VitShape _shape;
    private readonly InputTables _tables;
    private readonly Action<string>? _warning;
    private readonly BatchSlot[] _slots;
    private readonly ConcurrentQueue<BatchSlot> _free;
    private readonly SemaphoreSlim _freeCount;
    private readonly Lock _turn = new();
    private int _batchSize;
    private int _passes; // that were begun
    private int _disposed;

    /// <param name="executor">The model on its device.</param>
    /// <param name="device">The device, for messages.</param>
    /// <param name="preprocessor">How pictures are resized that the executor resizes.</param>
    /// <param name="shape">The model at this input size.</param>
    /// <param name="tables">Those of this input size.</param>
    /// <param name="batchSize">The most images in one pass.</param>
    /// <param name="warning">Called when batches become smaller.</param>
    /// <exception cref="DinoException">The input has more tokens than the device's kernels can index.</exception>
    public BatchRunner(
        VitExecutor executor, DeviceInfo device, Preprocessor preprocessor, in VitShape shape, InputTables tables, int batchSize,
        Action<string>? warning)
    {
        _executor = executor;
        _device = device;
        _shape = shape;
        _tables = tables;
        _batchSize = batchSize;
        _warning = warning;
        _ = MostImages(shape); // before memory is taken
        _slots = new BatchSlot[executor.SlotCount];
        for (int i = 0; i < _slots.Length; i++)
            _slots[i] = executor.CreateSlot(preprocessor);
        _free = new ConcurrentQueue<BatchSlot>(_slots);
        _freeCount = new SemaphoreSlim(_slots.Length);
    }

    /// <summary>
    /// Ends the threads of a device that nobody disposed: they hold it, so that the collector never frees it. On
    /// another thread, since it waits for them. The encoder has no finalizer: a call may be under way when nobody holds
    /// it any more.
    /// </summary>
    ~BatchRunner() => ThreadPool.UnsafeQueueUserWorkItem(static runner => runner.FreeLost(), this, preferLocal: false);

    /// <summary>The device, which is freed with the runner; null where it outlives the runner.</summary>
    public DinoDevice? OwnDevice { private get; init; }

    /// <summary>The most images in one pass. It shrinks when the device runs out of memory.</summary>
    public int BatchSize => Volatile.Read(ref _batchSize);

    /// <summary>The most batches that are under way at the same time.</summary>
    public int BatchesInFlight => _slots.Length;

    /// <summary>Runs pictures through the model, in batches.</summary>
    /// <param name="images">At least one picture, each of the input size or one that the executor resizes.</param>
    /// <param name="whole">The outputs for all of them.</param>
    public ForwardOutput Run(IReadOnlyList<RgbImage> images, ForwardRequest whole) => Run(images, whole, _shape, _tables);

    /// <summary>
    /// Does the same as <see cref="Run(IReadOnlyList{RgbImage}, ForwardRequest)"/>, with the model at another scale of
    /// the pictures.
    /// </summary>
    /// <param name="images">Pictures as for the other overload.</param>
    /// <param name="whole">The outputs for all of them.</param>
    /// <param name="shape">See <see cref="VitShape.AtScale"/>.</param>
    /// <param name="tables">Those of that input size.</param>
    /// <exception cref="DinoException">The input has more tokens than the device's kernels can index.</exception>
    public ForwardOutput Run(IReadOnlyList<RgbImage> images, ForwardRequest whole, VitShape shape, InputTables tables)
    {
        ForwardOutput all = ForwardOutput.Allocate(shape, whole);
        int most = MostImages(shape);
        var running = new Queue<Pass>(); // oldest first
        int next = 0;
        int? emptied = null; // how many passes had begun when no batch was on the device
        bool hasRetried = false;
        try
        {
            while (next < images.Count || running.Count > 0)
            {
                // A second slot is taken only if one is free. Otherwise two calls that each hold one slot could wait
                // for each other forever.
                BatchSlot? slot = next < images.Count ? Take(wait: running.Count == 0) : null;
                Pass current;
                if (slot is null)
                {
                    current = running.Peek();
                }
                else
                {
                    current = new Pass(slot, next, whole.ForBatch(Math.Min(Math.Min(BatchSize, most), images.Count - next)));
                    running.Enqueue(current);
                    // Not where a failure means that the device is full: this is the host's memory.
                    current.Output = current.Request.Batch == images.Count ? all : ForwardOutput.Allocate(shape, current.Request);
                    Interlocked.Increment(ref _passes);
                }

                try
                {
                    if (slot is null)
                    {
                        slot = current.Slot;
                        slot.Finish();
                        DinoTelemetry.BatchDone(_device.Id, current.Request.Batch, current.Launched);
                        if (current.Output != all)
                            all.Insert(current.Output!, current.First);
                        running.Dequeue();
                        Return(slot);
                    }
                    else
                    {
                        slot.Stage(images, current.First, current.Request.Batch);
                        lock (_turn)
                        {
                            current.Launched = Stopwatch.GetTimestamp();
                            slot.Launch(tables, shape, current.Request, current.Output!);
                        }

                        next += current.Request.Batch;
                    }
                }
                catch (Exception failure) when (DeviceMemoryException.IsCause(failure))
                {
                    // The other batches of this call give back their memory too, and run again.
                    next = running.Peek().First;
                    bool isAlone = running.Count == 1;
                    Abandon(running);
                    // What fills the memory may be another batch: one before it, whose buffers are still there, or one
                    // of another call.
                    int count = current.Request.Batch;
                    int size = isAlone && emptied + 1 == Volatile.Read(ref _passes) ? count : Math.Max(count, Math.Min(BatchSize, most));
                    emptied = ReleaseMemory();
                    if (isAlone && emptied is not null && count < size && !hasRetried)
                        hasRetried = true; // it may fit where nothing else is
                    else
                        Halve(size, shape, failure);
                }
            }
        }
        catch (Exception failure) when (failure is not ObjectDisposedException)
        {
            DinoTelemetry.Failed(failure);
            if (DeviceFailure.IsDriverError(failure))
                throw DeviceFailure.Of(failure).ToException(_device);
            throw;
        }
        finally
        {
            Abandon(running);
        }

        return all;
    }

    /// <summary>Runs pictures as one batch and returns the time of each step.</summary>
    /// <exception cref="DinoException">They are more than the device's kernels can index.</exception>
    public IReadOnlyList<OpTime> RunTimed(IReadOnlyList<RgbImage> images, in ForwardRequest request)
    {
        int most = MostImages(_shape);
        if (images.Count > most)
        {
            throw new DinoException(
                $"{_device.Id} ({_device.Name}) takes at most {most} images of {_shape.InputWidth}x{_shape.InputHeight} at once "
                + $"(found {images.Count})",
                "use a smaller batch");
        }

        BatchSlot slot = Take(wait: true)!;
        try
        {
            slot.Stage(images, 0, images.Count);
            lock (_turn)
                return slot.RunTimed(_tables, _shape, request, ForwardOutput.Allocate(_shape, request));
        }
        catch (Exception failure) when (DeviceFailure.IsDriverError(failure))
        {
            throw DeviceFailure.Of(failure).ToException(_device);
        }
        finally
        {
            slot.Abandon();
            Return(slot);
        }
    }

    /// <summary>See <see cref="VitExecutor.MeasurePeak"/>.</summary>
    public double MeasurePeak()
    {
        lock (_turn)
        {
            if (Volatile.Read(ref _disposed) != 0)
                throw new ObjectDisposedException(Owner);
            return _executor.MeasurePeak();
        }
    }

    /// <summary>
    /// Waits for the batches under way, then frees the executor and the device. A call with more batches ends with an
    /// <see cref="ObjectDisposedException"/>.
    /// </summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        GC.SuppressFinalize(this);
        foreach (BatchSlot _ in _slots)
            _freeCount.Wait();
        try
        {
            lock (_turn)
            {
                foreach (BatchSlot slot in _slots)
                    slot.Dispose();
                _executor.Dispose();
            }
        }
        finally
        {
            _freeCount.Release(_slots.Length); // calls that still wait for a slot see that the runner is disposed
            OwnDevice?.Dispose();
        }
    }

    private void FreeLost()
    {
        try
        {
            if (_freeCount is not null)
                Dispose();
        }
        catch (Exception failure) when (failure is InvalidOperationException or ILGPU.Runtime.AcceleratorException)
        {
            // Nobody is there to be told, and the device may be gone already.
        }
    }

    /// <summary>The most images of a batch, whatever memory there is: kernels of GPUs count in 32 bits.</summary>
    private int MostImages(in VitShape shape)
    {
        int most = BatchChoice.Indexable(shape, _device.Family);
        return most > 0
            ? most
            : throw new DinoException(
                $"{_device.Id} ({_device.Name}) takes at most {BatchChoice.MostTokens(shape, _device.Family)} tokens of this model "
                + $"(found {shape.TokenCount}, from {shape.InputWidth}x{shape.InputHeight} pixels)",
                "take a smaller input size or scale, or the device cpu");
    }

    /// <summary>Takes a free slot. Returns null if there is none and <paramref name="wait"/> is false.</summary>
    private BatchSlot? Take(bool wait)
    {
        if (!_freeCount.Wait(wait ? Timeout.Infinite : 0))
            return null;
        if (Volatile.Read(ref _disposed) != 0)
        {
            _freeCount.Release();
            throw new ObjectDisposedException(Owner);
        }

        return _free.TryDequeue(out BatchSlot? slot) ? slot : throw new InvalidOperationException("No slot is free.");
    }

    private void Return(BatchSlot slot)
    {
        _free.Enqueue(slot);
        _freeCount.Release();
    }

    private void Abandon(Queue<Pass> running)
    {
        while (running.TryDequeue(out Pass? pass))
        {
            pass.Slot.Abandon();
            Return(pass.Slot);
        }
    }

    /// <summary>Frees the memory of every slot that is not in use, and that of the activations.</summary>
    /// <returns>How many passes have begun so far, if no slot was in use; else null.</returns>
    private int? ReleaseMemory()
    {
        var idle = new List<BatchSlot>();
        try
        {
            while (Take(wait: false) is { } slot)
                idle.Add(slot);
            lock (_turn)
            {
                foreach (BatchSlot slot in idle)
                    slot.Release();
                _executor.ReleaseActivations();
            }

            return idle.Count == _slots.Length ? Volatile.Read(ref _passes) : null;
        }
        finally
        {
            idle.ForEach(Return);
        }
    }

    /// <summary>Makes half of the size of batches that do not fit the new limit. Fails if it is one image.</summary>
    private void Halve(int size, in VitShape shape, Exception failure)
    {
        if (size == 1)
        {
            throw failure as DeviceMemoryException ?? new DeviceMemoryException(
                $"{_device.Id} ({_device.Name}) ran out of memory with one image of {shape.InputWidth}x{shape.InputHeight}: "
                + $"{failure.Message.ReplaceLineEndings(" ")}",
                failure);
        }

        lock (_turn)
        {
            if (size / 2 >= _batchSize)
                return; // another call has halved it already
            Volatile.Write(ref _batchSize, size / 2);
        }

        _warning?.Invoke($"{_device.Id} ({_device.Name}) has no room for {size} images at once; continuing with {size / 2}");
    }

    /// <summary>One batch under way.</summary>
    private sealed class Pass(BatchSlot slot, int first, ForwardRequest request)
    {
        public BatchSlot Slot => slot;

        /// <summary>The place of its first image among the images of the call.</summary>
        public int First => first;

        public ForwardRequest Request => request;

        /// <summary>When it was launched, as a timestamp of <see cref="Stopwatch"/>.</summary>
        public long Launched { get; set; }

        /// <summary>The output that it fills; set at its launch.</summary>
        public ForwardOutput? Output { get; set; }
    }
}
