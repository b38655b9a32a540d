using Dino.Gpu.Kernels.Simd;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Pipeline;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Search;

/// <summary>The SIMD family's search: one launch of <see cref="TopK"/> a batch on the CPU accelerator.</summary>
internal sealed unsafe class SimdCandidates : CandidateSearch
{
    /// <summary>Room to move a buffer's start to a cache line.</summary>
    private const int Alignment = 16;

    /// <summary>Floats that a load or a prefetch may run past the last panel.</summary>
    private const int Slack = 1024;

    /// <summary>Queries of a launch, which all pass by while a section of vectors is in the cache.</summary>
    private const int MostQueries = 1024;

    private readonly Accelerator _accelerator;
    private readonly Kernel _kernel;
    private readonly int _vectorCount;
    private readonly int _dimension;
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _vectors;
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _scores;
    private readonly MemoryBuffer1D<int, Stride1D.Dense> _counter;
    private readonly GrowingBuffer<float> _queries;
    private readonly GrowingBuffer<float> _floors;
    private readonly GrowingBuffer<float> _thresholds;
    private readonly GrowingBuffer<ulong> _keys;
    private readonly GrowingBuffer<int> _counts;
    private ulong* _lists; // (threads, queries, capacity)
    private int* _lengths; // (threads, queries)
    private TopKPlan _plan;

    private SimdCandidates(Accelerator accelerator, Kernel kernel, int width, DistinctVectors vectors, ParallelOptions parallel)
    {
        _accelerator = accelerator;
        _kernel = kernel;
        _vectorCount = vectors.Count;
        _dimension = vectors.Dimension;
        _vectors = Pack(accelerator, width, vectors, parallel);
        _scores = accelerator.Allocate1D<float>((long)accelerator.NumMultiprocessors * TopK.ScoreLength + Alignment + Slack);
        _counter = accelerator.Allocate1D<int>(1);
        _queries = new GrowingBuffer<float>(accelerator);
        _floors = new GrowingBuffer<float>(accelerator);
        _thresholds = new GrowingBuffer<float>(accelerator);
        _keys = new GrowingBuffer<ulong>(accelerator);
        _counts = new GrowingBuffer<int>(accelerator);
    }

    private delegate void Kernel(
        KernelConfig config,
        ArrayView<float> queries,
        ArrayView<float> vectors,
        ArrayView<float> floors,
        ArrayView<float> scores,
        ArrayView<float> thresholds,
        ArrayView<ulong> keys,
        ArrayView<int> counts,
        ArrayView<int> counter,
        TopKPlan plan);

    /// <summary>Packs vectors for the CPU accelerator, which stays the caller's and has to outlive this.</summary>
    /// <param name="accelerator">A CPU accelerator with one multiprocessor a thread.</param>
    /// <param name="vectors">Not kept.</param>
    /// <param name="parallel">Threads that pack.</param>
    /// <param name="width">Register width; null for the widest of this machine.</param>
    public static SimdCandidates Create(Accelerator accelerator, DistinctVectors vectors, ParallelOptions parallel, SimdWidth? width = null) =>
        (width ?? SimdExecutor.BestWidth) switch
        {
            SimdWidth.Lanes16 => Create<Float16>(accelerator, vectors, parallel),
            SimdWidth.Lanes8 => Create<Float8>(accelerator, vectors, parallel),
            _ => Create<Float4>(accelerator, vectors, parallel),
        };

    public override int MaxQueries(int keep) =>
        (int)Math.Clamp(ListBytes / sizeof(ulong) / ((long)_accelerator.NumMultiprocessors * Capacity(keep)), 1, MostQueries);

