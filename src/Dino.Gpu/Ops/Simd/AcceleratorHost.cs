using System.Runtime.CompilerServices;
using Dino.Gpu.Kernels.Simd;
using Dino.Gpu.Ops.Device;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Ops.Simd;

/// <summary>ILGPU's CPU accelerator: one launch for a pass, one group of one thread for each multiprocessor.</summary>
/// <typeparam name="TVector">Vector registers.</typeparam>
/// <typeparam name="TOps">The operations of a pass.</typeparam>
internal sealed unsafe class AcceleratorHost<TVector, TOps> : SimdHost
    where TVector : unmanaged, IFloatVector<TVector>
    where TOps : struct, IImageOps<TOps>
{
    private readonly Accelerator _accelerator;
    private readonly Kernel _kernel;
    private readonly Action<KernelConfig, ArrayView<float>, int> _peak;
    private readonly GrowingBuffer<byte>[] _buffers;
    private readonly ArrayView<byte>[] _views = new ArrayView<byte>[Parts];

    /// <param name="accelerator">A CPU accelerator with a multiprocessor for each thread; not owned.</param>
    public AcceleratorHost(Accelerator accelerator)
    {
        _accelerator = accelerator;
        _kernel = accelerator.LoadStreamKernel<
            ArrayView<byte>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
            ArrayView<int>, ArrayView<long>, ArrayView<byte>, SimdPlan>(SimdForward.Kernel<TOps>).Invoke;
        _peak = accelerator.LoadStreamKernel<ArrayView<float>, int>(Peak.Kernel<TVector>);
        _buffers = [.. Enumerable.Range(0, Parts).Select(_ => new GrowingBuffer<byte>(accelerator))];
        for (int i = 0; i < Parts; i++)
            _views[i] = _buffers[i].Reserve(sizeof(long));
    }

    private delegate void Kernel(
        KernelConfig config,
        ArrayView<byte> pixels,
        ArrayView<float> pixelTable,
        ArrayView<float> weights,
        ArrayView<float> start,
        ArrayView<float> rotation,
        ArrayView<float> workspace,
        ArrayView<float> outputs,
        ArrayView<int> counters,
        ArrayView<long> ticks,
        ArrayView<byte> reduced,
        SimdPlan plan);

    public override int Threads => _accelerator.NumMultiprocessors;

    public override void Run(in SimdPlan plan)
    {
        _kernel(
            new KernelConfig(Threads, 1), _views[(int)SimdPart.Pixels], View<float>(SimdPart.PixelTable), View<float>(SimdPart.Weights),
            View<float>(SimdPart.Start), View<float>(SimdPart.Rotation), View<float>(SimdPart.Workspace), View<float>(SimdPart.Outputs),
            View<int>(SimdPart.Counters), View<long>(SimdPart.Ticks), _views[(int)SimdPart.Reduced], plan);
        _accelerator.Synchronize();
    }

    public override void RunPeak(int iterations)
    {
        using MemoryBuffer1D<float, Stride1D.Dense> results = _accelerator.Allocate1D<float>(Threads);
        results.MemSetToZero();
        _peak(new KernelConfig(Threads, 1), results.View, iterations);
        _accelerator.Synchronize();
    }

    public override void Dispose()
    {
        foreach (GrowingBuffer<byte> buffer in _buffers)
            buffer.Dispose();
    }

    protected override byte* Reserve(SimdPart part, long bytes)
    {
        ArrayView<byte> view = _buffers[(int)part].Reserve(bytes);
        _views[(int)part] = view;
        return (byte*)Unsafe.AsPointer(ref view[0]); // unmanaged memory: it does not move
    }

    private ArrayView<T> View<T>(SimdPart part)
        where T : unmanaged => _views[(int)part].Cast<T>();
}
