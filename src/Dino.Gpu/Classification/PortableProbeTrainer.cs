using Dino.Gpu.Devices;
using Dino.Gpu.Kernels;
using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Ops.Portable;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Classification;

/// <summary>
/// Trains with the portable kernels. A step is five launches: gather, logits, gradient of the logits, gradient of the
/// weights, update.
/// </summary>
internal sealed class PortableProbeTrainer : ProbeTrainer
{
    private readonly PortableKernels _kernels;
    private readonly PortableProbe _probe;
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _parameters; // (classes, dimension): weights, then (classes): biases
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _velocity; // laid out as the parameters
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _weightGradient; // (classes, dimension)
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _zeros; // (dimension): the second product has no bias
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _batch; // (batch, dimension)
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _transposed; // (dimension, batch)
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _logits; // (batch, classes)
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _gradient; // (classes, batch)
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _bias; // (classes): a copy whose start is aligned

    /// <summary>Makes a trainer with all parameters 0. The caller owns the accelerator.</summary>
    /// <exception cref="DinoException">The device is too small for the kernels.</exception>
    public PortableProbeTrainer(Accelerator accelerator, int dimension, int classCount, int batchSize)
        : this(accelerator, PortableKernels.Create(accelerator), dimension, classCount, batchSize)
    {
    }

    /// <summary>Makes a trainer with the caller's kernels.</summary>
    public PortableProbeTrainer(Accelerator accelerator, PortableKernels kernels, int dimension, int classCount, int batchSize)
        : base(dimension, classCount, batchSize)
    {
        Accelerator = accelerator;
        _kernels = kernels;
        _probe = new PortableProbe(kernels);
        int weights = checked(classCount * dimension);
        _parameters = Allocate(weights + classCount);
        _velocity = Allocate(weights + classCount);
        _weightGradient = Allocate(weights);
        _zeros = Allocate(dimension);
        _batch = Allocate((long)batchSize * dimension);
        _transposed = Allocate((long)batchSize * dimension);
        _logits = Allocate((long)batchSize * classCount);
        _gradient = Allocate((long)batchSize * classCount);
        _bias = Allocate(classCount);
    }

    protected override Accelerator Accelerator { get; }

    public override ProbeExamples Load(ReadOnlyMemory<float> values, ReadOnlySpan<int> labels) => new(Accelerator, values, labels);

    public override void Write(ReadOnlySpan<float> weight, ReadOnlySpan<float> bias)
    {
        _parameters.CopyFromCPU([.. weight, .. bias]);
        _velocity.MemSetToZero();
        Accelerator.Synchronize();
    }

    public override void Read(Span<float> weight, Span<float> bias)
    {
        float[] parameters = _parameters.GetAsArray1D();
        parameters.AsSpan(0, weight.Length).CopyTo(weight);
        parameters.AsSpan(weight.Length).CopyTo(bias);
    }

    public override void Dispose() => DeviceResources.Free(
        _parameters, _velocity, _weightGradient, _zeros, _batch, _transposed, _logits, _gradient, _bias);

    protected override void Launch(ProbeExamples examples, int first, int count, ProbeStep? step, ArrayView<float> scores)
    {
        int end = first + count;
        for (int place = first; place < end; place += BatchSize)
        {
            var shape = new ProbeShape(place, Math.Min(BatchSize, end - place), Dimension, ClassCount);
            _probe.Gather(examples.Values, examples.Order.View, shape, _batch.View, _transposed.View);
            _parameters.View.SubView(ClassCount * Dimension, ClassCount).CopyTo(_bias.View);
            GemmShape logits = Product(shape.Count, ClassCount, Dimension);
            _kernels.Linear<StoreEpilogue>(_batch.View, _parameters.View, _bias.View, logits, _logits.View); // X W^T + bias
            if (scores.Length > 0)
            {
                long length = (long)shape.Count * ClassCount;
                _logits.View.SubView(0, length).AsContiguous().CopyTo(scores.SubView((long)place * ClassCount, length));
            }

            _probe.Gradient(_logits.View, examples.Labels.View, examples.Order.View, shape, _gradient.View, examples.Outcomes.View);
            if (step is not { } how)
                continue;
            GemmShape gradient = Product(ClassCount, Dimension, shape.Count);
            _kernels.Linear<StoreEpilogue>(_gradient.View, _transposed.View, _zeros.View, gradient, _weightGradient.View); // G^T X
            _probe.Update(_weightGradient.View, _gradient.View, shape, how, _parameters.View, _velocity.View);
        }
    }

    private static GemmShape Product(int rows, int columns, int depth) => new(rows, columns, depth, depth, columns, RowMap.Dense);

    private MemoryBuffer1D<float, Stride1D.Dense> Allocate(long length)
    {
        MemoryBuffer1D<float, Stride1D.Dense> buffer = Accelerator.Allocate1D<float>(length);
        buffer.MemSetToZero();
        return buffer;
    }
}
