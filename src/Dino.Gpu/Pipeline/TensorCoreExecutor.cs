using Dino.Gpu.Devices;
using Dino.Gpu.Kernels.TensorCore;
using Dino.Gpu.Kernels.Warpgroup;
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
    /// Converts and uploads the weights. The caller owns the device, which must outlive the executor.
    /// </summary>
    /// <param name="device">The device.</param>
    /// <param name="weights">The model.</param>
    /// <param name="precision">The format of the products.</param>
    /// <param name="warning">Receives one line if the device does not run the products that were written for it.</param>
    /// <exception cref="DinoException">The device or the model does not suit tensor cores.</exception>
    public static VitExecutor Create(DinoDevice device, VitWeights weights, Precision precision, Action<string>? warning = null)
    {
        PrecisionSupport.Require(device.Info, precision);
        RequireSizes(weights.Config, precision);
        return precision switch
        {
            Precision.BFloat16 => new TensorCoreExecutor<BFloat16Format>(device, weights, OpenWarpgroups()),
            Precision.Float16 => new TensorCoreExecutor<Float16Format>(device, weights, OpenWarpgroups()),
            Precision.TensorFloat32 => new TensorCoreExecutor<TensorFloat32Format>(device, weights, null),
            _ => throw new ArgumentOutOfRangeException(nameof(precision), precision, "Not a tensor-core precision."),
        };

        WarpgroupProducts? OpenWarpgroups() => WarpgroupProducts.TryOpen(device, precision, reason => warning?.Invoke(
            $"{device.Info.Id} ({device.Info.Name}) cannot use its own products: {reason}; "
                + "it computes with those of 8.0, which are slower"));
    }

    /// <summary>
    /// Every ViT of the family has tokens of whole slices. Patches and the MLP's hidden layer are filled up with zeros
    /// where they have not.
    /// </summary>
    /// <exception cref="DinoException">The hidden size is not a multiple of 32.</exception>
    internal static void RequireSizes(VitConfig config, Precision precision)
    {
        if (config.HiddenSize % TensorCoreActivations.SizeMultiple != 0)
        {
            throw new DeviceException(
                $"{PrecisionSupport.NameOf(precision)} needs a model whose hidden size is a multiple of "
                + $"{TensorCoreActivations.SizeMultiple} (found {config.HiddenSize})",
                "use fp32");
        }
    }
}

/// <inheritdoc cref="TensorCoreExecutor"/>
internal sealed class TensorCoreExecutor<TFormat> : GpuExecutor<TensorCoreOps<TFormat>>
    where TFormat : struct, ITensorFormat
{
    private readonly WarpgroupProducts? _warpgroups; // owned
    private readonly TensorCoreKernels<TFormat> _kernels;
    private readonly PortableKernels _portable;
    private readonly TensorCoreWeights<TFormat> _weights;
    private readonly TensorCoreActivations _activations;

    internal TensorCoreExecutor(DinoDevice device, VitWeights weights, WarpgroupProducts? warpgroups)
        : base(device.Accelerator)
    {
        _warpgroups = warpgroups;
        _kernels = new TensorCoreKernels<TFormat>(Accelerator, warpgroups);
        _portable = PortableKernels.Create(Accelerator);
        _weights = new TensorCoreWeights<TFormat>(Accelerator, weights);
        _activations = new TensorCoreActivations(Accelerator, TFormat.ElementSize);
    }

    protected override DeviceActivations Activations => _activations;

    /// <summary>
    /// Measures products in the format with operands in registers, or in shared memory where products use wgmma.
    /// </summary>
    public override double MeasurePeak()
    {
        int groups = Accelerator.NumMultiprocessors * 16;
        return BestRate(Operations, iterations =>
        {
            if (_warpgroups is not null)
                _warpgroups.Peak(groups, iterations);
            else
                _kernels.Peak(groups, iterations);
            Accelerator.Synchronize();
        });

        double Operations(int iterations) =>
            groups * (_warpgroups is null ? TensorPeak.Operations<TFormat>(iterations) : PeakText.Operations(iterations));
    }

    public override void Dispose()
    {
        _activations.Dispose();
        _weights.Dispose();
        _warpgroups?.Dispose();
    }

    protected override TensorCoreOps<TFormat> Prepare(
        in PassInput input, in VitShape shape, in ForwardRequest request, ForwardOutput output)
    {
        _activations.Reserve(input, shape, request, TensorCoreOps<TFormat>.UsesFloatAttention(shape, request));
        return new TensorCoreOps<TFormat>(_kernels, _portable, _weights, _activations, shape, request, output);
    }
}
