using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Pipeline;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Ops;

/// <summary>The portable kernels on one accelerator, each behind a method that chooses its grid and launches it on the default stream.</summary>
internal abstract class PortableKernels(Accelerator accelerator)
{
    /// <summary>The hungriest kernel, attention, takes 29312 bytes of shared memory at 16x16 threads.</summary>
    private const int SharedMemoryFor16 = 30 * 1024;

    /// <summary>And 9600 bytes at 8x8.</summary>
    private const int SharedMemoryFor8 = 10 * 1024;

    /// <summary>Chooses the largest tile that the accelerator's groups and shared memory hold.</summary>
    /// <exception cref="DinoException">Its groups are smaller than 16 threads.</exception>
    public static PortableKernels Create(Accelerator accelerator)
    {
        int threads = accelerator.MaxNumThreadsPerGroup;
        int sharedMemory = accelerator.MaxSharedMemoryPerGroup;
        return threads >= 256 && sharedMemory >= SharedMemoryFor16 ? new PortableKernels<Tile16>(accelerator)
            : threads >= 64 && sharedMemory >= SharedMemoryFor8 ? new PortableKernels<Tile8>(accelerator)
            : threads >= 16 ? new PortableKernels<Tile4>(accelerator)
            : throw new DinoException($"{accelerator.Name} allows {threads} threads a group; the portable kernels need 16.");
    }

    /// <summary>The caller's.</summary>
    public Accelerator Accelerator { get; } = accelerator;

    /// <summary>output = epilogue(input @ weight^T + bias); see <see cref="Gemm"/>.</summary>
    public abstract void Linear<TEpilogue>(
        ArrayView<float> input, ArrayView<float> weight, ArrayView<float> bias, GemmShape shape, ArrayView<float> output)
        where TEpilogue : struct, IEpilogue;

    /// <summary>See <see cref="Kernels.Portable.LayerNorm"/>.</summary>
    public abstract void LayerNorm(
        ArrayView<float> input, ArrayView<float> weight, ArrayView<float> bias, LayerNormShape shape, ArrayView<float> output);

    /// <summary>context = softmax(q k^T * scale) v; see <see cref="Kernels.Portable.Attention"/>.</summary>
    public abstract void Attention(ArrayView<float> qkv, AttentionShape shape, int images, ArrayView<float> context);

    /// <summary>probabilities (images, heads, tokens, tokens) = softmax(q k^T * scale).</summary>
    public abstract void AttentionProbabilities(ArrayView<float> qkv, AttentionShape shape, int images, ArrayView<float> probabilities);

    /// <summary>Softmax over each row of (rows, columns), in place.</summary>
    public abstract void Softmax(int rows, int columns, ArrayView<float> values);

    /// <summary>See <see cref="Embedding.UnfoldKernel"/>.</summary>
    public abstract void Unfold(ArrayView<byte> pixels, ArrayView<float> table, VitShape shape, int images, ArrayView<float> patches);

    /// <summary>See <see cref="Embedding.AssembleKernel"/>.</summary>
    public abstract void Assemble(ArrayView<float> classToken, ArrayView<float> positions, VitShape shape, int images, ArrayView<float> tokens);
}

