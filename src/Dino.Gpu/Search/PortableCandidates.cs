using Dino.Gpu.Devices;
using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Ops.Portable;
using ILGPU;
using ILGPU.Runtime;
using TopK = Dino.Gpu.Kernels.Portable.TopK;

namespace Dino.Gpu.Search;

/// <summary>
/// The search on CUDA and OpenCL. It takes the vectors chunk by chunk: a product computes the scores, then a kernel
/// adds the best of them to the lists. The host waits only once, at the end. Runs take turns on the device. Their lists
/// are on the host.
/// </summary>
internal sealed class PortableCandidates : CandidateSearch
{
    /// <summary>
    /// Vectors of a chunk. The product of a chunk fills a GPU, and its scores, 16 MiB at most, stay in the cache of a
    /// large GPU.
    /// </summary>
    private const int ChunkVectors = 4096;

    /// <summary>
    /// The longest list for which the top-k kernel is used: a chunk can fill it. With a longer list the kernel would
    /// read the whole list again for every chunk, so all scores are sorted instead.
    /// </summary>
    internal const int LongestList = ChunkVectors;

    /// <summary>
    /// The most vectors that are sorted. The sort counts pairs of score and index in 32 bits, and this leaves room to
    /// spare.
    /// </summary>
    private const int MostSorted = 1 << 26;

    /// <summary>The most queries of a batch.</summary>
    private const int MostQueries = 1024;

    /// <summary>Floats of one upload.</summary>
    private const int UploadLength = 1 << 22;

    private readonly DeviceInfo _device;
    private readonly Accelerator _accelerator;
    private readonly PortableKernels _kernels;
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, TopKLists, TopKShape, TopKLists> _topK;
    private readonly int _vectorCount;
    private readonly int _dimension;
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _vectors; // (vectors, dimension)
    private readonly GrowingBuffer<float> _queries;
    private readonly GrowingBuffer<float> _thresholds;
    private readonly GrowingBuffer<float> _bias; // zeros: the product adds a bias
    private readonly GrowingBuffer<float> _chunk; // (queries, chunk): scores
    private readonly GrowingBuffer<int> _chunkIndices; // (queries, chunk)
    private readonly Lists _first;
    private readonly Lists _second;
    private readonly Lock _turn = new(); // an OpenCL kernel holds its arguments, and all runs share the buffers
    private SortedSelection? _sorted;
    private bool _isSortTried; // once it is, a device without the sort has null
    private bool _disposed;

    /// <summary>
    /// Uploads vectors to a device. The caller owns the device, which must outlive the search.
    /// </summary>
    /// <exception cref="DeviceMemoryException">The vectors do not fit.</exception>
    public PortableCandidates(DinoDevice device, DistinctVectors vectors)
    {
        Accelerator accelerator = device.Accelerator;
        _device = device.Info;
        _accelerator = accelerator;
        _kernels = PortableKernels.Create(accelerator);
        _topK = OrFailure(() => _kernels.RowGroup.X switch
        {
            32 => Load<Rows8x32>(accelerator),
            16 => Load<Rows4x16>(accelerator),
            _ => Load<Rows4x4>(accelerator),
        });
        _vectorCount = vectors.Count;
        _dimension = vectors.Dimension;
        _queries = new GrowingBuffer<float>(accelerator);
        _thresholds = new GrowingBuffer<float>(accelerator);
        _bias = new GrowingBuffer<float>(accelerator);
        _chunk = new GrowingBuffer<float>(accelerator);
        _chunkIndices = new GrowingBuffer<int>(accelerator);
        _first = new Lists(accelerator);
        _second = new Lists(accelerator);
        _vectors = OrFailure(() => Upload(accelerator, vectors));
    }

    /// <summary>Whether long lists are sorted. If not, the top-k kernel makes them too.</summary>
    internal bool Sorts
    {
        get
        {
            lock (_turn)
                return Sorted() is not null;
        }
    }

