using System.Runtime.CompilerServices;
using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Kernels.Generated;
using Dino.Gpu.Kernels.Simd;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Ops.Generated;
using Dino.Gpu.Ops.Simd;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Pipeline;

/// <summary>Lanes of the vector registers that the SIMD family uses.</summary>
internal enum SimdWidth
{
    /// <summary>Vector128: Arm, and x86 without AVX2.</summary>
    Lanes4 = 4,

    /// <summary>Vector256: AVX2 with FMA.</summary>
    Lanes8 = 8,

    /// <summary>Vector512: AVX-512.</summary>
    Lanes16 = 16,
}

/// <summary>Runs a model on the CPU: one launch of <see cref="SimdForward"/> for each batch.</summary>
internal sealed unsafe class SimdExecutor : VitExecutor
{
    private readonly SimdHost _host;
    private readonly SimdWidth _width;
    private readonly int _tileRows;
    private readonly ReducedModel? _reduced;

    private SimdExecutor(SimdHost host, SimdWidth width, int tileRows, VitWeights weights, ReducedModel? reduced)
    {
        _host = host;
        _width = width;
        _tileRows = tileRows;
        _reduced = reduced;
        PackWeights(weights);
        Copy(weights.PixelTable(), SimdPart.PixelTable);
    }

    /// <summary>The widest registers of this machine.</summary>
    public static SimdWidth BestWidth => OfBits(CpuVectors.Widest);

    /// <summary>Registers of a width in bits, as <see cref="CpuVectors.Choose"/> returns it.</summary>
    public static SimdWidth OfBits(int bits) => (SimdWidth)(bits / 32);

    /// <summary>
    /// Packs weights for the CPU. The caller owns the device, which must outlive the executor.
    /// </summary>
    /// <param name="device">The CPU.</param>
    /// <param name="weights">The model; copied.</param>
    /// <param name="width">Register width; null for <see cref="BestWidth"/>.</param>
    /// <exception cref="DinoException">The model's heads do not fit this family.</exception>
    public static SimdExecutor Create(DinoDevice device, VitWeights weights, SimdWidth? width = null)
    {
        RequireHeads(weights.Config);
        return (width ?? BestWidth) switch
        {
            SimdWidth.Lanes16 => Create<Float16>(device, weights, SimdWidth.Lanes16),
            SimdWidth.Lanes8 => Create<Float8>(device, weights, SimdWidth.Lanes8),
            _ => Create<Float4>(device, weights, SimdWidth.Lanes4),
        };
    }

    private static void RequireHeads(VitConfig config)
    {
        if (config.HiddenSize > Gemm.BlockSize && Gemm.BlockSize % config.HeadSize != 0)
        {
            throw new DeviceException(
                $"the CPU kernels need heads that divide {Gemm.BlockSize} (found heads of {config.HeadSize})",
                "use an OpenCL or CUDA device");
        }
    }

    public override BatchSlot CreateSlot(Preprocessor preprocessor) => new Slot(this, preprocessor);

    public override double MeasurePeak()
    {
        const int Iterations = 5_000_000;
        int threads = _host.Threads;
        if (_reduced != null)
            return _reduced.PeakOperations * threads / BestSeconds(rounds: 12, () => _reduced.RunPeak(threads));
        double best = BestSeconds(rounds: 12, () => _host.RunPeak(Iterations));
        return threads * Peak.Operations(Iterations, (int)_width) / best;
    }

    /// <summary>
    /// Copies the pictures of a batch into one buffer: their bytes, or what is normalized of their fractions.
    /// </summary>
    private void Gather(IReadOnlyList<RgbImage> images, int first, int count, Preprocessor preprocessor)
    {
        int imageLength = 3 * preprocessor.Width * preprocessor.Height;
        if (preprocessor.KeepsFractions)
        {
            float* values = (float*)_host.Reserve<byte>(SimdPart.Pixels, (long)count * imageLength * sizeof(float));
            Parallel.For(0, count, i => PixelNormalization.NormalizePixels(
                images[first + i], preprocessor.Config, new Span<float>(values + (nint)i * imageLength, imageLength)));
            return;
        }

        byte* pixels = _host.Reserve<byte>(SimdPart.Pixels, (long)count * imageLength); // (images, height, width, 3)
        for (int i = 0; i < count; i++)
            images[first + i].Pixels.AsSpan(0, imageLength).CopyTo(new Span<byte>(pixels + (long)i * imageLength, imageLength));
    }

    private void Copy(float[] values, SimdPart part) =>
        values.CopyTo(new Span<float>(_host.Reserve<float>(part, values.Length), values.Length));

