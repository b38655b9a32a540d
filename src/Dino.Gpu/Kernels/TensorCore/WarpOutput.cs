using System.Runtime.CompilerServices;
using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>Where a lane of a product finds its staged results, and where they go.</summary>
/// <param name="bias">Global address of (N) floats.</param>
/// <param name="shape">Sizes.</param>
/// <param name="output">Global address of (M, N).</param>
/// <param name="row">The warp's first.</param>
/// <param name="column">The lane's first of the warp's first half.</param>
/// <param name="warp">Of the group.</param>
/// <param name="lane">Of the warp.</param>
internal readonly struct WarpOutput(long bias, TensorGemmShape shape, long output, int row, int column, int warp, int lane)
{
    private readonly long _bias = bias, _output = output;
    private readonly TensorGemmShape _shape = shape;
    private readonly int _row = row, _column = column, _warp = warp, _lane = lane;

    /// <summary>Byte of the tiles where this lane stages results.</summary>
    public int Staged => TileLayout.StagedFragment(_warp, _lane);

    /// <summary>bias0 to bias3, for the four columns of this lane in a half of 32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void LoadBias(int half)
    {
        int column = _column + half * TileLayout.HalfColumns;
        if (column < _shape.Columns)
            CudaAsm.Emit(EpilogueText.LoadBias, _bias + (long)column * sizeof(float));
    }

    /// <summary>The 16 staged rows of a fragment row, each lane four neighboring results of four rows. Only this warp's lanes share them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void FinishRows<TFormat, TEpilogue>(int fragment, int half)
        where TFormat : struct, ITensorFormat
        where TEpilogue : struct, ITensorEpilogue<TFormat>
    {
        CudaAsm.Emit("bar.warp.sync 0xffffffff;");
        int column = _column + half * TileLayout.HalfColumns;
        for (int pass = 0; pass < 4; pass++)
        {
            int row = _row + fragment * TileLayout.FragmentRows + TileLayout.ResultRow(_lane, pass);
            if (row < _shape.Rows && column < _shape.Columns)
            {
                CudaAsm.Emit(EpilogueText.LoadResults, TileLayout.StagedResult(_warp, _lane, pass));
                TEpilogue.Finish(_output + ((long)_shape.Map.BufferRow(row) * _shape.OutputStride + column) * TEpilogue.OutputSize);
            }
        }

        CudaAsm.Emit("bar.warp.sync 0xffffffff;");
    }
}