    public override int MaxQueries(int keep)
    {
        long queries = ListBytes / 16 / keep;
        if (keep > LongestList)
            queries = Math.Min(queries, ListBytes / sizeof(float) / _vectorCount); // the scores of all vectors
        return (int)Math.Clamp(queries, 1, MostQueries);
    }

    public override CandidateLists Run(ReadOnlySpan<float> queries, ReadOnlySpan<float> floors, int keep)
    {
        float[] queryValues = queries.ToArray();
        float[] floorValues = floors.ToArray();
        lock (_turn)
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(NearestNeighbors));
            return OrFailure(() =>
                (keep > LongestList && _vectorCount <= MostSorted ? TrySort(queryValues, floorValues, keep) : null)
                ?? Run(queryValues, floorValues, keep));
        }
    }

    public override void Dispose()
    {
        lock (_turn)
        {
            if (_disposed)
                return;
            _disposed = true;
            DeviceResources.Free(_vectors);
            _queries.Dispose();
            _thresholds.Dispose();
            _bias.Dispose();
            _chunk.Dispose();
            _chunkIndices.Dispose();
            _first.Dispose();
            _second.Dispose();
            _sorted?.Dispose();
        }
    }

    /// <summary>The sort, made when it is first needed; null if it does not work on this device.</summary>
    private SortedSelection? Sorted()
    {
        if (!_isSortTried)
        {
            _sorted = SortedSelection.TryCreate(_accelerator);
            _isSortTried = true; // not where there was no room for it, so that a later search tries again
        }

        return _sorted;
    }

    /// <summary>The lists by the sort; null if it does not work, or if there is no room for it.</summary>
    private PortableCandidateLists? TrySort(float[] queries, float[] floors, int keep)
    {
        try
        {
            return Sorted() is { } sorted ? Sort(sorted, queries, floors, keep) : null;
        }
        catch (Exception failure) when (DeviceMemoryException.IsCause(failure))
        {
            _sorted?.Release(); // the top-k kernel takes less memory
            _chunk.Release();
            return null;
        }
    }

    /// <summary>Computes the scores of all vectors, then sorts them for each query.</summary>
    private PortableCandidateLists Sort(SortedSelection sorted, float[] queries, float[] floors, int keep)
    {
        int count = floors.Length;
        ArrayView<float> queryView = _queries.Reserve(queries.Length);
        queryView.CopyFromCPU(queries);
        ArrayView<float> bias = _bias.Reserve(_vectorCount);
        bias.MemSetToZero(_accelerator.DefaultStream);
        ArrayView<float> scores = _chunk.Reserve((long)count * _vectorCount);
        var product = new GemmShape(count, _vectorCount, _dimension, _dimension, _vectorCount, RowMap.Dense);
        _kernels.Linear<StoreEpilogue>(queryView, _vectors.View, bias, product, scores);

        float[] bestScores = new float[(long)count * keep];
        int[] bestIndices = new int[(long)count * keep];
        int[] counts = new int[count];
        for (int query = 0; query < count; query++)
        {
            Span<float> best = bestScores.AsSpan(query * keep, keep);
            sorted.Select(scores.SubView((long)query * _vectorCount, _vectorCount), best, bestIndices.AsSpan(query * keep, keep));
            float floor = floors[query];
            int under = best.IndexOfAnyInRange(float.NegativeInfinity, floor); // highest first, so all after it are under too
            counts[query] = under < 0 ? keep : under;
        }

        return new PortableCandidateLists(bestScores, bestIndices, counts, keep);
    }

    private PortableCandidateLists Run(float[] queries, float[] floors, int keep)
    {
        int count = floors.Length;
        int chunk = Math.Min(ChunkVectors, _vectorCount);
        ArrayView<float> queryView = _queries.Reserve(queries.Length);
        queryView.CopyFromCPU(queries);
        ArrayView<float> thresholds = _thresholds.Reserve(count);
        thresholds.CopyFromCPU(floors);
        ArrayView<float> bias = _bias.Reserve(chunk);
        bias.MemSetToZero(_accelerator.DefaultStream);
        ArrayView<float> scores = _chunk.Reserve((long)count * chunk);
        ArrayView<int> indices = _chunkIndices.Reserve((long)count * chunk);
        TopKLists lists = _first.Reserve(count, keep);
        TopKLists best = _second.Reserve(count, keep);
        lists.Counts.MemSetToZero(_accelerator.DefaultStream);
        KernelConfig config = _kernels.RowConfig(count);
        for (int vector = 0; vector < _vectorCount; vector += ChunkVectors)
        {
            int columns = Math.Min(ChunkVectors, _vectorCount - vector);
            ArrayView<float> vectors = _vectors.View.SubView((long)vector * _dimension, (long)columns * _dimension);
            var product = new GemmShape(count, columns, _dimension, _dimension, columns, RowMap.Dense);
            _kernels.Linear<StoreEpilogue>(queryView, vectors, bias, product, scores);
            _topK(config, scores, indices, thresholds, lists, new TopKShape(count, vector, columns, keep), best);
            (lists, best) = (best, lists);
        }

        return new PortableCandidateLists(
            Download(lists.Scores, (long)count * keep), Download(lists.Indices, (long)count * keep), Download(lists.Counts, count), keep);
    }

    private static Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, TopKLists, TopKShape, TopKLists> Load<TRows>(
        Accelerator accelerator)
        where TRows : struct, IRowShape =>
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<int>, ArrayView<float>, TopKLists, TopKShape, TopKLists>(
            TopK.Kernel<TRows>);

    private T[] Download<T>(ArrayView<T> view, long length)
        where T : unmanaged
    {
        var values = new T[length];
        view.SubView(0, length).CopyToCPU(_accelerator.DefaultStream, values);
        return values;
    }

    private static MemoryBuffer1D<float, Stride1D.Dense> Upload(Accelerator accelerator, DistinctVectors vectors)
    {
        int dimension = vectors.Dimension;
        MemoryBuffer1D<float, Stride1D.Dense> buffer = accelerator.Allocate1D<float>((long)vectors.Count * dimension);
        try
        {
            int rows = Math.Clamp(UploadLength / dimension, 1, vectors.Count);
            float[] scaled = new float[rows * dimension];
            for (int first = 0; first < vectors.Count; first += rows)
            {
                int count = Math.Min(rows, vectors.Count - first);
                for (int i = 0; i < count; i++)
                    vectors.CopyScaled(first + i, scaled.AsSpan(i * dimension, dimension));
                int length = count * dimension;
                ArrayView<float> rowsView = buffer.View.SubView((long)first * dimension, length).AsContiguous();
                rowsView.CopyFromCPU(accelerator.DefaultStream, scaled.AsSpan(0, length)); // pins what the driver reads
            }

            return buffer;
        }
        catch
        {
            DeviceResources.Free(buffer);
            throw;
        }
    }

    private T OrFailure<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception exception) when (exception is not DinoException && DeviceMemoryException.IsCause(exception))
        {
            throw new DeviceMemoryException(
                $"no room on {_accelerator.Name} ({_accelerator.MemorySize >> 20} MiB) to search {_vectorCount} vectors of {_dimension}",
                "use the device cpu, or search parts of them",
                exception);
        }
        catch (Exception exception) when (DeviceFailure.IsDriverError(exception))
        {
            throw DeviceFailure.Of(exception).ToException(_device);
        }
    }

    /// <summary>One of the two sets of lists that take turns.</summary>
    private sealed class Lists(Accelerator accelerator) : IDisposable
    {
        private readonly GrowingBuffer<float> _scores = new(accelerator);
        private readonly GrowingBuffer<int> _indices = new(accelerator);
        private readonly GrowingBuffer<int> _counts = new(accelerator);

        public TopKLists Reserve(int queries, int keep) => new(
            _scores.Reserve((long)queries * keep), _indices.Reserve((long)queries * keep), _counts.Reserve(queries));

        public void Dispose()
        {
            _scores.Dispose();
            _indices.Dispose();
            _counts.Dispose();
        }
    }
}
