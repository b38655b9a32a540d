using System.Numerics;
using System.Runtime.CompilerServices;
using Dino.Gpu.Kernels.Simd;

namespace Dino.Gpu.Search;

/// <summary>
/// The best rows that one thread of a <see cref="VectorScan"/> met for one query: the k with the highest float32
/// scores, and all whose exact score may be as high as the lowest of these.
/// </summary>
/// <param name="k">Rows that are wanted.</param>
/// <param name="rowCount">Rows that there are.</param>
/// <param name="error">How far a float32 score can be from the exact one.</param>
internal sealed unsafe class ScanList(int k, int rowCount, double error)
{
    private const int Spare = 64;

    private ulong[] _keys = new ulong[Math.Min(2L * k + Spare, Math.Max(1, rowCount))];
    private int _count;
    private float _threshold = float.NegativeInfinity;

    /// <summary>The rows, in no order; for the keys see <see cref="TopKList"/>.</summary>
    public ReadOnlySpan<ulong> Keys => _keys.AsSpan(0, _count);

    /// <summary>Adds the scores that could count. A score that is not a number is none.</summary>
    /// <param name="scores">(count, in whole registers); NaN past the last.</param>
    /// <param name="count">Scores.</param>
    /// <param name="firstRow">The row of the first score.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add<TVector>(float* scores, int count, int firstRow)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        TVector threshold = TVector.Create(_threshold);
        for (int i = 0; i < count; i += TVector.Count)
        {
            uint lanes = TVector.GreaterLanes(TVector.Load(scores + i), threshold);
            if (lanes == 0)
                continue;
            for (; lanes != 0; lanes &= lanes - 1)
            {
                int at = i + BitOperations.TrailingZeroCount(lanes);
                if (scores[at] > _threshold)
                    Add(TopKList.Key(scores[at], firstRow + at));
            }

            threshold = TVector.Create(_threshold);
        }
    }

    /// <summary>Adds the rows of another thread's list.</summary>
    public void Add(ScanList other)
    {
        foreach (ulong key in other.Keys)
        {
            if (TopKList.Score(key) > _threshold)
                Add(key);
        }
    }

    /// <summary>Drops the rows that cannot be among the best.</summary>
    public void Cut()
    {
        if (_count <= k)
            return;
        fixed (ulong* keys = _keys)
            TopKList.Select(keys, _count, k);
        // At least k rows have exact scores of at least kth - error. One with a lower score than kth - 2 error has a
        // lower exact score than all of them.
        _threshold = Ranking.Below(TopKList.Score(_keys[k - 1]) - 2 * error);
        int kept = k;
        for (int i = k; i < _count; i++)
        {
            if (TopKList.Score(_keys[i]) > _threshold)
                _keys[kept++] = _keys[i];
        }

        _count = kept;
    }

    private void Add(ulong key)
    {
        if (_count == _keys.Length)
        {
            Cut();
            if (_count > _keys.Length / 4 * 3)
                Array.Resize(ref _keys, (int)Math.Min(2L * _keys.Length, Array.MaxLength));
        }

        _keys[_count++] = key;
    }
}
