using Dino.Gpu.Kernels.Portable;
using ILGPU;
using ILGPU.Runtime;
using static Dino.Gpu.Ops.Device.LaunchGrid;

namespace Dino.Gpu.Ops.Portable;

/// <summary>The matrix products of one tile shape.</summary>
internal abstract class PortableGemm
{
    /// <summary>Rows of the output that a group computes.</summary>
    public abstract int TileRows { get; }

    /// <summary>Columns of the output that a group computes.</summary>
    public abstract int TileColumns { get; }

    /// <summary>Threads of a group.</summary>
    public abstract int Threads { get; }

    /// <summary>The instructions of a thread for one value of k, on average over a slice.</summary>
    public abstract double InstructionsOfOne { get; }

    /// <summary>The number of groups of a launch.</summary>
    public long Groups(int rows, int columns) => (long)CeilingDivide(rows, TileRows) * CeilingDivide(columns, TileColumns);

    /// <summary>Launches output = epilogue(input @ weight^T + bias); see <see cref="Gemm"/>.</summary>
    public abstract void Launch<TEpilogue>(
        ArrayView<float> input, ArrayView<float> weight, ArrayView<float> bias, GemmShape shape, ArrayView<float> output)
        where TEpilogue : struct, IEpilogue;
}

/// <summary>
/// One kernel for each epilogue, compiled at first use and held here, because ILGPU's own cache forgets delegates that
/// nobody holds.
/// </summary>
internal sealed class PortableGemm<TTile>(Accelerator accelerator) : PortableGemm
    where TTile : struct, ITileShape
{
    private readonly Lazy<Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, ArrayView<float>>> _store =
        new(() => Load<StoreEpilogue>(accelerator));

    private readonly Lazy<Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, ArrayView<float>>> _gelu =
        new(() => Load<GeluEpilogue>(accelerator));

    private readonly Lazy<Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, ArrayView<float>>> _add =
        new(() => Load<AddEpilogue>(accelerator));

    private readonly Lazy<Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, ArrayView<float>>> _gated =
        new(() => Load<GatedEpilogue>(accelerator));

    public override int TileRows => 4 * TTile.RowQuads * TTile.Side;

    public override int TileColumns => 4 * TTile.ColumnQuads * TTile.Side;

    public override int Threads => TTile.Side * TTile.Side;

    public override double InstructionsOfOne => (double)TTile.SliceInstructions / TTile.Depth;

    public override void Launch<TEpilogue>(
        ArrayView<float> input, ArrayView<float> weight, ArrayView<float> bias, GemmShape shape, ArrayView<float> output)
    {
        var kernel = typeof(TEpilogue) == typeof(GeluEpilogue) ? _gelu
            : typeof(TEpilogue) == typeof(AddEpilogue) ? _add
            : typeof(TEpilogue) == typeof(GatedEpilogue) ? _gated : _store;
        Index3D grid = Of(accelerator, CeilingDivide(shape.Columns, TileColumns), CeilingDivide(shape.Rows, TileRows));
        kernel.Value(new KernelConfig(grid, new Index3D(TTile.Side, TTile.Side, 1)), input, weight, bias, shape, output);
    }

    private static Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, ArrayView<float>> Load<TEpilogue>(
        Accelerator accelerator)
        where TEpilogue : struct, IEpilogue =>
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, ArrayView<float>>(
            Gemm.Kernel<TTile, TEpilogue>);
}
