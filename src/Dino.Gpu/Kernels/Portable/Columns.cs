using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>Some neighboring columns of a matrix.</summary>
internal readonly struct ColumnRange
{
    public ColumnRange(int stride, int first, int count)
    {
        Stride = stride;
        First = first;
        Count = count;
    }

    /// <summary>Columns of the whole matrix.</summary>
    public int Stride { get; }

    public int First { get; }

    public int Count { get; }
}

/// <summary>Copies the queries, keys or values out of their common matrix.</summary>
internal static class Columns
{
    /// <summary>target (rows, count) = the columns of source (rows, stride). One thread per value.</summary>
    public static void PackKernel(Index1D index, ArrayView<float> source, ColumnRange columns, ArrayView<float> target)
    {
        int row = index / columns.Count;
        target[index] = source[(long)row * columns.Stride + columns.First + index % columns.Count];
    }
}
