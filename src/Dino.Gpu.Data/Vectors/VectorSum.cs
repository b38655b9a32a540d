using System.IO.Hashing;
using System.Runtime.InteropServices;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Search;

namespace Dino.Gpu.Data.Vectors;

/// <summary>
/// The CRC-32 of the first vectors of an index, as a file stores them. It does not depend on how they are divided into
/// segments. Segments of a file have theirs in their headers, so hardly a vector is read.
/// </summary>
internal static class VectorSum
{
    private const int RowsAtOnce = 256;

    /// <summary>The sum of the first rows, removed ones among them.</summary>
    /// <param name="index">The index.</param>
    /// <param name="rows">Rows, at most all.</param>
    /// <param name="dimension">Values of a vector.</param>
    /// <param name="type">Type of the stored values.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static uint Of(IndexSnapshot index, int rows, int dimension, FloatType type)
    {
        uint sum = 0; // of nothing
        int left = rows;
        foreach (IndexRows part in index.Segments.Append(index.Tail))
        {
            int count = Math.Min(part.Vectors.Count, left);
            if (count == 0)
                continue;
            (uint partSum, long bytes) = count == part.Vectors.Count && part.StoredSum is { } stored
                ? stored
                : Computed(part.Vectors, count, dimension, type);
            sum = CrcSum.Combine(sum, partSum, bytes);
            left -= count;
        }

        return sum;
    }

    private static (uint Sum, long Bytes) Computed(VectorBlock vectors, int count, int dimension, FloatType type)
    {
        var crc = new Crc32();
        float[] values = new float[Math.Min(RowsAtOnce, count) * dimension];
        var halves = new Half[type == FloatType.Float16 ? values.Length : 0];
        long bytes = 0;
        for (int first = 0; first < count; first += RowsAtOnce)
        {
            Span<float> part = values.AsSpan(0, Math.Min(RowsAtOnce, count - first) * dimension);
            vectors.Read(first, part);
            for (int i = 0; i < Math.Min(part.Length, halves.Length); i++)
                halves[i] = (Half)part[i];
            ReadOnlySpan<byte> stored = type == FloatType.Float16
                ? MemoryMarshal.AsBytes(halves.AsSpan(0, part.Length))
                : MemoryMarshal.AsBytes(part);
            crc.Append(stored);
            bytes += stored.Length;
        }

        return (crc.GetCurrentHashAsUInt32(), bytes);
    }
}
