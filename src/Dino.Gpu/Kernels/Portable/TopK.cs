using System.Runtime.CompilerServices;
using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>Sizes of a step of a search: some queries by a chunk of the vectors.</summary>
internal readonly struct TopKShape
{
    public TopKShape(int queryCount, int dimension, int firstVector, int lastVector, int keep, int capacity)
    {
        QueryCount = queryCount;
        Dimension = dimension;
        FirstVector = firstVector;
        LastVector = lastVector;
        Keep = keep;
        Capacity = capacity;
    }

    public int QueryCount { get; }

    public int Dimension { get; }

    /// <summary>The chunk's first vector.</summary>
    public int FirstVector { get; }

    /// <summary>One past its last.</summary>
    public int LastVector { get; }

    /// <summary>Entries that a list is cut down to.</summary>
    public int Keep { get; }

    /// <summary>Entries that a list has room for: those kept and a whole chunk, so that it never runs over.</summary>
    public int Capacity { get; }
}

/// <summary>The lists of some queries, in no order.</summary>
internal readonly struct TopKLists
{
    public TopKLists(ArrayView<float> scores, ArrayView<int> indices, ArrayView<int> counts)
    {
        Scores = scores;
        Indices = indices;
        Counts = counts;
    }

    /// <summary>(queries, capacity)</summary>
    public ArrayView<float> Scores { get; }

    /// <summary>(queries, capacity)</summary>
    public ArrayView<int> Indices { get; }

    /// <summary>(queries)</summary>
    public ArrayView<int> Counts { get; }
}

/// <summary>
/// The vectors with the largest inner products with each query, a chunk of vectors at a time: a matrix product whose tiles append what is above the
/// query's threshold to its list, then a cut of each list to the best, which raises the threshold. The scores themselves are never stored.
/// </summary>
internal static class TopK
{
    /// <summary>
    /// Grid: (vector tiles, query tiles). Each group computes one tile of scores, see <see cref="TileProduct"/>, and appends in any order: a list is a set.
    /// </summary>
    /// <param name="queries">(queries, dimension)</param>
    /// <param name="vectors">(vectors, dimension)</param>
    /// <param name="thresholds">(queries): only greater scores are appended.</param>
    /// <param name="shape">Sizes.</param>
    /// <param name="lists">Appended to.</param>
    public static void AppendKernel<TTile>(
        ArrayView<float> queries, ArrayView<float> vectors, ArrayView<float> thresholds, TopKShape shape, TopKLists lists)
        where TTile : struct, ITileShape
    {
        ArrayView<Quad> As = SharedMemory.Allocate<Quad>(TileProduct.AsLength<TTile>());
        ArrayView<Quad> Bs = SharedMemory.Allocate<Quad>(TileProduct.BsLength<TTile>());
        int firstQuery = Grid.IdxY * (4 * TTile.RowQuads * TTile.Side);
        int firstVector = shape.FirstVector + Grid.IdxX * (4 * TTile.ColumnQuads * TTile.Side);

        // The lines of both inputs that this thread stages.
        int line = TileProduct.FirstLine<TTile>();
        int step = TileProduct.LineStep<TTile>();
        var a = new TileLines(
            queries, queries.Cast<Quad>(),
            Start(firstQuery + line, shape.QueryCount, shape.Dimension), Start(firstQuery + line + step, shape.QueryCount, shape.Dimension));
        var b = new TileLines(
            vectors, vectors.Cast<Quad>(),
            Start(firstVector + line, shape.LastVector, shape.Dimension), Start(firstVector + line + step, shape.LastVector, shape.Dimension));
        RegisterBlock scores = TileProduct.Multiply<TTile>(a, b, shape.Dimension, shape.Dimension % 4 == 0, As, Bs);

        // Look through: four queries by four vectors, up to four times.
        int query = firstQuery + 4 * Group.IdxY;
        int vector = firstVector + 4 * Group.IdxX;
        AppendTile(thresholds, shape, query, vector, scores.C00, lists);
        if (TTile.ColumnQuads > 1)
            AppendTile(thresholds, shape, query, vector + 4 * TTile.Side, scores.C01, lists);
        if (TTile.RowQuads > 1)
        {
            AppendTile(thresholds, shape, query + 4 * TTile.Side, vector, scores.C10, lists);
            if (TTile.ColumnQuads > 1)
                AppendTile(thresholds, shape, query + 4 * TTile.Side, vector + 4 * TTile.Side, scores.C11, lists);
        }
    }