    public override void Run(ReadOnlySpan<float> queries, ReadOnlySpan<float> floors, int keep)
    {
        int threads = _accelerator.NumMultiprocessors;
        int count = floors.Length;
        _plan = new TopKPlan(count, _vectorCount, _dimension, keep, Capacity(keep), threads);
        ArrayView<float> queryView = _queries.Reserve((long)count * Blocks(_dimension) * Gemm.BlockSize);
        PackQueries(queries, count, Pointer(queryView));
        ArrayView<float> floorView = _floors.Reserve(count);
        floors.CopyTo(new Span<float>(Pointer(floorView), count));
        long lists = (long)threads * count;
        ArrayView<ulong> keys = _keys.Reserve(lists * _plan.Capacity);
        ArrayView<int> counts = _counts.Reserve(lists);
        _counter.MemSetToZero();

        _kernel(new KernelConfig(threads, 1), queryView, _vectors.View, floorView, _scores.View, _thresholds.Reserve(lists), keys, counts, _counter.View, _plan);
        _accelerator.Synchronize();
        _lists = Pointer(keys);
        _lengths = Pointer(counts);
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

    public override void Dispose()
    {
        _vectors.Dispose();
        _scores.Dispose();
        _counter.Dispose();
        _queries.Dispose();
        _floors.Dispose();
        _thresholds.Dispose();
        _keys.Dispose();
        _counts.Dispose();
    }

    private static SimdCandidates Create<TVector>(Accelerator accelerator, DistinctVectors vectors, ParallelOptions parallel)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        var kernel = accelerator.LoadStreamKernel<
            ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<ulong>, ArrayView<int>,
            ArrayView<int>, TopKPlan>(TopK.Kernel<TVector>);
        return new SimdCandidates(accelerator, kernel.Invoke, 2 * TVector.Count, vectors, parallel);
    }

    /// <summary>Room for as many again before a list is cut; one that can hold every vector never is.</summary>
    private int Capacity(int keep) => (int)Math.Min(2L * keep, _vectorCount + 1L);

    private static int Blocks(int dimension) => (dimension + Gemm.BlockSize - 1) / Gemm.BlockSize;

    private static T* Pointer<T>(ArrayView<T> view)
        where T : unmanaged => (T*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref view[0]);

    /// <summary>(blocks, queries, 384), as <see cref="Gemm"/> takes its left side.</summary>
    private void PackQueries(ReadOnlySpan<float> queries, int count, float* destination)
    {
        for (int input = 0; input < _dimension; input += Gemm.BlockSize)
        {
            int inputs = Math.Min(Gemm.BlockSize, _dimension - input);
            for (int query = 0; query < count; query++)
            {
                var row = new Span<float>(destination + (nint)input * count + (nint)query * Gemm.BlockSize, inputs);
                queries.Slice(query * _dimension + input, inputs).CopyTo(row);
            }
        }
    }

    /// <summary>(sections, blocks, panels, inputs of the block, width), missing columns zero.</summary>
    private static MemoryBuffer1D<float, Stride1D.Dense> Pack(Accelerator accelerator, int width, DistinctVectors vectors, ParallelOptions parallel)
    {
        int dimension = vectors.Dimension;
        var plan = new TopKPlan(0, vectors.Count, dimension, 0, 0, 0);
        MemoryBuffer1D<float, Stride1D.Dense> buffer = accelerator.Allocate1D<float>(plan.SectionCount * plan.SectionLength + Alignment + Slack);
        float* start = SimdForward.Align((float*)buffer.NativePtr);
        Parallel.For(0, plan.SectionCount, parallel, () => new float[dimension], (section, _, scaled) =>
        {
            float* packed = start + section * plan.SectionLength;
            int panels = plan.Panels(section, width);
            for (int column = 0; column < panels * width; column++)
            {
                int vector = section * TopKPlan.SectionColumns + column;
                if (vector < vectors.Count)
                    vectors.CopyScaled(vector, scaled);
                else
                    Array.Clear(scaled);
                for (int input = 0; input < dimension; input += Gemm.BlockSize)
                {
                    int inputs = Math.Min(Gemm.BlockSize, dimension - input);
                    float* destination = packed + (nint)input * panels * width + (nint)(column / width) * inputs * width + column % width;
                    for (int i = 0; i < inputs; i++)
                        destination[(nint)i * width] = scaled[input + i];
                }
            }

            return scaled;
        }, _ => { });
        return buffer;
    }
}
