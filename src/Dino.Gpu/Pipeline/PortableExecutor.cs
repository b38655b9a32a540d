using System.Diagnostics;
using Dino.Gpu.Devices;
using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Model;
using Dino.Gpu.Ops;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Pipeline;

/// <summary>
/// Runs the model with the portable kernels: the host walks through the forward pass, and every operation is a launch over the whole
/// batch. A row's arithmetic does not depend on the rows beside it, so an image gives the same bytes in any batch.
/// </summary>
internal sealed class PortableExecutor : VitExecutor
{
    private readonly PortableKernels _kernels;
    private readonly PortableWeights _weights;
    private readonly PortableActivations _activations;

    /// <summary>Uploads the weights. The device stays the caller's and has to outlive the executor.</summary>
    /// <exception cref="DinoException">The device is too small for the kernels.</exception>
    public PortableExecutor(DinoDevice device, VitWeights weights)
    {
        _kernels = PortableKernels.Create(device.Accelerator);
        _weights = new PortableWeights(device.Accelerator, weights);
        _activations = new PortableActivations(device.Accelerator);
    }

    public override void Run(ReadOnlySpan<byte> pixels, float[] positions, in VitShape shape, in ForwardRequest request, ForwardOutput output)
    {
        PortableOps ops = Upload(pixels, positions, shape, request, output);
        ForwardPass.Tokens(ref ops, shape, request);
        ForwardPass.ClassTail(ref ops, shape, request);
    }

    public override unsafe IReadOnlyList<OpTime> RunTimed(ReadOnlySpan<byte> pixels, float[] positions, in VitShape shape, in ForwardRequest request, ForwardOutput output)
    {
        long* ticks = stackalloc long[OpCount];
        var ops = new TimedOps<PortableOps>(Upload(pixels, positions, shape, request, output), ticks);
        ops.Synchronize();
        ForwardPass.Tokens(ref ops, shape, request);
        ForwardPass.ClassTail(ref ops, shape, request);
        return OpTimes(new ReadOnlySpan<long>(ticks, OpCount), 1, shape, request);
    }

    public override double MeasurePeak()
    {
        const int Iterations = 4096;
        Accelerator accelerator = _kernels.Accelerator;
        // Enough threads to fill every multiprocessor several times over.
        int threads = accelerator.NumMultiprocessors * Math.Max(accelerator.MaxNumThreadsPerMultiprocessor, 256) * 4;
        var kernel = accelerator.LoadAutoGroupedStreamKernel<Index1D, int, ArrayView<float>>(Peak.Kernel);
        using MemoryBuffer1D<float, Stride1D.Dense> values = accelerator.Allocate1D<float>(threads);
        values.MemSetToZero();
        accelerator.Synchronize();
        double best = double.MaxValue;
        for (int round = 0; round < 4; round++)
        {
            long start = Stopwatch.GetTimestamp();
            kernel(threads, Iterations, values.View);
            accelerator.Synchronize();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return threads * Peak.Operations(Iterations) / best;
    }

    public override void ReleaseActivations() => _activations.Release();

    public override void Dispose()
    {
        _activations.Dispose();
        _weights.Dispose();
    }

    private PortableOps Upload(ReadOnlySpan<byte> pixels, float[] positions, in VitShape shape, in ForwardRequest request, ForwardOutput output)
    {
        long pixelLength = 3L * request.Batch * shape.InputWidth * shape.InputHeight;
        if (pixels.Length != pixelLength)
            throw new ArgumentException($"{request.Batch} images of {shape.InputWidth}x{shape.InputHeight} have {pixelLength} bytes, got {pixels.Length}.", nameof(pixels));
        if (positions.Length != shape.TokenCount * shape.HiddenSize)
            throw new ArgumentException($"The position table is ({shape.TokenCount}, {shape.HiddenSize}), got {positions.Length} values.", nameof(positions));
        _activations.Upload(pixels, positions, shape, request);
        return new PortableOps(_kernels, _weights, _activations, shape, request, output);
    }
}
