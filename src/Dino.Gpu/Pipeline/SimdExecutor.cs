using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Kernels.Generated;
using Dino.Gpu.Kernels.Simd;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Ops.Generated;
using Dino.Gpu.Ops.Simd;
using Dino.Gpu.Vit;
using ILGPU;
using ILGPU.Runtime;

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

/// <summary>Runs a model on the CPU accelerator: one launch of <see cref="SimdForward"/> for each batch.</summary>
internal sealed class SimdExecutor : VitExecutor
{
    private readonly Accelerator _accelerator;
    private readonly SimdWidth _width;
    private readonly int _tileRows;
    private readonly Kernel _kernel;
    private readonly Action<KernelConfig, ArrayView<float>, int> _peakKernel;
    private readonly ReducedModel? _reduced;
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _weights;
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _pixelTable;
    private readonly MemoryBuffer1D<int, Stride1D.Dense> _counters;
    private readonly MemoryBuffer1D<long, Stride1D.Dense> _ticks;
    private readonly GrowingBuffer<byte> _pixels;
    private readonly GrowingBuffer<float> _positions;
    private readonly GrowingBuffer<float> _workspace;
    private readonly GrowingBuffer<float> _outputs;
    private readonly GrowingBuffer<byte> _reducedPass;

    private SimdExecutor(
        Accelerator accelerator, SimdWidth width, int tileRows, Kernel kernel,
        Action<KernelConfig, ArrayView<float>, int> peakKernel, VitWeights weights, ReducedModel? reduced)
    {
        _accelerator = accelerator;
        _width = width;
        _tileRows = tileRows;
        _kernel = kernel;
        _peakKernel = peakKernel;
        _reduced = reduced;
        _weights = PackWeights(weights);
        _pixelTable = accelerator.Allocate1D(weights.PixelTable());
        _counters = accelerator.Allocate1D<int>(SimdForward.CounterCount(accelerator.NumMultiprocessors));
        _ticks = accelerator.Allocate1D<long>(accelerator.NumMultiprocessors * OpCount);
        _pixels = new GrowingBuffer<byte>(accelerator);
        _positions = new GrowingBuffer<float>(accelerator);
        _workspace = new GrowingBuffer<float>(accelerator);
        _outputs = new GrowingBuffer<float>(accelerator);
        _reducedPass = new GrowingBuffer<byte>(accelerator);
    }

    private delegate void Kernel(
        KernelConfig config,
        ArrayView<byte> pixels,
        ArrayView<float> pixelTable,
        ArrayView<float> weights,
        ArrayView<float> positions,
        ArrayView<float> workspace,
        ArrayView<float> outputs,
        ArrayView<int> counters,
        ArrayView<long> ticks,
        ArrayView<byte> reduced,
        SimdPlan plan);

    /// <summary>The widest registers of this machine.</summary>
    public static SimdWidth BestWidth => OfBits(CpuVectors.Widest);

    /// <summary>Registers of a width in bits, as <see cref="CpuVectors.Choose"/> returns it.</summary>
    public static SimdWidth OfBits(int bits) => (SimdWidth)(bits / 32);