    private void Launch(
        bool fractions, InputTables tables, in VitShape shape, in ForwardRequest request, ForwardOutput output, bool timed)
    {
        tables.Require(shape);
        int threads = _host.Threads;
        var weights = new WeightLayout(shape, 2 * (int)_width, _reduced == null);
        var workspace = new WorkspaceLayout(shape, request, weights, threads, _tileRows);
        var plan = new SimdPlan(shape, request, weights, workspace, threads, timed, fractions);

        Copy(tables.Start, SimdPart.Start);
        Copy(tables.Rotation, SimdPart.Rotation);
        _host.Reserve<float>(SimdPart.Workspace, workspace.Length + SimdMemory.Padding);
        var layout = new OutputLayout(shape, request);
        float* outputs = _host.Reserve<float>(SimdPart.Outputs, layout.TotalLength);
        int counters = SimdForward.CounterCount(threads);
        new Span<int>(_host.Reserve<int>(SimdPart.Counters, counters), counters).Clear();
        new Span<long>(_host.Reserve<long>(SimdPart.Ticks, threads * OpCount), threads * OpCount).Clear();
        byte* reduced = _host.Reserve<byte>(SimdPart.Reduced, _reduced?.PassLength(shape, request, threads) ?? 1);
        _reduced?.Begin(reduced, shape, request, threads);
        _host.Run(plan);

        for (OutputPart part = 0; part < OutputLayout.Parts; part++)
        {
            if (output[part].Length > 0)
                new Span<float>(outputs + layout.Start(part), output[part].Length).CopyTo(output[part]);
        }
    }

    public override void Dispose()
    {
        _host.Dispose();
        _reduced?.Dispose();
    }

    /// <summary>Converts weights to a reduced precision, for the CPU.</summary>
    /// <param name="device">As for the other.</param>
    /// <param name="weights">The model; not kept.</param>
    /// <param name="kind">The arithmetic of the products.</param>
    /// <param name="bfloat16">
    /// Whether patch embedding and attention are in bfloat16. If not, they are in float32: a processor may have byte
    /// products without it.
    /// </param>
    /// <param name="amx">Whether products are those of AMX.</param>
    /// <exception cref="DinoException">The model's heads do not fit, or the system refuses executable memory.</exception>
    public static SimdExecutor Create(DinoDevice device, VitWeights weights, TileKind kind, bool bfloat16, bool amx)
    {
        RequireHeads(weights.Config);
        weights = weights.FoldLayerScale();
        // What stays in float32, such as a LayerNorm, must be that of the smoothed model too.
        SmoothedWeights? smoothed = kind == TileKind.Int8 ? Smoothing.Apply(weights) : null;
        VitWeights model = smoothed == null ? weights : OutlierOrder.Apply(smoothed.Weights);
        var reduced = new ReducedModel(model, kind, bfloat16, amx, smoothed?.ValueFactors);
        try
        {
            return Create<Float16, ReducedOps>(device, model, SimdWidth.Lanes16, reduced);
        }
        catch
        {
            reduced.Dispose();
            throw;
        }
    }

    private static SimdExecutor Create<TVector>(DinoDevice device, VitWeights weights, SimdWidth width)
        where TVector : unmanaged, IFloatVector<TVector> =>
        Create<TVector, SimdOps<TVector>>(device, weights, width, null);

    private static SimdExecutor Create<TVector, TOps>(DinoDevice device, VitWeights weights, SimdWidth width, ReducedModel? reduced)
        where TVector : unmanaged, IFloatVector<TVector>
        where TOps : struct, IImageOps<TOps>
    {
        // The condition is a constant in a program that is compiled ahead of time, which then has no ILGPU in it.
        SimdHost host = !RuntimeFeature.IsDynamicCodeSupported || device.IsDirect
            ? new ThreadHost<TVector, TOps>(device.DirectThreads)
            : new AcceleratorHost<TVector, TOps>(device.Accelerator);
        try
        {
            return new SimdExecutor(host, width, TVector.TileRows, weights, reduced);
        }
        catch
        {
            host.Dispose();
            throw;
        }
    }

    private IReadOnlyList<OpTime> RunTimed(
        bool fractions, InputTables tables, in VitShape shape, in ForwardRequest request, ForwardOutput output)
    {
        Launch(fractions, tables, shape, request, output, timed: true);
        int threads = _host.Threads;
        var perThread = new ReadOnlySpan<long>(_host.Reserve<long>(SimdPart.Ticks, threads * OpCount), threads * OpCount);
        var sums = new long[OpCount];
        for (int i = 0; i < perThread.Length; i++)
            sums[i % OpCount] += perThread[i];
        return OpTimes(sums, threads, shape, request);
    }

    private void PackWeights(VitWeights weights)
    {
        VitConfig config = weights.Config;
        var layout = new WeightLayout(
            new VitShape(config, config.TrainedImageSize, config.TrainedImageSize), 2 * (int)_width, _reduced == null);
        float* memory = _host.Reserve<float>(SimdPart.Weights, layout.Length + SimdMemory.Padding);
        var packer = new WeightPacker(SimdMemory.Align(memory), layout);
        packer.Pack(weights);
    }

    /// <summary>
    /// The only slot. A pass has every core, so nothing runs beside it, and it is over when its launch returns.
    /// </summary>
    private sealed class Slot(SimdExecutor executor, Preprocessor preprocessor) : BatchSlot
    {
        public override void Stage(IReadOnlyList<RgbImage> images, int first, int count) =>
            executor.Gather(images, first, count, preprocessor);

        public override void Launch(InputTables tables, in VitShape shape, in ForwardRequest request, ForwardOutput output) =>
            executor.Launch(preprocessor.KeepsFractions, tables, shape, request, output, timed: false);

        public override IReadOnlyList<OpTime> RunTimed(
            InputTables tables, in VitShape shape, in ForwardRequest request, ForwardOutput output) =>
            executor.RunTimed(preprocessor.KeepsFractions, tables, shape, request, output);

        public override void Finish()
        {
        }

        public override void Abandon()
        {
        }

        public override void Release()
        {
        }

        public override void Dispose()
        {
        }
    }
}
