using Dino.Gpu.Kernels;
using Dino.Gpu.Kernels.Portable;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Ops.Portable;

/// <summary>
/// The kernels of a linear classifier's training, held here because ILGPU's own cache forgets delegates that nobody
/// holds.
/// </summary>
internal sealed class PortableProbe
{
    private readonly PortableKernels _kernels;
    private readonly Action<Index1D, ArrayView<float>, ArrayView<int>, ProbeShape, ArrayView<float>, ArrayView<float>> _gather;
    private readonly Action<
        KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<int>, ProbeShape, ArrayView<float>, ArrayView<float>> _gradient;
    private readonly Action<
        Index1D, ArrayView<float>, ArrayView<float>, ProbeShape, float, float, float, ArrayView<float>, ArrayView<float>> _update;

    public PortableProbe(PortableKernels kernels)
    {
        _kernels = kernels;
        Accelerator accelerator = kernels.Accelerator;
        _gather = accelerator.LoadImplicitlyGroupedStreamKernel<
            Index1D, ArrayView<float>, ArrayView<int>, ProbeShape, ArrayView<float>, ArrayView<float>>(
                Probe.GatherKernel, kernels.LinearGroup);
        _gradient = kernels.RowGroup.X switch
        {
            32 => LoadGradient<Rows8x32>(accelerator),
            16 => LoadGradient<Rows4x16>(accelerator),
            _ => LoadGradient<Rows4x4>(accelerator),
        };
        _update = accelerator.LoadImplicitlyGroupedStreamKernel<
            Index1D, ArrayView<float>, ArrayView<float>, ProbeShape, float, float, float, ArrayView<float>, ArrayView<float>>(
                Probe.UpdateKernel, kernels.LinearGroup);
    }

    /// <summary>Launches <see cref="Probe.GatherKernel"/>.</summary>
    public void Gather(
        ArrayView<float> vectors, ArrayView<int> order, ProbeShape shape, ArrayView<float> batch, ArrayView<float> transposed) =>
        _gather(checked(shape.Count * shape.Dimension), vectors, order, shape, batch, transposed);

    /// <summary>Launches <see cref="Probe.GradientKernel"/>.</summary>
    public void Gradient(
        ArrayView<float> logits, ArrayView<int> labels, ArrayView<int> order, ProbeShape shape, ArrayView<float> gradient,
        ArrayView<float> outcomes) =>
        _gradient(_kernels.RowConfig(shape.Count), logits, labels, order, shape, gradient, outcomes);

    /// <summary>Launches <see cref="Probe.UpdateKernel"/>.</summary>
    public void Update(
        ArrayView<float> weightGradient, ArrayView<float> gradient, ProbeShape shape, ProbeStep step, ArrayView<float> parameters,
        ArrayView<float> velocity) =>
        _update(
            checked(shape.ClassCount * (shape.Dimension + 1)),
            weightGradient,
            gradient,
            shape,
            step.LearningRate,
            step.Momentum,
            step.WeightDecay,
            parameters,
            velocity);

    private static Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<int>, ProbeShape, ArrayView<float>, ArrayView<float>>
        LoadGradient<TRows>(Accelerator accelerator)
        where TRows : struct, IRowShape =>
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<int>, ArrayView<int>, ProbeShape, ArrayView<float>, ArrayView<float>>(
            Probe.GradientKernel<TRows>);
}
