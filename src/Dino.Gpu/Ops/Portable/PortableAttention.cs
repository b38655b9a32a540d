using Dino.Gpu.Kernels.Portable;
using ILGPU;
using ILGPU.Runtime;
using static Dino.Gpu.Ops.Device.LaunchGrid;

namespace Dino.Gpu.Ops.Portable;

/// <summary>The attention kernels of one tile shape.</summary>
internal abstract class PortableAttention
{
    /// <summary>The number of queries that a group takes.</summary>
    public abstract int TileRows { get; }

    /// <summary>The number of groups of a launch.</summary>
    public abstract long Groups(AttentionShape shape, int images);

    /// <summary>Launches context = softmax(q k^T * scale) v; see <see cref="Attention"/>.</summary>
    public abstract void Launch(ArrayView<float> qkv, AttentionShape shape, int images, ArrayView<float> context);

    /// <summary>Launches scores (images, heads, queries, tokens) = q k^T * scale.</summary>
    public abstract void LaunchScores(ArrayView<float> qkv, AttentionShape shape, int images, ArrayView<float> scores);
}

/// <summary>The kernels of one tile shape, compiled at first use and held here.</summary>
internal sealed class PortableAttention<TTile>(Accelerator accelerator) : PortableAttention
    where TTile : struct, IAttentionTile
{
    private readonly Lazy<Action<KernelConfig, ArrayView<float>, AttentionShape, ArrayView<float>>> _attention =
        new(() => accelerator.LoadStreamKernel<ArrayView<float>, AttentionShape, ArrayView<float>>(Attention.Kernel<TTile>));

    private readonly Lazy<Action<KernelConfig, ArrayView<float>, AttentionShape, ArrayView<float>>> _scores =
        new(() => accelerator.LoadStreamKernel<ArrayView<float>, AttentionShape, ArrayView<float>>(Attention.ScoresKernel<TTile>));

    public override int TileRows => 4 * TTile.RowQuads * TTile.Side;

    private static int TileColumns => 4 * TTile.Side;

    public override long Groups(AttentionShape shape, int images)
    {
        Index3D grid = Grid(shape, images);
        return (long)grid.X * grid.Y * grid.Z;
    }

    public override void Launch(ArrayView<float> qkv, AttentionShape shape, int images, ArrayView<float> context) =>
        ForImages(accelerator, images, 1, (first, count) =>
        {
            long row = (long)first * shape.TokenCount;
            _attention.Value(
                Config(Grid(shape, count)), qkv.SubView(row * shape.RowStride), shape, context.SubView(row * shape.Hidden));
        });

    public override void LaunchScores(ArrayView<float> qkv, AttentionShape shape, int images, ArrayView<float> scores) =>
        ForImages(accelerator, images, shape.HeadCount, (first, count) =>
        {
            long row = (long)first * shape.TokenCount;
            var grid = new Index3D(
                CeilingDivide(shape.TokenCount, TileColumns), CeilingDivide(shape.QueryCount, TileRows), count * shape.HeadCount);
            _scores.Value(
                Config(grid), qkv.SubView(row * shape.RowStride), shape, scores.SubView(row * shape.QueryCount * shape.HeadCount));
        });

    private static KernelConfig Config(Index3D grid) => new(grid, new Index3D(TTile.Side, TTile.Side, 1));

    private Index3D Grid(AttentionShape shape, int images) =>
        new(CeilingDivide(shape.QueryCount, TileRows), shape.HeadCount * CeilingDivide(shape.HeadSize, TileColumns), images);
}
