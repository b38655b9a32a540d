using Dino.Gpu.Kernels.Simd;
using Dino.Gpu.Ops.Device;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Search;

/// <summary>
/// The memory of one run of <see cref="SimdCandidates"/>. After the run it holds the lists. It is reused from run to
/// run.
/// </summary>
/// <param name="accelerator">A CPU accelerator with one multiprocessor a thread.</param>
/// <param name="scoreLength">Floats for the scores of all threads.</param>
/// <param name="giveBack">Called when the lists are disposed and the memory is free for the next run.</param>
internal sealed unsafe class SimdCandidateLists(
    Accelerator accelerator, long scoreLength, Action<SimdCandidateLists> giveBack) : CandidateLists
{
    private readonly GrowingBuffer<float> _queries = new(accelerator);
    private readonly GrowingBuffer<float> _floors = new(accelerator);
    private readonly GrowingBuffer<float> _scores = new(accelerator);
    private readonly GrowingBuffer<float> _thresholds = new(accelerator);
    private readonly GrowingBuffer<ulong> _keys = new(accelerator);
    private readonly GrowingBuffer<int> _counts = new(accelerator);
    private readonly GrowingBuffer<int> _counter = new(accelerator);
    private ulong* _lists; // (threads, queries, capacity)
    private int* _lengths; // (threads, queries)
    private TopKPlan _plan;

    /// <summary>(blocks, queries, 384)</summary>
    public ArrayView<float> Queries { get; private set; }

    /// <summary>(queries)</summary>
    public ArrayView<float> Floors { get; private set; }

    /// <summary>Scratch of each thread for a section's scores.</summary>
    public ArrayView<float> Scores { get; private set; }

    /// <summary>(threads, queries)</summary>
    public ArrayView<float> Thresholds { get; private set; }

    /// <summary>(threads, queries, capacity)</summary>
    public ArrayView<ulong> Keys { get; private set; }

    /// <summary>(threads, queries)</summary>
    public ArrayView<int> Counts { get; private set; }

    /// <summary>(1): the number of sections that threads have taken; 0 at the start.</summary>
    public ArrayView<int> Counter { get; private set; }

    /// <summary>Makes room for a run.</summary>
    /// <param name="plan">The run.</param>
    /// <param name="queryLength">Floats of the packed queries.</param>
    public void Reserve(in TopKPlan plan, long queryLength)
    {
        long lists = (long)plan.Threads * plan.QueryCount;
        _plan = plan;
        Queries = _queries.Reserve(queryLength);
        Floors = _floors.Reserve(plan.QueryCount);
        Scores = _scores.Reserve(scoreLength);
        Thresholds = _thresholds.Reserve(lists);
        Keys = _keys.Reserve(lists * plan.Capacity);
        Counts = _counts.Reserve(lists);
        Counter = _counter.Reserve(1);
        *Pointer(Counter) = 0;
        _lists = Pointer(Keys);
        _lengths = Pointer(Counts);
    }

    public override int Collect(int query, ref ulong[] keys)
    {
        int total = 0;
        for (int thread = 0; thread < _plan.Threads; thread++)
        {
            long list = (long)thread * _plan.QueryCount + query;
            int count = _lengths[list];
            if (keys.Length < total + count)
                Array.Resize(ref keys, Math.Max(total + count, 2 * keys.Length));
            new ReadOnlySpan<ulong>(_lists + list * _plan.Capacity, count).CopyTo(keys.AsSpan(total));
            total += count;
        }

        return total;
    }

    public override void Dispose() => giveBack(this);

    /// <summary>Frees the memory.</summary>
    public void Free()
    {
        _queries.Dispose();
        _floors.Dispose();
        _scores.Dispose();
        _thresholds.Dispose();
        _keys.Dispose();
        _counts.Dispose();
        _counter.Dispose();
    }

    /// <summary>The address of a view. The CPU accelerator's memory is the host's.</summary>
    internal static T* Pointer<T>(ArrayView<T> view)
        where T : unmanaged => (T*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref view[0]);
}
