using Dino.Gpu.Devices;
using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Ops.Portable;
using Dino.Gpu.Vit;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Pipeline;

/// <summary>
/// Runs the model with the portable kernels. The arithmetic of a row does not depend on the rows beside it, so an image
/// gives the same bytes in any batch.
/// </summary>
internal sealed class PortableExecutor : GpuExecutor<PortableOps>
{
    private readonly PortableKernels _kernels;
    private readonly PortableWeights _weights;
    private readonly PortableActivations _activations;

    /// <summary>Uploads the weights. The caller owns the device, which must outlive the executor.</summary>
    /// <exception cref="DinoException">The device is too small for the kernels.</exception>
    public PortableExecutor(DinoDevice device, VitWeights weights)
        : base(device.Accelerator)
    {
        _kernels = PortableKernels.Create(device.Accelerator);
        _weights = new PortableWeights(device.Accelerator, weights);
        _activations = new PortableActivations(device.Accelerator);
    }

    protected override DeviceActivations Activations => _activations;

    public override double MeasurePeak()
    {
        // Enough threads to fill every multiprocessor several times.
        int threads = Accelerator.NumMultiprocessors * Math.Max(Accelerator.MaxNumThreadsPerMultiprocessor, 256) * 4;
        var kernel = Accelerator.LoadAutoGroupedStreamKernel<Index1D, int, ArrayView<float>>(Peak.Kernel);
        using MemoryBuffer1D<float, Stride1D.Dense> values = Accelerator.Allocate1D<float>(threads);
        values.MemSetToZero();
        Accelerator.Synchronize();
        return BestRate(iterations => threads * Peak.Operations(iterations), iterations =>
        {
            kernel(threads, iterations, values.View);
            Accelerator.Synchronize();
        });
    }

    public override void Dispose()
    {
        _activations.Dispose();
        _weights.Dispose();
    }

    protected override PortableOps Prepare(in PassInput input, in VitShape shape, in ForwardRequest request, ForwardOutput output)
    {
        _activations.Reserve(input, shape, request);
        return new PortableOps(_kernels, _weights, _activations, shape, request, output);
    }
}