    /// <summary>
    /// Packs weights for the CPU accelerator. The caller owns the accelerator, which must outlive the executor.
    /// </summary>
    /// <param name="accelerator">A CPU accelerator with one multiprocessor per thread.</param>
    /// <param name="weights">The model; copied.</param>
    /// <param name="width">Register width; null for <see cref="BestWidth"/>.</param>
    /// <exception cref="DinoException">The model's heads do not fit this family.</exception>
    public static SimdExecutor Create(Accelerator accelerator, VitWeights weights, SimdWidth? width = null)
    {
        RequireHeads(weights.Config);
        return (width ?? BestWidth) switch
        {
            SimdWidth.Lanes16 => Create<Float16>(accelerator, weights, SimdWidth.Lanes16),
            SimdWidth.Lanes8 => Create<Float8>(accelerator, weights, SimdWidth.Lanes8),
            _ => Create<Float4>(accelerator, weights, SimdWidth.Lanes4),
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

    public override BatchSlot CreateSlot(Preprocessor preprocessor) => new Slot(this, 3 * preprocessor.Width * preprocessor.Height);

    public override double MeasurePeak()
    {
        const int Iterations = 5_000_000;
        int threads = _accelerator.NumMultiprocessors;
        if (_reduced != null)
            return _reduced.PeakOperations * threads / BestSeconds(rounds: 12, () => _reduced.RunPeak(threads));
        using MemoryBuffer1D<float, Stride1D.Dense> results = _accelerator.Allocate1D<float>(threads);
        results.MemSetToZero();
        double best = BestSeconds(rounds: 12, () =>
        {
            _peakKernel(new KernelConfig(threads, 1), results.View, Iterations);
            _accelerator.Synchronize();
        });
        return threads * Peak.Operations(Iterations, (int)_width) / best;
    }

    /// <summary>Copies the pictures of a batch into one buffer.</summary>
    private ArrayView<byte> Gather(IReadOnlyList<RgbImage> images, int first, int count, int imageLength)
    {
        ArrayView<byte> pixels = _pixels.Reserve((long)count * imageLength); // (images, height, width, 3)
        for (int i = 0; i < count; i++)
            pixels.SubView((long)i * imageLength, imageLength).CopyFromCPU(images[first + i].Pixels);
        return pixels;
    }

    private void Launch(
        ArrayView<byte> pixels, float[] positions, in VitShape shape, in ForwardRequest request, ForwardOutput output, bool timed)
    {
        int threads = _accelerator.NumMultiprocessors;
        int panelWidth = 2 * (int)_width;
        var workspace = new WorkspaceLayout(shape, request, threads, panelWidth, _tileRows);
        var plan = new SimdPlan(shape, request, new WeightLayout(shape, panelWidth, _reduced == null), workspace, threads, timed);

        ArrayView<float> positionView = _positions.Reserve(positions.Length);
        positionView.CopyFromCPU(positions);
        ArrayView<float> workspaceView = _workspace.Reserve(workspace.Length + SimdMemory.Padding);
        var layout = new OutputLayout(shape, request);
        ArrayView<float> outputs = _outputs.Reserve(layout.TotalLength);
        _counters.MemSetToZero();
        ArrayView<byte> reduced = _reducedPass.Reserve(_reduced?.PassLength(shape, request, threads) ?? 1);
        _reduced?.Begin(reduced, shape, request, threads);

        _kernel(
            new KernelConfig(threads, 1), pixels, _pixelTable.View, _weights.View, positionView, workspaceView, outputs,
            _counters.View, _ticks.View, reduced, plan);
        _accelerator.Synchronize();

        for (OutputPart part = 0; part < OutputLayout.Parts; part++)
        {
            if (output[part].Length > 0)
                outputs.SubView(layout.Start(part), output[part].Length).CopyToCPU(output[part]);
        }
    }

    public override void Dispose()
    {
        _weights.Dispose();
        _pixelTable.Dispose();
        _counters.Dispose();
        _ticks.Dispose();
        _pixels.Dispose();
        _positions.Dispose();
        _workspace.Dispose();
        _outputs.Dispose();
        _reducedPass.Dispose();
        _reduced?.Dispose();
    }

    /// <summary>Converts weights to a reduced precision, for the CPU accelerator.</summary>
    /// <param name="accelerator">As for the other.</param>
    /// <param name="weights">The model; not kept.</param>
    /// <param name="kind">The arithmetic of the products.</param>
    /// <param name="bfloat16">
    /// Whether patch embedding and attention are in bfloat16. If not, they are in float32: a processor may have byte
    /// products without it.
    /// </param>
    /// <param name="amx">Whether products are those of AMX.</param>
    /// <exception cref="DinoException">The model's heads do not fit, or the system refuses executable memory.</exception>
    public static SimdExecutor Create(Accelerator accelerator, VitWeights weights, TileKind kind, bool bfloat16, bool amx)
    {
        RequireHeads(weights.Config);
        // What stays in float32, such as a LayerNorm, must be that of the smoothed model too.
        SmoothedWeights? smoothed = kind == TileKind.Int8 ? Smoothing.Apply(weights) : null;
        VitWeights model = smoothed == null ? weights : OutlierOrder.Apply(smoothed.Weights);
        var reduced = new ReducedModel(model, kind, bfloat16, amx, smoothed?.ValueFactors);
        try
        {
            return Create<Float16, ReducedOps>(accelerator, model, SimdWidth.Lanes16, reduced);
        }
        catch
        {
            reduced.Dispose();
            throw;
        }
    }

    private static SimdExecutor Create<TVector>(Accelerator accelerator, VitWeights weights, SimdWidth width)
        where TVector : unmanaged, IFloatVector<TVector> =>
        Create<TVector, SimdOps<TVector>>(accelerator, weights, width, null);

    private static SimdExecutor Create<TVector, TOps>(
        Accelerator accelerator, VitWeights weights, SimdWidth width, ReducedModel? reduced)
        where TVector : unmanaged, IFloatVector<TVector>
        where TOps : struct, IImageOps<TOps>
    {
        var kernel = accelerator.LoadStreamKernel<
            ArrayView<byte>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
            ArrayView<int>, ArrayView<long>, ArrayView<byte>, SimdPlan>(SimdForward.Kernel<TOps>);
        var peakKernel = accelerator.LoadStreamKernel<ArrayView<float>, int>(Peak.Kernel<TVector>);
        return new SimdExecutor(accelerator, width, TVector.TileRows, kernel.Invoke, peakKernel, weights, reduced);
    }

    private IReadOnlyList<OpTime> RunTimed(
        ArrayView<byte> pixels, float[] positions, in VitShape shape, in ForwardRequest request, ForwardOutput output)
    {
        _ticks.MemSetToZero();
        Launch(pixels, positions, shape, request, output, timed: true);
        long[] perThread = _ticks.GetAsArray1D();
        var sums = new long[OpCount];
        for (int i = 0; i < perThread.Length; i++)
            sums[i % OpCount] += perThread[i];
        return OpTimes(sums, _accelerator.NumMultiprocessors, shape, request);
    }

    private unsafe MemoryBuffer1D<float, Stride1D.Dense> PackWeights(VitWeights weights)
    {
        VitConfig config = weights.Config;
        var layout = new WeightLayout(
            new VitShape(config, config.TrainedImageSize, config.TrainedImageSize), 2 * (int)_width, _reduced == null);
        MemoryBuffer1D<float, Stride1D.Dense> buffer = _accelerator.Allocate1D<float>(layout.Length + SimdMemory.Padding);
        var packer = new WeightPacker(SimdMemory.Align((float*)buffer.NativePtr), layout);
        packer.Pack(weights);
        return buffer;
    }

    /// <summary>
    /// The only slot. A pass has every core, so nothing runs beside it, and it is over when its launch returns.
    /// </summary>
    private sealed class Slot(SimdExecutor executor, int imageLength) : BatchSlot
    {
        private ArrayView<byte> _staged; // (images, height, width, 3)

        public override void Stage(IReadOnlyList<RgbImage> images, int first, int count) =>
            _staged = executor.Gather(images, first, count, imageLength);

        public override void Launch(float[] positions, in VitShape shape, in ForwardRequest request, ForwardOutput output) =>
            executor.Launch(_staged, positions, shape, request, output, timed: false);

        public override IReadOnlyList<OpTime> RunTimed(
            float[] positions, in VitShape shape, in ForwardRequest request, ForwardOutput output) =>
            executor.RunTimed(_staged, positions, shape, request, output);

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
