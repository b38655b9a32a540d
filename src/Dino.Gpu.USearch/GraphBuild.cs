using System.Buffers;
using System.Collections.Concurrent;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Search;

namespace Dino.Gpu.USearch;

/// <summary>Puts the vectors of an index into a graph.</summary>
internal static class GraphBuild
{
    /// <summary>Rows that one thread reads at a time.</summary>
    private const int RowsAtOnce = 64;

    /// <summary>Adds all rows that are not removed, scaled to length 1.</summary>
    /// <param name="graph">Has room for them.</param>
    /// <param name="now">The rows.</param>
    /// <param name="dimension">Values of a vector.</param>
    /// <param name="parallel">Threads, and what ends the building.</param>
    /// <param name="progress">Told how many vectors were added.</param>
    /// <exception cref="InvalidDataException">A vector has a value that is not finite.</exception>
    /// <exception cref="IOException">Vectors cannot be read.</exception>
    public static int Fill(Graph graph, IndexSnapshot now, int dimension, ParallelOptions parallel, IProgress<int>? progress)
    {
        var counting = new Lock();
        int total = 0;
        OrderablePartitioner<(VectorBlock, int, int)> windows = Partitioner.Create(
            Windows(now), EnumerablePartitionerOptions.NoBuffering);
        Parallel.ForEach(windows, parallel, window =>
        {
            int added = Fill(graph, now, dimension, window, parallel.CancellationToken);
            lock (counting)
            {
                total += added;
                progress?.Report(total);
            }
        });
        return total;
    }

    /// <summary>The rows in parts: a block, the first row of the part in it, and its number in the index.</summary>
    private static IEnumerable<(VectorBlock Block, int First, int Number)> Windows(IndexSnapshot now)
    {
        foreach ((VectorBlock block, int firstRow) in now.Blocks())
        {
            for (int first = 0; first < block.Count; first += RowsAtOnce)
                yield return (block, first, firstRow + first);
        }
    }

    private static int Fill(
        Graph graph, IndexSnapshot now, int dimension, (VectorBlock Block, int First, int Number) window, CancellationToken cancellation)
    {
        int count = Math.Min(RowsAtOnce, window.Block.Count - window.First);
        float[] memory = ArrayPool<float>.Shared.Rent((count + 1) * dimension);
        try
        {
            Span<float> rows = memory.AsSpan(0, count * dimension);
            Span<float> unit = memory.AsSpan(count * dimension, dimension);
            window.Block.Read(window.First, rows);
            int added = 0;
            for (int i = 0; i < count; i++)
            {
                if (now.Removed.Contains(window.Number + i))
                    continue;
                cancellation.ThrowIfCancellationRequested();
                ReadOnlySpan<float> row = rows.Slice(i * dimension, dimension);
                double length = Math.Sqrt(ExactScore.Square(row));
                if (!double.IsFinite(length))
                    throw new InvalidDataException($"vector {window.Number + i} has a value that is not finite");
                DistinctVectors.Scale(row, length > 0 ? 1 / length : 0, unit);
                graph.Add(window.Number + i, unit);
                added++;
            }

            return added;
        }
        finally
        {
            ArrayPool<float>.Shared.Return(memory);
        }
    }
}
