using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Kernels.Simd;
using Dino.Gpu.Pipeline;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Search;

/// <summary>The search on CUDA and OpenCL: chunk by chunk of the vectors, a product and a cut of the lists, with no wait in between.</summary>
internal sealed class PortableCandidates : CandidateSearch
{
    /// <summary>Vectors of a chunk: enough for a product that fills a GPU, few enough for the lists.</summary>
    private const int ChunkVectors = 4096;

    /// <summary>Queries of a batch.</summary>
    private const int MostQueries = 1024;

    /// <summary>Floats that go up at once.</summary>
    private const int UploadLength = 1 << 22;

    private readonly Accelerator _accelerator;
    private readonly PortableTopK _kernels;
    private readonly int _vectorCount;
    private readonly int _dimension;
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _vectors; // (vectors, dimension)
    private readonly GrowingBuffer<float> _queries;
    private readonly GrowingBuffer<float> _thresholds;
    private readonly GrowingBuffer<int> _cursors;
    private readonly Lists _first;
    private readonly Lists _second;
    private float[] _scores = []; // (queries, keep)
    private int[] _indices = []; // (queries, keep)
    private int[] _counts = []; // (queries)
    private int _keep;

    /// <summary>Uploads vectors to an accelerator, which stays the caller's and has to outlive this.</summary>
    /// <exception cref="DeviceMemoryException">They do not fit.</exception>
    public PortableCandidates(Accelerator accelerator, DistinctVectors vectors)
    {
        _accelerator = accelerator;
        _kernels = new PortableTopK(accelerator);
        _vectorCount = vectors.Count;
        _dimension = vectors.Dimension;
        _queries = new GrowingBuffer<float>(accelerator);
        _thresholds = new GrowingBuffer<float>(accelerator);
        _cursors = new GrowingBuffer<int>(accelerator);
        _first = new Lists(accelerator);
        _second = new Lists(accelerator);
        _vectors = OrNoRoom(() => Upload(accelerator, vectors));
    }

    public override int MaxQueries(int keep) => (int)Math.Clamp(ListBytes / 16 / Capacity(keep), 1, MostQueries);

    public override void Run(ReadOnlySpan<float> queries, ReadOnlySpan<float> floors, int keep)
    {
        int count = floors.Length;
        int capacity = (int)Capacity(keep);
        float[] queryValues = queries.ToArray();
        float[] floorValues = floors.ToArray();
        _keep = keep;
        OrNoRoom(() =>
        {
            ArrayView<float> queryView = _queries.Reserve(queryValues.Length);
            queryView.CopyFromCPU(queryValues);
            ArrayView<float> thresholds = _thresholds.Reserve(count);
            thresholds.CopyFromCPU(floorValues);
            ArrayView<int> cursors = _cursors.Reserve(2L * count);
            TopKLists lists = _first.Reserve(count, capacity);
            TopKLists best = _second.Reserve(count, capacity);
            lists.Counts.MemSetToZero(_accelerator.DefaultStream);
            for (int vector = 0; vector < _vectorCount; vector += ChunkVectors)
            {
                int last = Math.Min(_vectorCount, vector + ChunkVectors);
                var shape = new TopKShape(count, _dimension, vector, last, keep, capacity);
                _kernels.Append(queryView, _vectors.View, thresholds, shape, lists);
                cursors.MemSetToZero(_accelerator.DefaultStream);
                _kernels.Cut(lists, shape, cursors, thresholds, best, last == _vectorCount ? keep : capacity);
                (lists, best) = (best, lists);
            }

            // The last cut left the lists side by side.
            _scores = Download(lists.Scores, (long)count * keep);
            _indices = Download(lists.Indices, (long)count * keep);
            _counts = Download(lists.Counts, count);
            return true;
        });
    }

    public override int Collect(int query, ref ulong[] keys)
    {
        int count = _counts[query];
        if (keys.Length < count)
            keys = new ulong[count];
        for (int i = 0; i < count; i++)
            keys[i] = TopKList.Key(_scores[(long)query * _keep + i], _indices[(long)query * _keep + i]);
        return count;
    }

    public override void Dispose()
    {
        _vectors.Dispose();
        _queries.Dispose();
        _thresholds.Dispose();
        _cursors.Dispose();
        _first.Dispose();
        _second.Dispose();
    }

    private long Capacity(int keep) => (long)keep + Math.Min(ChunkVectors, _vectorCount);

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
                buffer.View.SubView((long)first * dimension, count * dimension).CopyFromCPU(ref scaled[0], count * dimension);
            }

            return buffer;
        }
        catch
        {
            buffer.Dispose();
            throw;
        }
    }

    private T OrNoRoom<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception exception) when (exception is not DinoException && DeviceMemoryException.IsCause(exception))
        {
            throw new DeviceMemoryException(
                $"No room on {_accelerator.Name} ({_accelerator.MemorySize >> 20} MiB) to search {_vectorCount} vectors of {_dimension}; use the CPU, or search parts of them.",
                exception);
        }
    }

    /// <summary>One of the two sets of lists.</summary>
    private sealed class Lists(Accelerator accelerator) : IDisposable
    {
        private readonly GrowingBuffer<float> _scores = new(accelerator);
        private readonly GrowingBuffer<int> _indices = new(accelerator);
        private readonly GrowingBuffer<int> _counts = new(accelerator);

        public TopKLists Reserve(int queries, int capacity) => new(
            _scores.Reserve((long)queries * capacity), _indices.Reserve((long)queries * capacity), _counts.Reserve(queries));

        public void Dispose()
        {
            _scores.Dispose();
            _indices.Dispose();
            _counts.Dispose();
        }
    }
}
