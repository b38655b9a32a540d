using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Vit;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Ops.Portable;

/// <summary>
/// The portable kernels on one accelerator. Each is behind a method that chooses its tile and grid and launches it on
/// the default stream. Kernels are compiled at first use and held here, because ILGPU's own cache forgets delegates
/// that nobody holds.
/// </summary>
internal sealed class PortableKernels
{
    /// <summary>
    /// Bytes of shared memory that tall attention tiles need. Attention needs the most of all kernels: 44032 bytes at
    /// 128 queries per group.
    /// </summary>
    private const int SharedMemoryForTall = 43 * 1024;

    /// <summary>
    /// Bytes of shared memory that groups of 16 x 16 threads need: attention takes 26880 at 64 queries per group.
    /// </summary>
    private const int SharedMemoryFor16 = 27 * 1024;

    /// <summary>
    /// Bytes of shared memory that groups of 8 x 8 threads need: attention takes 7296 at 32 queries per group.
    /// </summary>
    private const int SharedMemoryFor8 = 8 * 1024;

    /// <summary>Threads per group of the kernels without shared memory, if the accelerator allows as many.</summary>
    private const int LinearGroupSize = 256;

    private readonly Lazy<Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, LayerNormShape, ArrayView<float>>>
        _layerNorm;
    private readonly Lazy<Action<KernelConfig, int, int, ArrayView<float>>> _softmax;
    private readonly Lazy<Action<Index1D, ArrayView<byte>, ArrayView<float>, VitShape, ArrayView<float>>> _unfold;
    private readonly Lazy<Action<Index1D, ArrayView<float>, VitShape, ArrayView<float>>> _unfoldFractions;
    private readonly Lazy<Action<Index1D, ArrayView<float>, ArrayView<float>>> _assemble;
    private readonly Lazy<Action<Index1D, ArrayView<float>, RotationShape, ArrayView<float>>> _rotate;
    private readonly Lazy<Action<Index1D, ArrayView<float>, ColumnRange, ArrayView<float>>> _packColumns;
    private readonly Lazy<Action<Index1D, ArrayView<float>, ArrayView<float>, RolloutShape, ArrayView<float>>> _rollout;

    private PortableKernels(Accelerator accelerator, PortableGemm[] gemms, PortableAttention[] attentions, bool wideRows, bool narrowRows)
    {
        Accelerator = accelerator;
        Gemms = gemms;
        Attentions = attentions;
        LinearGroup = Math.Min(LinearGroupSize, accelerator.MaxNumThreadsPerGroup);
        (_layerNorm, _softmax) = wideRows
            ? RowKernels<Rows8x32>(accelerator)
            : narrowRows ? RowKernels<Rows4x16>(accelerator)
            : RowKernels<Rows4x4>(accelerator);
        _unfold = new(() =>
            accelerator.LoadImplicitlyGroupedStreamKernel<Index1D, ArrayView<byte>, ArrayView<float>, VitShape, ArrayView<float>>(
            Embedding.UnfoldKernel, LinearGroup));
        _unfoldFractions = new(() => accelerator.LoadImplicitlyGroupedStreamKernel<Index1D, ArrayView<float>, VitShape, ArrayView<float>>(
            Embedding.UnfoldFractionsKernel, LinearGroup));
        _assemble = new(() => accelerator.LoadImplicitlyGroupedStreamKernel<Index1D, ArrayView<float>, ArrayView<float>>(
            Embedding.AssembleKernel, LinearGroup));
        _rotate = new(() => accelerator.LoadImplicitlyGroupedStreamKernel<Index1D, ArrayView<float>, RotationShape, ArrayView<float>>(
            Rotation.RotateKernel, LinearGroup));
        _packColumns = new(() => accelerator.LoadImplicitlyGroupedStreamKernel<Index1D, ArrayView<float>, ColumnRange, ArrayView<float>>(
            Columns.PackKernel, LinearGroup));
        _rollout = new(() =>
            accelerator.LoadImplicitlyGroupedStreamKernel<Index1D, ArrayView<float>, ArrayView<float>, RolloutShape, ArrayView<float>>(
            Rollout.StepKernel, LinearGroup));
    }

