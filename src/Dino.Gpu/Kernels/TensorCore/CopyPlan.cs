using System.Runtime.CompilerServices;

namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>
/// The chunks that a thread copies from each slice of k: one 16-byte chunk of some rows of the input's tile, and of the
/// weight's. A row past an edge is replaced by the first row, whose memory exists and was written.
/// </summary>
/// <param name="input">Global address of (M, K).</param>
/// <param name="weight">Global address of (N, K).</param>
/// <param name="shape">Sizes.</param>
/// <param name="row">The thread's first row of the input.</param>
/// <param name="column">The thread's first row of the weight, a column of the output.</param>
/// <param name="passRows">Rows from one copy to the next.</param>
/// <param name="chunk">The chunk of every row that the thread copies.</param>
internal readonly struct CopyPlan(long input, long weight, TensorGemmShape shape, int row, int column, int passRows, int chunk)
{
    private readonly long _input = input + chunk * TileLayout.ChunkBytes;
    private readonly long _weight = weight + chunk * TileLayout.ChunkBytes;
    private readonly TensorGemmShape _shape = shape;
    private readonly int _row = row, _column = column, _passRows = passRows;

    /// <summary>Global address of the first slice's chunk, for a copy of the input.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long Input(int copy)
    {
        int row = _row + copy * _passRows;
        return _input + (long)_shape.Map.BufferRow(row < _shape.Rows ? row : 0) * _shape.RowBytes;
    }

    /// <summary>Global address of the first slice's chunk, for a copy of the weight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long Weight(int copy)
    {
        int column = _column + copy * _passRows;
        return _weight + (column < _shape.Columns ? (long)column * _shape.RowBytes : 0L);
    }
}
