using System.Runtime.CompilerServices;
using Dino.Gpu.Kernels.Portable;
using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>Where a warp's results belong, and their way there through shared memory.</summary>
/// <param name="shape">Sizes.</param>
/// <param name="output">Global address of (M, N).</param>
/// <param name="row">The first row of the warp.</param>
/// <param name="column">The first column of the warp.</param>
/// <param name="warp">The warp of the group.</param>
/// <param name="lane">The lane of the warp.</param>
internal readonly struct WarpOutput(TensorGemmShape shape, long output, int row, int column, int warp, int lane)
{
    private readonly TensorGemmShape _shape = shape;
    private readonly long _output = output;
    private readonly int _row = row, _column = column, _warp = warp, _lane = lane;

    /// <summary>Whether the output has all rows and columns of the warp, and leaves no rows out between others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsWhole<TTile>()
        where TTile : struct, IGemmTile =>
        _shape.Map.ImageStride == _shape.Map.RowsPerImage
        && _row + TTile.RowFragments * TileLayout.FragmentRows <= _shape.Rows
        && _column + TTile.ColumnHalves * TileLayout.HalfColumns <= _shape.Columns;

    /// <summary>
    /// Sets where the lane's sums belong: four neighbors of each 16 columns (see <see cref="TileLayout.QuadColumn"/>).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetQuads()
    {
        int column = _column + (_lane & 3) * 4;
        Set(_row + _lane / 4, column, sizeof(float), _shape.Rows);
        CudaAsm.Emit("mov.b32 outWidth, %0;", _shape.Columns - column);
    }

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
        int staged = TileLayout.StagedChunk(_warp, _lane, TTile.RowFragments, columns, size);
        Set(row, column, size, column < _shape.Columns ? _shape.Rows : row);

        // Most products have no rows to leave out, and finding the place of each takes longer than storing it.
        if (_shape.Map.ImageStride == _shape.Map.RowsPerImage)
        {
            for (int pass = 0; pass < fragments * TileLayout.FragmentRows / passRows; pass++)
                CudaAsm.Emit(
                    EpilogueText.StoreStagedDense, staged + pass * passRows * TileLayout.StagedPitch(columns, size), pass * passRows);
        }
        else
        {
            for (int pass = 0; pass < fragments * TileLayout.FragmentRows / passRows; pass++)
                CudaAsm.Emit(EpilogueText.StoreStaged, staged + pass * passRows * TileLayout.StagedPitch(columns, size), pass * passRows);
        }

        CudaAsm.Emit("bar.warp.sync 0xffffffff;");
    }

    /// <summary>Sets the place of the lane's first value, and what leads from one row to the next.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Set(int row, int column, int size, int end)
    {
        RowMap map = _shape.Map;
        int stride = _shape.OutputStride * size;
        CudaAsm.Emit(
            EpilogueText.SetOutput,
            _output + (long)(row + map.FirstRow) * stride + (long)column * size,
            row,
            end - row,
            map.Reciprocal,
            map.Shift,
            (map.ImageStride - map.RowsPerImage) * stride,
            stride);
    }
}
