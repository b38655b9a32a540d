using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Ops;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Search;

/// <summary>The portable search kernels on one accelerator, in the tile shapes that it can run.</summary>
internal sealed class PortableTopK
{
    private readonly Tile[] _tiles;
    private readonly Index3D _rowGroup;
    private readonly Action<KernelConfig, TopKLists, TopKShape, ArrayView<int>, ArrayView<float>, TopKLists, int> _cut;
    private readonly int _multiprocessors;

    /// <summary>Takes the largest groups that the accelerator has, as <see cref="PortableKernels"/> does.</summary>
    /// <exception cref="DinoException">Its groups are smaller than 16 threads.</exception>
    public PortableTopK(Accelerator accelerator)
    {
        PortableKernels kernels = PortableKernels.Create(accelerator); // its kernels are compiled when first used: here never
        _multiprocessors = accelerator.NumMultiprocessors;
        int threads = kernels.Gemms.Max(gemm => gemm.Threads);
        (_tiles, _cut, _rowGroup) = threads switch
        {
            256 => ([Tile.Of<Tile128x128>(accelerator), Tile.Of<Tile64x64>(accelerator), Tile.Of<Tile32x32>(accelerator)], Cut<Rows8x32>(accelerator), Group<Rows8x32>()),
            64 => ([Tile.Of<Tile32x32>(accelerator)], Cut<Rows4x16>(accelerator), Group<Rows4x16>()),
            _ => (new[] { Tile.Of<Tile32x32Of4>(accelerator) }, Cut<Rows4x4>(accelerator), Group<Rows4x4>()),
        };
    }

    /// <summary>See <see cref="TopK.AppendKernel"/>.</summary>
    public void Append(ArrayView<float> queries, ArrayView<float> vectors, ArrayView<float> thresholds, TopKShape shape, TopKLists lists)
    {
        int columns = shape.LastVector - shape.FirstVector;
        Tile tile = _tiles.MinBy(tile => TileChoice.Cost(tile.Rows, tile.Columns, tile.Side * tile.Side, shape.QueryCount, columns, _multiprocessors))!;
        var grid = new Index3D(CeilingDivide(columns, tile.Columns), CeilingDivide(shape.QueryCount, tile.Rows), 1);
        tile.Kernel.Value(new KernelConfig(grid, new Index3D(tile.Side, tile.Side, 1)), queries, vectors, thresholds, shape, lists);
    }

    /// <summary>See <see cref="TopK.CutKernel"/>.</summary>
    public void Cut(TopKLists lists, TopKShape shape, ArrayView<int> cursors, ArrayView<float> thresholds, TopKLists best, int stride) =>
        _cut(new KernelConfig(new Index3D(CeilingDivide(shape.QueryCount, _rowGroup.Y), 1, 1), _rowGroup), lists, shape, cursors, thresholds, best, stride);

    private static int CeilingDivide(int count, int size) => (int)(((long)count + size - 1) / size);

    private static Index3D Group<TRows>()
        where TRows : struct, IRowShape => new(TRows.Threads, TRows.Rows, 1);

    private static Action<KernelConfig, TopKLists, TopKShape, ArrayView<int>, ArrayView<float>, TopKLists, int> Cut<TRows>(Accelerator accelerator)
        where TRows : struct, IRowShape =>
        accelerator.LoadStreamKernel<TopKLists, TopKShape, ArrayView<int>, ArrayView<float>, TopKLists, int>(TopK.CutKernel<TRows>);

    /// <summary>One tile shape; its kernel is compiled when first used.</summary>
    private sealed record Tile(
        int Rows, int Columns, int Side, Lazy<Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, TopKShape, TopKLists>> Kernel)
    {
        public static Tile Of<TTile>(Accelerator accelerator)
            where TTile : struct, ITileShape => new(
                4 * TTile.RowQuads * TTile.Side,
                4 * TTile.ColumnQuads * TTile.Side,
                TTile.Side,
                new(() => accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, TopKShape, TopKLists>(TopK.AppendKernel<TTile>)));
    }
}