    /// <summary>The accelerator; the caller owns it.</summary>
    public Accelerator Accelerator { get; }

    /// <summary>Threads per group of the kernels without shared memory.</summary>
    public int LinearGroup { get; }

    /// <summary>The group of the kernels that work row by row; see <see cref="IRowShape"/>.</summary>
    public Index3D RowGroup { get; private set; }

    /// <summary>The tile shapes that a matrix product can choose from, largest first.</summary>
    public IReadOnlyList<PortableGemm> Gemms { get; }

    /// <summary>
    /// The tile shapes of attention, tallest first. They differ only in rows, so all give the same bytes.
    /// </summary>
    public IReadOnlyList<PortableAttention> Attentions { get; }

    /// <summary>
    /// Makes the kernels with the largest tiles that the accelerator's groups and shared memory allow.
    /// </summary>
    /// <exception cref="DinoException">The accelerator allows fewer than 16 threads per group.</exception>
    public static PortableKernels Create(Accelerator accelerator)
    {
        int threads = accelerator.MaxNumThreadsPerGroup;
        int sharedMemory = accelerator.MaxSharedMemoryPerGroup;
        return threads >= 256 && sharedMemory >= SharedMemoryFor16 ? Create(accelerator, 16)
            : threads >= 64 && sharedMemory >= SharedMemoryFor8 ? Create(accelerator, 8)
            : threads >= 16 ? Create(accelerator, 4)
            : throw new DeviceException(
                $"{accelerator.Name} allows groups of {threads} threads (expected 16 or more)", "use the device cpu");
    }

    /// <summary>Makes the kernels with groups of at most side x side threads; side is 4, 8 or 16.</summary>
    public static PortableKernels Create(Accelerator accelerator, int side)
    {
        PortableGemm small = new PortableGemm<Tile32x32>(accelerator);
        if (side == 8)
        {
            return new PortableKernels(
                accelerator, [small], [new PortableAttention<Tile32x32>(accelerator)], wideRows: false, narrowRows: true);
        }

        if (side == 4)
        {
            return new PortableKernels(
                accelerator,
                [
                    new PortableGemm<Tile32x32Of4>(accelerator),
                    new PortableGemm<Tile32x16Of4>(accelerator),
                    new PortableGemm<Tile16x16Of4>(accelerator),
                ],
                [new PortableAttention<Tile32x16Of4>(accelerator), new PortableAttention<Tile16x16Of4>(accelerator)],
                wideRows: false,
                narrowRows: false);
        }

        PortableAttention flat = new PortableAttention<Tile64x64>(accelerator);
        return new PortableKernels(
            accelerator,
            [
                new PortableGemm<Tile128x128>(accelerator),
                new PortableGemm<Tile128x64>(accelerator),
                new PortableGemm<Tile64x64>(accelerator),
                small,
            ],
            accelerator.MaxSharedMemoryPerGroup >= SharedMemoryForTall ? [new PortableAttention<Tile128x64>(accelerator), flat] : [flat],
            wideRows: true,
            narrowRows: false);
    }

    /// <summary>Launches output = epilogue(input @ weight^T + bias); see <see cref="Gemm"/>.</summary>
    public void Linear<TEpilogue>(
        ArrayView<float> input, ArrayView<float> weight, ArrayView<float> bias, GemmShape shape, ArrayView<float> output)
        where TEpilogue : struct, IEpilogue =>
        TileChoice.Choose(Gemms, shape.Rows, shape.Columns, Accelerator.NumMultiprocessors).Launch<TEpilogue>(
            input, weight, bias, shape, output);

    /// <summary>Launches <see cref="Kernels.Portable.LayerNorm"/>.</summary>
    public void LayerNorm(
        ArrayView<float> input, ArrayView<float> weight, ArrayView<float> bias, LayerNormShape shape, ArrayView<float> output) =>
        _layerNorm.Value(RowConfig(shape.Rows), input, weight, bias, shape, output);

