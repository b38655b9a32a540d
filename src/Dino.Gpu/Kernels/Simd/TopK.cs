using System.Numerics;
using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace Dino.Gpu.Kernels.Simd;

/// <summary>
/// Finds the vectors with the largest inner products with each query. It is a matrix product whose tiles are scanned
/// while they are still in the cache, so the scores are never all in memory. There is one launch with one group per
/// core. Threads take sections of vectors from an atomic counter. Each thread keeps its own list for each query, and
/// the host merges them.
/// </summary>
internal static unsafe class TopK
{
    /// <summary>Queries of a tile of scores.</summary>
    public const int TileQueries = 56;

    /// <summary>Floats of scores that a thread needs, including what its last row may write past its end.</summary>
    public const int ScoreLength = TileQueries * Gemm.BlockSize;

    /// <summary>The kernel. Views are on the CPU accelerator's memory.</summary>
    /// <param name="queries">(blocks, queries, 384): blocks of the dimension, as <see cref="Gemm"/> takes them.</param>
    /// <param name="vectors">
    /// (sections, blocks, panels, inputs of the block, width), from the first cache line on.
    /// </param>
    /// <param name="floors">(queries): only greater scores are kept.</param>
    /// <param name="scores">(threads, <see cref="ScoreLength"/>): scratch, from the first cache line on.</param>
    /// <param name="thresholds">(threads, queries): scratch.</param>
    /// <param name="keys">(threads, queries, capacity): the lists, see <see cref="TopKList"/>.</param>
    /// <param name="counts">(threads, queries): entries of each list.</param>
    /// <param name="counter">The number of sections taken; zero at the start.</param>
    /// <param name="plan">Sizes.</param>
    public static void Kernel<TVector>(
        ArrayView<float> queries,
        ArrayView<float> vectors,
        ArrayView<float> floors,
        ArrayView<float> scores,
        ArrayView<float> thresholds,
        ArrayView<ulong> keys,
        ArrayView<int> counts,
        ArrayView<int> counter,
        TopKPlan plan)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        Run<TVector>(
            ref queries[0], ref vectors[0], ref floors[0], ref scores[0], ref thresholds[0], ref keys[0], ref counts[0],
            ref counter[0], plan, Grid.IdxX);
    }

    /// <summary>
    /// The work of one thread. It is marked as an intrinsic, so ILGPU leaves the body to the .NET JIT, which knows
    /// vector instructions.
    /// </summary>
    [IntrinsicImplementation]
    private static void Run<TVector>(
        ref float queries,
        ref float vectors,
        ref float floors,
        ref float scores,
        ref float thresholds,
        ref ulong keys,
        ref int counts,
        ref int counter,
        TopKPlan plan,
        int thread)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        // ILGPU's CPU buffers are unmanaged memory, so they do not move.
        long firstList = (long)thread * plan.QueryCount;
        var lists = new Lists
        {
            Thresholds = (float*)Unsafe.AsPointer(ref thresholds) + firstList,
            Counts = (int*)Unsafe.AsPointer(ref counts) + firstList,
            Keys = (ulong*)Unsafe.AsPointer(ref keys) + firstList * plan.Capacity,
            Keep = plan.Keep,
            Capacity = plan.Capacity,
        };
        for (int query = 0; query < plan.QueryCount; query++)
        {
            lists.Thresholds[query] = Unsafe.Add(ref floors, query);
            lists.Counts[query] = 0;
        }

        var a = (float*)Unsafe.AsPointer(ref queries);
        float* b = SimdMemory.Align((float*)Unsafe.AsPointer(ref vectors));
        float* c = SimdMemory.Align((float*)Unsafe.AsPointer(ref scores)) + (nint)thread * ScoreLength; // (tile queries, 384)
        int width = 2 * TVector.Count;
        for (int section = Interlocked.Increment(ref counter) - 1;
            section < plan.SectionCount;
            section = Interlocked.Increment(ref counter) - 1)
        {
            int panels = plan.Panels(section, width);
            int firstColumn = section * TopKPlan.SectionColumns;
            int columns = Math.Min(TopKPlan.SectionColumns, plan.VectorCount - firstColumn);
            float* packed = b + section * plan.SectionLength;
            for (int query = 0; query < plan.QueryCount; query += TileQueries)
            {
                int rows = Math.Min(TileQueries, plan.QueryCount - query);
                for (int input = 0; input < plan.Dimension; input += Gemm.BlockSize)
                {
                    int inputs = Math.Min(Gemm.BlockSize, plan.Dimension - input);
                    float* block = a + (nint)input * plan.QueryCount + (nint)query * Gemm.BlockSize;
                    Gemm.Multiply<TVector>(
                        block, packed + (nint)input * panels * width, null, c, rows, inputs, panels, accumulate: input > 0, gelu: false);
                }

                for (int row = 0; row < rows; row++)
                    Scan<TVector>(c + row * Gemm.BlockSize, firstColumn, columns, query + row, lists);
            }
        }
    }

    /// <summary>Appends the scores above the query's threshold. Columns past the last hold zeros.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scan<TVector>(float* scores, int firstColumn, int columns, int query, in Lists lists)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        TVector threshold = TVector.Create(lists.Thresholds[query]);
        for (int column = 0; column < columns; column += 2 * TVector.Count)
        {
            TVector left = TVector.Load(scores + column);
            TVector right = TVector.Load(scores + column + TVector.Count);
            if (TVector.GreaterLanes(TVector.Max(left, right), threshold) == 0)
                continue;
            ulong lanes = TVector.GreaterLanes(left, threshold) | ((ulong)TVector.GreaterLanes(right, threshold) << TVector.Count);
            threshold = TVector.Create(Append(lanes, scores + column, firstColumn + column, columns - column, query, lists));
        }
    }

    /// <summary>Appends the lanes that are set, and returns the threshold. It rises whenever the list is cut.</summary>
    private static float Append(ulong lanes, float* scores, int firstColumn, int columns, int query, in Lists lists)
    {
        float threshold = lists.Thresholds[query];
        int count = lists.Counts[query];
        ulong* keys = lists.Keys + (nint)query * lists.Capacity;
        for (; lanes != 0; lanes &= lanes - 1)
        {
            int lane = BitOperations.TrailingZeroCount(lanes);
            if (lane >= columns)
                break;
            if (scores[lane] <= threshold)
                continue;
            keys[count++] = TopKList.Key(scores[lane], firstColumn + lane);
            if (count == lists.Capacity)
            {
                TopKList.Select(keys, count, lists.Keep);
                count = lists.Keep;
                threshold = TopKList.Score(keys[count - 1]);
            }
        }

        lists.Counts[query] = count;
        lists.Thresholds[query] = threshold;
        return threshold;
    }

    /// <summary>One thread's lists.</summary>
    private struct Lists
    {
        /// <summary>(queries)</summary>
        public float* Thresholds;

        /// <summary>(queries)</summary>
        public int* Counts;

        /// <summary>(queries, capacity)</summary>
        public ulong* Keys;

        public int Keep;

        public int Capacity;
    }
}
