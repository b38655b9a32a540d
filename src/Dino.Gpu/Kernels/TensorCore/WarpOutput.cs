using System.Runtime.CompilerServices;
using Dino.Gpu.Kernels.Portable;
using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>Moves a warp's results from its fragments through shared memory to the output.</summary>
/// <param name="shape">Sizes.</param>
/// <param name="gains">Global address of (N) floats; only some epilogues read them.</param>
/// <param name="output">Global address of (M, N).</param>
/// <param name="row">The first row of the warp.</param>
/// <param name="column">The first column of the warp.</param>
/// <param name="warp">The warp of the group.</param>
/// <param name="lane">The lane of the warp.</param>
internal readonly struct WarpOutput(TensorGemmShape shape, long gains, long output, int row, int column, int warp, int lane)
{
    private readonly TensorGemmShape _shape = shape;
    private readonly long _gains = gains, _output = output;
    private readonly int _row = row, _column = column, _warp = warp, _lane = lane;

    /// <summary>Applies the epilogue to result0 to result3 of fragment (i, j), and stages them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Stage<TTile, TFormat, TEpilogue>(int i, int j)
        where TTile : struct, IGemmTile
        where TFormat : struct, ITensorFormat
        where TEpilogue : struct, ITensorEpilogue<TFormat>
    {
        int size = TEpilogue.OutputSize;
        int columns = TTile.ColumnHalves * TileLayout.HalfColumns;
        int first = TileLayout.StagedFragment(_warp, _lane, TTile.RowFragments, columns, size)
            + i % TileLayout.StagedFragments(TTile.RowFragments, size) * TileLayout.FragmentRows * TileLayout.StagedPitch(columns, size)
            + 8 * j * size;
        TEpilogue.Apply();
        TEpilogue.Stage(first, first + 8 * TileLayout.StagedPitch(columns, size));
    }

    /// <summary>
    /// Stores the staged results, which end with fragment row <paramref name="last"/>. A lane stores 16 bytes;
    /// neighboring lanes store whole rows.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store<TTile, TFormat, TEpilogue>(int last)
        where TTile : struct, IGemmTile
        where TFormat : struct, ITensorFormat
        where TEpilogue : struct, ITensorEpilogue<TFormat>
    {
        CudaAsm.Emit("bar.warp.sync 0xffffffff;");
        int size = TEpilogue.OutputSize;
        int columns = TTile.ColumnHalves * TileLayout.HalfColumns;
        int fragments = TileLayout.StagedFragments(TTile.RowFragments, size);
        int lanes = columns * size / TileLayout.ChunkBytes;
        int passRows = TileLayout.WarpSize / lanes;
        int column = _column + (_lane & (lanes - 1)) * (TileLayout.ChunkBytes / size);
        int row = _row + (last + 1 - fragments) * TileLayout.FragmentRows + _lane / lanes;
        TEpilogue.Begin(_gains + (long)column * sizeof(float), _shape.Columns - column);
        int staged = TileLayout.StagedChunk(_warp, _lane, TTile.RowFragments, columns, size);
        RowMap map = _shape.Map;
        int stride = _shape.OutputStride * size;
        CudaAsm.Emit(
            EpilogueText.SetOutput,
            _output + (long)(row + map.FirstRow) * stride + (long)column * size,
            row,
            column < _shape.Columns ? _shape.Rows - row : 0,
            map.Reciprocal,
            map.Shift,
            (map.ImageStride - map.RowsPerImage) * stride,
            stride);

        // Most products have no rows to leave out, and finding the place of each takes longer than storing it.
        if (map.ImageStride == map.RowsPerImage)
        {
            for (int pass = 0; pass < fragments * TileLayout.FragmentRows / passRows; pass++)
                TEpilogue.FinishDense(staged + pass * passRows * TileLayout.StagedPitch(columns, size), pass * passRows);
        }
        else
        {
            for (int pass = 0; pass < fragments * TileLayout.FragmentRows / passRows; pass++)
                TEpilogue.Finish(staged + pass * passRows * TileLayout.StagedPitch(columns, size), pass * passRows);
        }

        CudaAsm.Emit("bar.warp.sync 0xffffffff;");
    }
}
