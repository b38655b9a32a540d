using Dino.Gpu.Devices;
using Dino.Gpu.Kernels.TensorCore;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Ops.Portable;
using Dino.Gpu.Ops.TensorCore;
using Dino.Gpu.Vit;
using ILGPU.Runtime;

namespace Dino.Gpu.Pipeline;

/// <summary>Runs the model with its matrix products on tensor cores.</summary>
internal static class TensorCoreExecutor
{
    /// <summary>
    /// Rows of a product are multiples of 64 bytes: 32 values of 16 bits. Every DINO ViT has such rows: 384 or 768
    /// hidden, 192 or 768 values of a patch.
    /// </summary>
    private const int SizeMultiple = 32;

    /// <summary>
    /// Converts and uploads the weights. The caller owns the device, which must outlive the executor.
    /// </summary>
    /// <exception cref="DinoException">The device or the model does not suit tensor cores.</exception>
    public static VitExecutor Create(DinoDevice device, VitWeights weights, Precision precision)
    {
        PrecisionSupport.Require(device.Info, precision);
        RequireSizes(weights.Config, precision);
        return precision switch
        {
            Precision.BFloat16 => new TensorCoreExecutor<BFloat16Format>(device, weights),
            Precision.Float16 => new TensorCoreExecutor<Float16Format>(device, weights),
            Precision.TensorFloat32 => new TensorCoreExecutor<TensorFloat32Format>(device, weights),
            _ => throw new ArgumentOutOfRangeException(nameof(precision), precision, "Not a tensor-core precision."),
        };
    }

    /// <exception cref="DinoException">A size of the model is not a multiple of 32.</exception>
    internal static void RequireSizes(VitConfig config, Precision precision)
    {
        int patchLength = 3 * config.PatchSize * config.PatchSize;
        if (config.HiddenSize % SizeMultiple != 0 || config.MlpSize % SizeMultiple != 0 || patchLength % SizeMultiple != 0)
        {
            throw new DeviceException(
                $"{PrecisionSupport.NameOf(precision)} needs a model whose hidden, MLP and patch sizes are multiples of {SizeMultiple} "
                + $"(found {config.HiddenSize}, {config.MlpSize} and {patchLength})",
                "use fp32");
        }
    }
}

/// <inheritdoc cref="TensorCoreExecutor"/>
internal sealed class TensorCoreExecutor<TFormat> : GpuExecutor<TensorCoreOps<TFormat>>
    where TFormat : struct, ITensorFormat
{
    private readonly TensorCoreKernels<TFormat> _kernels;
    private readonly PortableKernels _portable;
    private readonly TensorCoreWeights<TFormat> _weights;
    private readonly TensorCoreActivations _activations;

    internal TensorCoreExecutor(DinoDevice device, VitWeights weights)
        : base(device.Accelerator)
    {
        _kernels = new TensorCoreKernels<TFormat>(Accelerator);
        _portable = PortableKernels.Create(Accelerator);
        _weights = new TensorCoreWeights<TFormat>(Accelerator, weights);
        _activations = new TensorCoreActivations(Accelerator, TFormat.ElementSize);
    }

    protected override DeviceActivations Activations => _activations;

    /// <summary>Measures products in the format, in registers.</summary>
    public override double MeasurePeak()
    {
        const int Iterations = 4096;
        int groups = Accelerator.NumMultiprocessors * 16;
        double best = BestSeconds(rounds: 4, () =>
        {
            _kernels.Peak(groups, Iterations);
            Accelerator.Synchronize();
        });
        return groups * TensorPeak.Operations<TFormat>(Iterations) / best;
    }

    public override void Dispose()
    {
        _activations.Dispose();
        _weights.Dispose();
    }

    protected override TensorCoreOps<TFormat> Prepare(
        in PassInput input, in VitShape shape, in ForwardRequest request, ForwardOutput output)
    {
        _activations.Reserve(input, shape, request, TensorCoreOps<TFormat>.UsesFloatAttention(shape, request));
        return new TensorCoreOps<TFormat>(_kernels, _portable, _weights, _activations, shape, request, output);
    }
}