/// <summary>
/// The portable kernels for one tile shape. Each is compiled at first use and held here, because ILGPU's own cache forgets
/// delegates that nobody holds.
/// </summary>
internal sealed class PortableKernels<TTile> : PortableKernels
    where TTile : struct, ITileShape
{
    /// <summary>Threads of a group of the kernels without shared memory, where the accelerator allows as many.</summary>
    private const int LinearGroupSize = 256;

    /// <summary>Rows and columns of a group's tile.</summary>
    private static readonly int TileSize = RegisterTile.Size * TTile.Side;

    private readonly Lazy<Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, ArrayView<float>>> _linear;
    private readonly Lazy<Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, ArrayView<float>>> _linearGelu;
    private readonly Lazy<Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, ArrayView<float>>> _linearAdd;
    private readonly Lazy<Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, LayerNormShape, ArrayView<float>>> _layerNorm;
    private readonly Lazy<Action<KernelConfig, ArrayView<float>, AttentionShape, ArrayView<float>>> _attention;
    private readonly Lazy<Action<KernelConfig, ArrayView<float>, AttentionShape, ArrayView<float>>> _scores;
    private readonly Lazy<Action<KernelConfig, int, int, ArrayView<float>>> _softmax;
    private readonly Lazy<Action<Index1D, ArrayView<byte>, ArrayView<float>, VitShape, ArrayView<float>>> _unfold;
    private readonly Lazy<Action<Index1D, ArrayView<float>, ArrayView<float>, VitShape, ArrayView<float>>> _assemble;

    /// <summary>The accelerator stays the caller's.</summary>
    public PortableKernels(Accelerator accelerator)
        : base(accelerator)
    {
        int groupSize = Math.Min(LinearGroupSize, accelerator.MaxNumThreadsPerGroup);
        _linear = new(() => LoadLinear<StoreEpilogue>(accelerator));
        _linearGelu = new(() => LoadLinear<GeluEpilogue>(accelerator));
        _linearAdd = new(() => LoadLinear<AddEpilogue>(accelerator));
        _layerNorm = new(() => accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, LayerNormShape, ArrayView<float>>(
            Kernels.Portable.LayerNorm.Kernel<TTile>));
        _attention = new(() => accelerator.LoadStreamKernel<ArrayView<float>, AttentionShape, ArrayView<float>>(Kernels.Portable.Attention.Kernel<TTile>));
        _scores = new(() => accelerator.LoadStreamKernel<ArrayView<float>, AttentionShape, ArrayView<float>>(Kernels.Portable.Attention.ScoresKernel<TTile>));
        _softmax = new(() => accelerator.LoadStreamKernel<int, int, ArrayView<float>>(Kernels.Portable.Softmax.Kernel<TTile>));
        _unfold = new(() => accelerator.LoadImplicitlyGroupedStreamKernel<Index1D, ArrayView<byte>, ArrayView<float>, VitShape, ArrayView<float>>(
            Embedding.UnfoldKernel, groupSize));
        _assemble = new(() => accelerator.LoadImplicitlyGroupedStreamKernel<Index1D, ArrayView<float>, ArrayView<float>, VitShape, ArrayView<float>>(
            Embedding.AssembleKernel, groupSize));
    }

    public override void Linear<TEpilogue>(
        ArrayView<float> input, ArrayView<float> weight, ArrayView<float> bias, GemmShape shape, ArrayView<float> output)
    {
        var kernel = typeof(TEpilogue) == typeof(GeluEpilogue) ? _linearGelu : typeof(TEpilogue) == typeof(AddEpilogue) ? _linearAdd : _linear;
        kernel.Value(Config(Tiles(shape.Columns), Tiles(shape.Rows), 1), input, weight, bias, shape, output);
    }

    public override void LayerNorm(
        ArrayView<float> input, ArrayView<float> weight, ArrayView<float> bias, LayerNormShape shape, ArrayView<float> output) =>
        _layerNorm.Value(Config(CeilingDivide(shape.Rows, TTile.Side), 1, 1), input, weight, bias, shape, output);

    public override void Attention(ArrayView<float> qkv, AttentionShape shape, int images, ArrayView<float> context) =>
        _attention.Value(Config(Tiles(shape.QueryCount), shape.HeadCount * Tiles(shape.HeadSize), images), qkv, shape, context);

    public override void AttentionProbabilities(ArrayView<float> qkv, AttentionShape shape, int images, ArrayView<float> probabilities)
    {
        int tokens = shape.TokenCount;
        int maps = images * shape.HeadCount;
        _scores.Value(Config(Tiles(tokens), Tiles(tokens), maps), qkv, shape, probabilities);
        Softmax(maps * tokens, tokens, probabilities);
    }

    public override void Softmax(int rows, int columns, ArrayView<float> values) =>
        _softmax.Value(Config(CeilingDivide(rows, TTile.Side), 1, 1), rows, columns, values);

    public override void Unfold(ArrayView<byte> pixels, ArrayView<float> table, VitShape shape, int images, ArrayView<float> patches) =>
        _unfold.Value(checked(images * shape.PatchCount * shape.PatchLength), pixels, table, shape, patches);

    public override void Assemble(ArrayView<float> classToken, ArrayView<float> positions, VitShape shape, int images, ArrayView<float> tokens) =>
        _assemble.Value(checked(images * shape.TokenCount * shape.HiddenSize), classToken, positions, shape, tokens);

    private static Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, ArrayView<float>> LoadLinear<TEpilogue>(Accelerator accelerator)
        where TEpilogue : struct, IEpilogue =>
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, GemmShape, ArrayView<float>>(Gemm.Kernel<TTile, TEpilogue>);

    private static KernelConfig Config(int x, int y, int z) => new(new Index3D(x, y, z), new Index3D(TTile.Side, TTile.Side, 1));

    private static int Tiles(int count) => CeilingDivide(count, TileSize);

    private static int CeilingDivide(int count, int size) => (count + size - 1) / size;
}
