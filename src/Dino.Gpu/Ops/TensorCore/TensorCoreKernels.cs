using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Kernels.TensorCore;
using Dino.Gpu.Kernels.Warpgroup;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Ops.Portable;
using Dino.Gpu.Vit;
using ILGPU;
using ILGPU.Runtime;
using static Dino.Gpu.Ops.Device.LaunchGrid;
using Gemm = Dino.Gpu.Kernels.TensorCore.Gemm;

namespace Dino.Gpu.Ops.TensorCore;

/// <summary>
/// The tensor-core kernels for one format on one CUDA device. Each is behind a method that chooses its grid and
/// launches it on the default stream. Kernels are compiled at first use and held here, because ILGPU's own cache
/// forgets delegates that nobody holds.
/// </summary>
/// <param name="accelerator">The accelerator; the caller owns it.</param>
/// <param name="warpgroups">Products with wgmma, which then replace the others; null where the device has none.</param>
internal sealed class TensorCoreKernels<TFormat>(Accelerator accelerator, WarpgroupProducts? warpgroups = null)
    where TFormat : struct, ITensorFormat
{
    private const int LinearGroupSize = 256;

    private readonly Dictionary<Type, Action<KernelConfig, long, long, long, TensorGemmShape, long>> _large = [];
    private readonly Dictionary<Type, Action<KernelConfig, long, long, long, TensorGemmShape, long>> _small = [];

    private readonly Lazy<Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, LayerNormShape, long>> _layerNorm =
        new(() => accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, LayerNormShape, long>(
            RowKernels.LayerNormKernel<TFormat>));

    private readonly Lazy<Action<Index1D, ArrayView<byte>, ArrayView<float>, VitShape, ArrayView<uint>>> _unfold =
        new(() => accelerator.LoadImplicitlyGroupedStreamKernel<Index1D, ArrayView<byte>, ArrayView<float>, VitShape, ArrayView<uint>>(
            RowKernels.UnfoldKernel<TFormat>, LinearGroupSize));

    private readonly Lazy<Action<Index1D, ArrayView<byte>, ArrayView<float>, VitShape, int, ArrayView<uint>>> _unfoldPadded =
        new(() =>
            accelerator.LoadImplicitlyGroupedStreamKernel<Index1D, ArrayView<byte>, ArrayView<float>, VitShape, int, ArrayView<uint>>(
            RowKernels.UnfoldPaddedKernel<TFormat>, LinearGroupSize));

    private readonly Lazy<Action<Index1D, ArrayView<float>, VitShape, int, ArrayView<uint>>> _unfoldFractions =
        new(() => accelerator.LoadImplicitlyGroupedStreamKernel<Index1D, ArrayView<float>, VitShape, int, ArrayView<uint>>(
            RowKernels.UnfoldFractionsKernel<TFormat>, LinearGroupSize));

    private readonly Lazy<Action<Index1D, ArrayView<float>, RotationShape, ArrayView<uint>>> _rotate =
        new(() => accelerator.LoadImplicitlyGroupedStreamKernel<Index1D, ArrayView<float>, RotationShape, ArrayView<uint>>(
            RowKernels.RotateKernel<TFormat>, LinearGroupSize));

    private readonly Lazy<Action<Index1D, ArrayView<float>, ArrayView<uint>>> _round =
        new(() => accelerator.LoadImplicitlyGroupedStreamKernel<Index1D, ArrayView<float>, ArrayView<uint>>(
            RowKernels.RoundKernel<TFormat>, LinearGroupSize));

    private readonly Dictionary<int, Action<KernelConfig, long, TensorAttentionShape, long>> _attention = [];

    private readonly Lazy<Action<KernelConfig, int>> _peak = new(() => accelerator.LoadStreamKernel<int>(TensorPeak.Kernel<TFormat>));

    /// <summary>
    /// Launches output = epilogue(input @ weight^T + bias). All arguments are global addresses; see <see cref="Gemm"/>.
    /// </summary>
    public void Linear<TEpilogue>(long input, long weight, long bias, TensorGemmShape shape, long output)
        where TEpilogue : struct, ITensorEpilogue<TFormat>
    {
        if (warpgroups is not null)
        {
            // All of them, small ones too: a row's bytes must not depend on the rows beside it.
            warpgroups.Launch(EpilogueOf<TEpilogue>(), input, weight, bias, shape, output);
            return;
        }

        // Both tiles sum over k in the same order, so the bytes of a row do not depend on the choice.
        int multiprocessors = accelerator.NumMultiprocessors;
        if (TileChoice.TensorCost<Tile128X128>(shape.Rows, shape.Columns, shape.RowBytes, multiprocessors)
            <= TileChoice.TensorCost<Tile64X64>(shape.Rows, shape.Columns, shape.RowBytes, multiprocessors))
            Launch<Tile128X128, TEpilogue>(_large, input, weight, bias, shape, output);
        else
            Launch<Tile64X64, TEpilogue>(_small, input, weight, bias, shape, output);
    }

    /// <summary>Launches <see cref="RowKernels.LayerNormKernel{TFormat}"/>.</summary>
    public void LayerNorm(ArrayView<float> input, ArrayView<float> weight, ArrayView<float> bias, LayerNormShape shape, long output) =>
        _layerNorm.Value(
            new KernelConfig(
                new Index3D(CeilingDivide(shape.Rows, RowKernels.RowsPerGroup), 1, 1),
                new Index3D(TileLayout.WarpSize, RowKernels.RowsPerGroup, 1)),
            input, weight, bias, shape, output);

    /// <summary>
    /// Launches <see cref="RowKernels.UnfoldKernel{TFormat}"/>, or that for patches which it does not take.
    /// </summary>
    public void Unfold(ArrayView<byte> pixels, ArrayView<float> table, VitShape shape, int images, ArrayView<uint> patches)
    {
        (int columns, int quads) = PatchColumns(shape, images);
        if (shape.PatchSize % 4 == 0 && columns == shape.PatchLength)
            _unfold.Value(quads, pixels, table, shape, patches);
        else
            _unfoldPadded.Value(quads, pixels, table, shape, columns, patches);
    }

    /// <summary>Launches <see cref="RowKernels.UnfoldFractionsKernel{TFormat}"/>.</summary>
    public void UnfoldFractions(ArrayView<float> pixels, VitShape shape, int images, ArrayView<uint> patches)
    {
        (int columns, int quads) = PatchColumns(shape, images);
        _unfoldFractions.Value(quads, pixels, shape, columns, patches);
    }

    /// <summary>
    /// Launches <see cref="RowKernels.RotateKernel{TFormat}"/>, for heads that <see cref="TakesHeads"/> accepts.
    /// </summary>
    public void Rotate(ArrayView<float> table, in RotationShape shape, int images, ArrayView<uint> qkv) =>
        _rotate.Value(checked(images * shape.PatchCount * (shape.PairsOfRow / 4)), table, shape, qkv);

    /// <summary>Rounds float32 values to the format. Their number is a multiple of four.</summary>
    public void Round(ArrayView<float> values, ArrayView<uint> rounded) => _round.Value(checked((int)(values.Length / 4)), values, rounded);

    /// <summary>Whether <see cref="Attention"/> takes heads of this size.</summary>
    public static bool TakesHeads(int headSize) =>
        headSize % 16 == 0 && headSize * TFormat.ElementSize <= Kernels.TensorCore.Attention.MaxRowBytes;

    /// <summary>
    /// Launches <see cref="Kernels.TensorCore.Attention"/>, for heads that <see cref="TakesHeads"/> accepts.
    /// </summary>
    public void Attention(long qkv, TensorAttentionShape shape, int headSize, int images, long context)
    {
        if (!_attention.TryGetValue(headSize, out Action<KernelConfig, long, TensorAttentionShape, long>? kernel))
        {
            kernel = LoadAttention(headSize);
            _attention.Add(headSize, kernel);
        }

        long rowBytes = (long)shape.HeadCount * headSize * TFormat.ElementSize;
        ForImages(accelerator, images, 1, (first, count) =>
        {
            long offset = first * shape.TokenCount * rowBytes;
            kernel(
                new KernelConfig(
                    new Index3D(CeilingDivide(shape.QueryCount, Kernels.TensorCore.Attention.TileRows), shape.HeadCount, count),
                    new Index3D(Kernels.TensorCore.Attention.Threads, 1, 1)),
                qkv + 3 * offset, shape, context + offset);
        });
    }

    /// <summary>Launches <paramref name="groups"/> groups of <see cref="TensorPeak"/>.</summary>
    public void Peak(int groups, int iterations) =>
        _peak.Value(new KernelConfig(new Index3D(groups, 1, 1), new Index3D(Gemm.Threads<Tile128X128>(), 1, 1)), iterations);

    /// <summary>Columns of an unfolded patch, and the quads of all of them.</summary>
    private static (int Columns, int Quads) PatchColumns(in VitShape shape, int images)
    {
        int columns = DeviceActivations.ColumnCount(Activation.Patches, shape, TensorCoreActivations.SizeMultiple);
        return (columns, checked(images * shape.PatchCount * (columns / 4)));
    }

    private Action<KernelConfig, long, TensorAttentionShape, long> LoadAttention(int headSize) => headSize switch
    {
        16 => LoadAttention<Head16>(),
        32 => LoadAttention<Head32>(),
        48 => LoadAttention<Head48>(),
        64 => LoadAttention<Head64>(),
        80 => LoadAttention<Head80>(),
        96 => LoadAttention<Head96>(),
        112 => LoadAttention<Head112>(),
        128 => LoadAttention<Head128>(),
        _ => throw new ArgumentOutOfRangeException(nameof(headSize), headSize, "Expected a multiple of 16 up to 128."),
    };

    private Action<KernelConfig, long, TensorAttentionShape, long> LoadAttention<THead>()
        where THead : struct, IHeadSize =>
        accelerator.LoadStreamKernel<long, TensorAttentionShape, long>(
            Kernels.TensorCore.Attention.Kernel<TFormat, THead>, Kernels.TensorCore.Attention.Specialization<TFormat, THead>());

    private static ProductEpilogue EpilogueOf<TEpilogue>()
        where TEpilogue : struct, ITensorEpilogue<TFormat> =>
        typeof(TEpilogue) == typeof(StoreFloatEpilogue<TFormat>) ? ProductEpilogue.StoreFloat
        : typeof(TEpilogue) == typeof(Kernels.TensorCore.GeluEpilogue<TFormat>) ? ProductEpilogue.Gelu
        : typeof(TEpilogue) == typeof(Kernels.TensorCore.AddEpilogue<TFormat>) ? ProductEpilogue.Add
        : typeof(TEpilogue) == typeof(AddScaledEpilogue<TFormat>) ? ProductEpilogue.AddScaled
        : typeof(TEpilogue) == typeof(Kernels.TensorCore.GatedEpilogue<TFormat>) ? ProductEpilogue.Gated
        : ProductEpilogue.Store;

    private void Launch<TTile, TEpilogue>(
        Dictionary<Type, Action<KernelConfig, long, long, long, TensorGemmShape, long>> loaded,
        long input, long weight, long bias, TensorGemmShape shape, long output)
        where TTile : struct, IGemmTile
        where TEpilogue : struct, ITensorEpilogue<TFormat>
    {
        if (!loaded.TryGetValue(typeof(TEpilogue), out Action<KernelConfig, long, long, long, TensorGemmShape, long>? kernel))
        {
            kernel = accelerator.LoadStreamKernel<long, long, long, TensorGemmShape, long>(Gemm.Kernel<TTile, TFormat, TEpilogue>);
            loaded.Add(typeof(TEpilogue), kernel);
        }

        Index3D grid = Of(
            accelerator, CeilingDivide(shape.Columns, Gemm.TileColumns<TTile>()), CeilingDivide(shape.Rows, Gemm.TileRows<TTile>()));
        kernel(new KernelConfig(grid, new Index3D(Gemm.Threads<TTile>(), 1, 1)), input, weight, bias, shape, output);
    }
}
