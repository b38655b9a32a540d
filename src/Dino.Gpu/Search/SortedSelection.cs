using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Ops.Device;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Algorithms.RadixSortOperations;
using ILGPU.Algorithms.Sequencers;
using ILGPU.Runtime;

namespace Dino.Gpu.Search;

/// <summary>
/// Selects the best of many scores by sorting all of them with the radix sort of ILGPU.Algorithms. For long lists this
/// is less work than the top-k kernel, which reads the whole list once for each bit and chunk.
/// </summary>
/// <remarks>
/// The keys are <see cref="OrderedScores"/>, not the scores: the package orders negative floats wrongly (1.5.3). Not
/// thread-safe.
/// </remarks>
internal sealed class SortedSelection : IDisposable
{
    /// <summary>
    /// The number of pairs that <see cref="TryCreate"/> sorts as a check: more than one group of any device sorts.
    /// </summary>
    private const int CheckLength = 5000;

    private readonly Accelerator _accelerator;
    private readonly Action<Index1D, ArrayView<float>, ArrayView<uint>> _order;
    private readonly RadixSortPairs<uint, Stride1D.Dense, int, Stride1D.Dense, Int32Sequencer> _sort;
    private readonly GrowingBuffer<uint> _keys;
    private readonly GrowingBuffer<int> _indices;
    private readonly GrowingBuffer<int> _scratch;

    private SortedSelection(Accelerator accelerator)
    {
        _accelerator = accelerator;
        _order = accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<float>, ArrayView<uint>>(OrderedScores.Kernel);
        _sort = accelerator.CreateRadixSortPairs<
            uint, Stride1D.Dense, int, Stride1D.Dense, Int32Sequencer, DescendingUInt32>();
        _keys = new GrowingBuffer<uint>(accelerator);
        _indices = new GrowingBuffer<int>(accelerator);
        _scratch = new GrowingBuffer<int>(accelerator);
    }

    /// <summary>
    /// Compiles the sort and tries it. The package uses group collectives, which not every OpenCL driver compiles: PoCL
    /// 3.1 does not.
    /// </summary>
    /// <param name="accelerator">An accelerator of a context with algorithms enabled.</param>
    /// <returns>Null if the sort does not compile or does not sort.</returns>
    /// <exception cref="Exception">
    /// There is no room: a failure that <see cref="DeviceMemoryException.IsCause"/> knows.
    /// </exception>
    public static SortedSelection? TryCreate(Accelerator accelerator)
    {
        SortedSelection? selection = null;
        bool works = false;
        try
        {
            selection = new SortedSelection(accelerator);
            works = selection.Sorts();
        }
        catch (Exception failure) when (!DeviceMemoryException.IsCause(failure))
        {
            // The top-k kernel is used instead.
        }
        finally
        {
            if (!works)
                selection?.Dispose();
        }

        return works ? selection : null;
    }

    /// <summary>Selects the best of some scores, highest first.</summary>
    /// <param name="scores">Finite; unchanged.</param>
    /// <param name="bestScores">Filled.</param>
    /// <param name="bestIndices">Filled; as long as <paramref name="bestScores"/>.</param>
    public void Select(ArrayView<float> scores, Span<float> bestScores, Span<int> bestIndices)
    {
        int count = checked((int)scores.Length);
        ArrayView<uint> keys = _keys.Reserve(count);
        ArrayView<int> indices = _indices.Reserve(count);
        ArrayView<int> scratch = _scratch.Reserve(_accelerator.ComputeRadixSortPairsTempStorageSize<uint, int, DescendingUInt32>(count));
        _order(count, scores, keys);
        _sort(_accelerator.DefaultStream, keys, indices, default, scratch);
        uint[] firstKeys = new uint[bestScores.Length];
        int[] firstIndices = new int[bestIndices.Length];
        keys.SubView(0, firstKeys.Length).CopyToCPU(_accelerator.DefaultStream, firstKeys);
        indices.SubView(0, firstIndices.Length).CopyToCPU(_accelerator.DefaultStream, firstIndices);
        firstIndices.CopyTo(bestIndices);
        for (int i = 0; i < firstKeys.Length; i++)
            bestScores[i] = OrderedScores.Score(firstKeys[i]);
    }

    /// <summary>Frees the memory. The next selection allocates again.</summary>
    public void Release()
    {
        _keys.Release();
        _indices.Release();
        _scratch.Release();
    }

    public void Dispose() => Release();

    /// <summary>Whether the sort works: it sorts a known permutation of the numbers around 0.</summary>
    private bool Sorts()
    {
        const int Step = 1237; // has no factor in common with the length
        float[] scores = new float[CheckLength];
        for (int i = 0; i < scores.Length; i++)
            scores[(int)((long)i * Step % CheckLength)] = CheckLength / 2 - i;
        using MemoryBuffer1D<float, Stride1D.Dense> buffer = _accelerator.Allocate1D(scores);
        float[] best = new float[CheckLength];
        int[] indices = new int[CheckLength];
        Select(buffer.View, best, indices);
        for (int i = 0; i < CheckLength; i++)
        {
            if (best[i] != CheckLength / 2 - i || indices[i] != (int)((long)i * Step % CheckLength))
                return false;
        }

        return true;
    }
}