    /// <summary>
    /// Cuts lists to the best <see cref="TopKShape.Keep"/>. Grid: groups of queries, one a row of threads. The keep-th best score is found bit by bit, from
    /// the highest of an unsigned integer that orders as the float does: how many entries have it or more?
    /// </summary>
    /// <param name="lists">What is cut.</param>
    /// <param name="shape">Sizes.</param>
    /// <param name="cursors">(queries, 2): zeros. Entries written so far, those above the keep-th best and those equal to it.</param>
    /// <param name="thresholds">(queries): raised to the keep-th best score.</param>
    /// <param name="best">(queries, <paramref name="stride"/>): the entries that stay.</param>
    /// <param name="stride">From one list to the next there; at least what is kept.</param>
    public static void CutKernel<TRows>(
        TopKLists lists, TopKShape shape, ArrayView<int> cursors, ArrayView<float> thresholds, TopKLists best, int stride)
        where TRows : struct, IRowShape
    {
        // Two, in turns: a thread may still read the last count when another stores its part of the next.
        ArrayView<int> scratch = SharedMemory.Allocate<int>(2 * TRows.Threads * TRows.Rows);
        int query = Grid.IdxX * TRows.Rows + Group.IdxY;

        // Threads past the last query go through the barriers with the others, on no entries.
        int count = query < shape.QueryCount ? lists.Counts[query] : 0;
        long first = (long)query * shape.Capacity;
        uint limit = 0;
        int greater = 0;
        for (int bit = 0; bit < 32; bit++)
        {
            uint trial = limit | (0x80000000u >> bit);
            int atLeast = 0;
            for (int i = Group.IdxX; i < count; i += TRows.Threads)
                atLeast += Ordered(lists.Scores[first + i]) >= trial ? 1 : 0;
            atLeast = AllSum<TRows>(atLeast, scratch, bit % 2);
            limit = atLeast >= shape.Keep ? trial : limit;
            greater = atLeast >= shape.Keep ? greater : atLeast; // the last trial that failed was limit + 1, in the end
        }

        // Entries above the limit all have a place, of those equal to it as many as are left.
        long target = (long)query * stride;
        for (int i = Group.IdxX; i < count; i += TRows.Threads)
        {
            float score = lists.Scores[first + i];
            uint ordered = Ordered(score);
            int place = ordered > limit ? Atomic.Add(ref cursors[2 * query], 1)
                : ordered == limit ? greater + Atomic.Add(ref cursors[2 * query + 1], 1)
                : shape.Keep;
            if (place < shape.Keep)
            {
                best.Scores[target + place] = score;
                best.Indices[target + place] = lists.Indices[first + i];
            }
        }

        if (query < shape.QueryCount && Group.IdxX == 0)
        {
            best.Counts[query] = count < shape.Keep ? count : shape.Keep;
            if (count >= shape.Keep)
                thresholds[query] = FromOrdered(limit);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long Start(int line, int count, int dimension) => line < count ? (long)line * dimension : -1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AppendTile(ArrayView<float> thresholds, TopKShape shape, int query, int vector, RegisterTile scores, TopKLists lists)
    {
        AppendRow(thresholds, shape, query, vector, scores.R0, lists);
        AppendRow(thresholds, shape, query + 1, vector, scores.R1, lists);
        AppendRow(thresholds, shape, query + 2, vector, scores.R2, lists);
        AppendRow(thresholds, shape, query + 3, vector, scores.R3, lists);
    }

    private static void AppendRow(ArrayView<float> thresholds, TopKShape shape, int query, int vector, Quad scores, TopKLists lists)
    {
        if (query >= shape.QueryCount)
            return;
        float threshold = thresholds[query];
        Append(shape, query, vector, scores.X, threshold, lists);
        Append(shape, query, vector + 1, scores.Y, threshold, lists);
        Append(shape, query, vector + 2, scores.Z, threshold, lists);
        Append(shape, query, vector + 3, scores.W, threshold, lists);
    }

    private static void Append(TopKShape shape, int query, int vector, float score, float threshold, TopKLists lists)
    {
        if (vector >= shape.LastVector || score <= threshold)
            return;
        long place = (long)query * shape.Capacity + Atomic.Add(ref lists.Counts[query], 1);
        lists.Scores[place] = score;
        lists.Indices[place] = vector;
    }

    /// <summary>The sum over the threads of a row, for each of them. The whole group must call it.</summary>
    private static int AllSum<TRows>(int value, ArrayView<int> scratch, int turn)
        where TRows : struct, IRowShape
    {
        int x = Group.IdxX;
        int row = (turn * TRows.Rows + Group.IdxY) * TRows.Threads;
        scratch[row + x] = value;
        Group.Barrier();
        for (int distance = TRows.Threads / 2; distance > 0; distance /= 2)
        {
            if (x < distance)
                scratch[row + x] += scratch[row + x + distance];
            Group.Barrier();
        }

        return scratch[row];
    }

    /// <summary>An unsigned integer that orders as the float does, negative ones included.</summary>
    private static uint Ordered(float value)
    {
        uint bits = Interop.FloatAsInt(value);
        return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
    }

    private static float FromOrdered(uint ordered) =>
        Interop.IntAsFloat((ordered & 0x80000000u) != 0 ? ordered & 0x7FFFFFFFu : ~ordered);
}
