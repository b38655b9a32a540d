using System.Collections.Concurrent;
using Dino.Gpu.Kernels.Simd;
using Dino.Gpu.Pipeline;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Search;

/// <summary>
/// The SIMD family's search: one launch of <see cref="TopK"/> for each batch, on the CPU accelerator.
/// </summary>
internal sealed unsafe class SimdCandidates : CandidateSearch
{
    /// <summary>The most queries of a launch. All of them use a section of vectors while it is in the cache.</summary>
    private const int MostQueries = 1024;

    /// <summary>
    /// The most runs under way at a time. While one is ranked on the host, others search. Launches take turns.
    /// </summary>
    private const int MostRuns = 4;

    private readonly Accelerator _accelerator;
    private readonly Kernel _kernel;
    private readonly int _vectorCount;
    private readonly int _dimension;
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _vectors;
    private readonly SemaphoreSlim _free = new(MostRuns);
    private readonly ConcurrentStack<SimdCandidateLists> _idle = new();
    private int _disposed;

    private SimdCandidates(Accelerator accelerator, Kernel kernel, int width, DistinctVectors vectors, ParallelOptions parallel)
    {
        _accelerator = accelerator;
        _kernel = kernel;
        _vectorCount = vectors.Count;
        _dimension = vectors.Dimension;
        _vectors = Pack(accelerator, width, vectors, parallel);
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

    /// <summary>
    /// Packs vectors for the CPU accelerator. The caller owns the accelerator, which must outlive the search.
    /// </summary>
    /// <param name="accelerator">A CPU accelerator with one multiprocessor per thread.</param>
    /// <param name="vectors">The vectors; copied.</param>
    /// <param name="parallel">Threads that pack.</param>
    /// <param name="width">Register width; null for the widest of this machine.</param>
    public static SimdCandidates Create(
        Accelerator accelerator, DistinctVectors vectors, ParallelOptions parallel, SimdWidth? width = null) =>
        (width ?? SimdExecutor.BestWidth) switch
        {
            SimdWidth.Lanes16 => Create<Float16>(accelerator, vectors, parallel),
            SimdWidth.Lanes8 => Create<Float8>(accelerator, vectors, parallel),
            _ => Create<Float4>(accelerator, vectors, parallel),
        };

    public override int MaxQueries(int keep) =>
        (int)Math.Clamp(ListBytes / sizeof(ulong) / ((long)_accelerator.NumMultiprocessors * Capacity(keep)), 1, MostQueries);

    public override CandidateLists Run(ReadOnlySpan<float> queries, ReadOnlySpan<float> floors, int keep)
    {
        int threads = _accelerator.NumMultiprocessors;
        int count = floors.Length;
        var plan = new TopKPlan(count, _vectorCount, _dimension, keep, Capacity(keep), threads);
        SimdCandidateLists lists = Rent();
        try
        {
            lists.Reserve(plan, (long)count * Gemm.Blocks(_dimension) * Gemm.BlockSize);
            PackQueries(queries, count, SimdCandidateLists.Pointer(lists.Queries));
            floors.CopyTo(new Span<float>(SimdCandidateLists.Pointer(lists.Floors), count));
            _kernel(
                new KernelConfig(threads, 1), lists.Queries, _vectors.View, lists.Floors, lists.Scores, lists.Thresholds, lists.Keys,
                lists.Counts, lists.Counter, plan);
            _accelerator.Synchronize();
            return lists;
        }
        catch
        {
            lists.Dispose();
            throw;
        }
    }

    public override void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        for (int run = 0; run < MostRuns; run++)
            _free.Wait();
        foreach (SimdCandidateLists lists in _idle)
            lists.Free();
        _vectors.Dispose();
        _free.Release(MostRuns); // a call that still waits sees that the search is disposed
    }

    private static SimdCandidates Create<TVector>(Accelerator accelerator, DistinctVectors vectors, ParallelOptions parallel)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        var kernel = accelerator.LoadStreamKernel<
            ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<ulong>, ArrayView<int>,
            ArrayView<int>, TopKPlan>(TopK.Kernel<TVector>);
        return new SimdCandidates(accelerator, kernel.Invoke, 2 * TVector.Count, vectors, parallel);
    }

    /// <summary>
    /// The capacity of a list: twice what it keeps, so that it is rarely cut. A list with room for every vector is
    /// never cut.
    /// </summary>
    private int Capacity(int keep) => (int)Math.Min(2L * keep, _vectorCount + 1L);

    private SimdCandidateLists Rent()
    {
        _free.Wait();
        if (Volatile.Read(ref _disposed) != 0)
        {
            _free.Release();
            throw new ObjectDisposedException(nameof(NearestNeighbors));
        }

        long scoreLength = (long)_accelerator.NumMultiprocessors * TopK.ScoreLength + SimdMemory.Padding;
        return _idle.TryPop(out SimdCandidateLists? lists) ? lists : new SimdCandidateLists(_accelerator, scoreLength, GiveBack);
    }

    private void GiveBack(SimdCandidateLists lists)
    {
        _idle.Push(lists);
        _free.Release();
    }

    /// <summary>Packs as (blocks, queries, 384), the order in which <see cref="Gemm"/> reads its left side.</summary>
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

    /// <summary>Packs as (sections, blocks, panels, inputs of the block, width); missing columns are zeros.</summary>
    private static MemoryBuffer1D<float, Stride1D.Dense> Pack(
        Accelerator accelerator, int width, DistinctVectors vectors, ParallelOptions parallel)
    {
        int dimension = vectors.Dimension;
        var plan = new TopKPlan(0, vectors.Count, dimension, 0, 0, 0);
        long length = plan.SectionCount * plan.SectionLength + SimdMemory.Padding;
        MemoryBuffer1D<float, Stride1D.Dense> buffer = accelerator.Allocate1D<float>(length);
        float* start = SimdMemory.Align((float*)buffer.NativePtr);
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
