using System.Runtime.CompilerServices;
using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>Sizes of a step of a search: some queries by a chunk of the vectors.</summary>
internal readonly struct TopKShape
{
    public TopKShape(int queryCount, int firstVector, int columns, int keep)
    {
        QueryCount = queryCount;
        FirstVector = firstVector;
        Columns = columns;
        Keep = keep;
    }

    public int QueryCount { get; }

    /// <summary>Index of the chunk's first vector.</summary>
    public int FirstVector { get; }

    /// <summary>Vectors of the chunk.</summary>
    public int Columns { get; }

    /// <summary>Entries of a list.</summary>
    public int Keep { get; }
}

/// <summary>The best vectors of some queries so far, in no order.</summary>
internal readonly struct TopKLists
{
    public TopKLists(ArrayView<float> scores, ArrayView<int> indices, ArrayView<int> counts)
    {
        Scores = scores;
        Indices = indices;
        Counts = counts;
    }

    /// <summary>(queries, keep)</summary>
    public ArrayView<float> Scores { get; }

    /// <summary>(queries, keep)</summary>
    public ArrayView<int> Indices { get; }

    /// <summary>(queries): entries of each list.</summary>
    public ArrayView<int> Counts { get; }
}

/// <summary>
/// The second half of a search. <see cref="Gemm"/> computes the scores of a chunk of vectors, and this kernel adds the
/// best of them to each query's list, so that only one chunk's scores exist at a time. It uses no atomics: ILGPU writes
/// them through generic pointers, which not every OpenCL driver has.
/// </summary>
internal static class TopK
{
    /// <summary>
    /// Grid: groups of queries, one row of threads for each query. A thread looks through every n-th score and moves
    /// those above the threshold to the front of its own places, so that it later reads nothing that another thread
    /// wrote. Then the keep-th best score is found bit by bit, from the highest bit of <see cref="OrderedScores"/>: how
    /// many entries reach it?
    /// </summary>
    /// <param name="scores">(queries, columns): the scores of the chunk; overwritten.</param>
    /// <param name="indices">(queries, columns): scratch.</param>
    /// <param name="thresholds">
    /// (queries): only greater scores are taken. The kernel raises them to the keep-th best score.
    /// </param>
    /// <param name="lists">The best of the previous chunks.</param>
    /// <param name="shape">Sizes.</param>
    /// <param name="best">Receives the best with this chunk; other memory than <paramref name="lists"/>.</param>
    public static void Kernel<TRows>(
        ArrayView<float> scores, ArrayView<int> indices, ArrayView<float> thresholds, TopKLists lists, TopKShape shape, TopKLists best)
        where TRows : struct, IRowShape
    {
        // Two parts that take turns: a thread may still read the last counts while another stores its next one.
        ArrayView<int> scratch = SharedMemory.Allocate<int>(2 * TRows.Threads * TRows.Rows);
        int query = Grid.IdxX * TRows.Rows + Group.IdxY;

        // Threads past the last query take part in the barriers, with no entries.
        bool exists = query < shape.QueryCount;
        int old = exists ? lists.Counts[query] : 0;
        int columns = exists ? shape.Columns : 0;
        float threshold = exists ? thresholds[query] : 0f;
        long firstOld = (long)query * shape.Keep;
        long firstNew = (long)query * shape.Columns;

        // Filter in place: entry j of this thread goes to the place of its j-th score.
        int end = Group.IdxX;
        for (int column = Group.IdxX; column < columns; column += TRows.Threads)
        {
            float score = scores[firstNew + column];
            if (score > threshold)
            {
                scores[firstNew + end] = score;
                indices[firstNew + end] = shape.FirstVector + column;
                end += TRows.Threads;
            }
        }

        // Find the largest limit that at least keep entries reach. It is 0, which all reach, if there are fewer
        // entries.
        uint limit = 0;
        for (int bit = 0; bit < 32; bit++)
        {
            uint trial = limit | (0x80000000u >> bit);
            int reach = 0;
            for (int i = Group.IdxX; i < old; i += TRows.Threads)
                reach += OrderedScores.Ordered(lists.Scores[firstOld + i]) >= trial ? 1 : 0;
            for (int i = Group.IdxX; i < end; i += TRows.Threads)
                reach += OrderedScores.Ordered(scores[firstNew + i]) >= trial ? 1 : 0;
            limit = Prefix<TRows>(reach, scratch, bit % 2).Total >= shape.Keep ? trial : limit;
        }

        // Place the entries: first those above the limit, then as many of those at the limit as there is room for.
        int above = 0;
        int at = 0;
        for (int i = Group.IdxX; i < old; i += TRows.Threads)
            Count(OrderedScores.Ordered(lists.Scores[firstOld + i]), limit, ref above, ref at);
        for (int i = Group.IdxX; i < end; i += TRows.Threads)
            Count(OrderedScores.Ordered(scores[firstNew + i]), limit, ref above, ref at);
        PrefixSum aboves = Prefix<TRows>(above, scratch, 0);
        PrefixSum ats = Prefix<TRows>(at, scratch, 1);
        int nextAbove = aboves.Before;
        int nextAt = aboves.Total + ats.Before;
        for (int i = Group.IdxX; i < old; i += TRows.Threads)
            Place(lists.Scores[firstOld + i], lists.Indices[firstOld + i], limit, shape.Keep, firstOld, ref nextAbove, ref nextAt, best);
        for (int i = Group.IdxX; i < end; i += TRows.Threads)
            Place(scores[firstNew + i], indices[firstNew + i], limit, shape.Keep, firstOld, ref nextAbove, ref nextAt, best);

        if (exists && Group.IdxX == 0)
        {
            int count = aboves.Total + ats.Total;
            best.Counts[query] = count < shape.Keep ? count : shape.Keep;
            if (limit != 0)
                thresholds[query] = OrderedScores.Score(limit);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Count(uint ordered, uint limit, ref int above, ref int at)
    {
        above += ordered > limit ? 1 : 0;
        at += ordered == limit ? 1 : 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Place(float score, int index, uint limit, int keep, long first, ref int nextAbove, ref int nextAt, TopKLists best)
    {
        uint ordered = OrderedScores.Ordered(score);
        int place = keep;
        if (ordered > limit)
        {
            place = nextAbove;
            nextAbove++;
        }
        else if (ordered == limit)
        {
            place = nextAt;
            nextAt++;
        }

        if (place < keep)
        {
            best.Scores[first + place] = score;
            best.Indices[first + place] = index;
        }
    }

    /// <summary>Sums over the threads of a row. The whole group must call it.</summary>
    /// <param name="value">The value of this thread.</param>
    /// <param name="scratch">Shared memory for two turns.</param>
    /// <param name="turn">0 and 1 in turn, from call to call.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static PrefixSum Prefix<TRows>(int value, ArrayView<int> scratch, int turn)
        where TRows : struct, IRowShape
    {
        int row = (turn * TRows.Rows + Group.IdxY) * TRows.Threads;
        scratch[row + Group.IdxX] = value;
        Group.Barrier();
        int before = 0;
        int total = 0;
        for (int thread = 0; thread < TRows.Threads; thread++)
        {
            int other = scratch[row + thread];
            total += other;
            before += thread < Group.IdxX ? other : 0;
        }

        return new PrefixSum(before, total);
    }

    /// <summary>A sum over the threads before this one, and over all.</summary>
    private readonly struct PrefixSum
    {
        public PrefixSum(int before, int total)
        {
            Before = before;
            Total = total;
        }

        public int Before { get; }

        public int Total { get; }
    }
}