    /// <summary>Launches context = softmax(q k^T * scale) v; see <see cref="Kernels.Portable.Attention"/>.</summary>
    public void Attention(ArrayView<float> qkv, AttentionShape shape, int images, ArrayView<float> context) =>
        TileChoice.Choose(Attentions, shape, images, Accelerator.NumMultiprocessors).Launch(qkv, shape, images, context);

    /// <summary>Launches probabilities (images, heads, queries, tokens) = softmax(q k^T * scale).</summary>
    public void AttentionProbabilities(ArrayView<float> qkv, AttentionShape shape, int images, ArrayView<float> probabilities)
    {
        Attentions[^1].LaunchScores(qkv, shape, images, probabilities);
        Softmax(images * shape.HeadCount * shape.QueryCount, shape.TokenCount, probabilities);
    }

    /// <summary>Launches a softmax over each row of (rows, columns), in place.</summary>
    public void Softmax(int rows, int columns, ArrayView<float> values) =>
        _softmax.Value(RowConfig(rows), rows, columns, values);

    /// <summary>Launches <see cref="Embedding.UnfoldKernel"/>.</summary>
    public void Unfold(ArrayView<byte> pixels, ArrayView<float> table, VitShape shape, int images, ArrayView<float> patches) =>
        _unfold.Value(checked(images * shape.PatchCount * shape.PatchLength), pixels, table, shape, patches);

    /// <summary>Launches <see cref="Embedding.UnfoldFractionsKernel"/>.</summary>
    public void UnfoldFractions(ArrayView<float> pixels, VitShape shape, int images, ArrayView<float> patches) =>
        _unfoldFractions.Value(checked(images * shape.PatchCount * shape.PatchLength), pixels, shape, patches);

    /// <summary>Launches <see cref="Embedding.AssembleKernel"/>.</summary>
    public void Assemble(ArrayView<float> start, int images, ArrayView<float> tokens) =>
        _assemble.Value(checked(images * start.IntLength), start, tokens);

    /// <summary>Launches <see cref="Rotation.RotateKernel"/>.</summary>
    /// <param name="table">(patches, head size)</param>
    /// <param name="shape">The model at this input size.</param>
    /// <param name="images">Images in the batch.</param>
    /// <param name="made">Qkv for queries and keys, KeyValue for keys alone.</param>
    /// <param name="qkv">(images * tokens, 3 * hidden)</param>
    public void Rotate(ArrayView<float> table, in VitShape shape, int images, Linear made, ArrayView<float> qkv)
    {
        var sizes = RotationShape.Of(shape, made);
        _rotate.Value(checked(images * shape.PatchCount * sizes.PairsOfRow), table, sizes, qkv);
    }

    /// <summary>Launches <see cref="Columns.PackKernel"/>.</summary>
    public void PackColumns(ArrayView<float> source, ColumnRange columns, int rows, ArrayView<float> target) =>
        _packColumns.Value(checked(rows * columns.Count), source, columns, target);

    /// <summary>Launches <see cref="Rollout.StepKernel"/>.</summary>
    public void RolloutStep(ArrayView<float> probabilities, ArrayView<float> row, RolloutShape shape, int images, ArrayView<float> next) =>
        _rollout.Value(checked(images * shape.TokenCount), probabilities, row, shape, next);

    private (Lazy<Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, LayerNormShape, ArrayView<float>>> LayerNorm,
        Lazy<Action<KernelConfig, int, int, ArrayView<float>>> Softmax) RowKernels<TRows>(Accelerator accelerator)
        where TRows : struct, IRowShape
    {
        RowGroup = new Index3D(TRows.Threads, TRows.Rows, 1);
        return (
            new(() => accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, LayerNormShape, ArrayView<float>>(
                Kernels.Portable.LayerNorm.Kernel<TRows>)),
            new(() => accelerator.LoadStreamKernel<int, int, ArrayView<float>>(Kernels.Portable.Softmax.Kernel<TRows>)));
    }

    /// <summary>The launch configuration of a kernel that works row by row.</summary>
    public KernelConfig RowConfig(int rows) => new(new Index3D((rows + RowGroup.Y - 1) / RowGroup.Y, 1, 1), RowGroup);
}
