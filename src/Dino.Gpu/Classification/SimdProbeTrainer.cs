using Dino.Gpu.Kernels;
using Dino.Gpu.Kernels.Simd;
using Dino.Gpu.Pipeline;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Classification;

/// <summary>Trains with <see cref="Probe"/>: one launch runs many steps.</summary>
internal sealed class SimdProbeTrainer : ProbeTrainer
{
    /// <summary>
    /// The operations of a step that make another thread worth its three barriers: about 20 microseconds.
    /// </summary>
    private const double OperationsPerThread = 4e6;

    private readonly Kernel _kernel;
    private readonly int _threads;
    private readonly ProbeLayout _layout;
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _parameters;
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _momentum;
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _workspace;
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _noScores;
    private readonly MemoryBuffer1D<int, Stride1D.Dense> _counter;

    private SimdProbeTrainer(Accelerator accelerator, Kernel kernel, ProbeLayout layout, int? threads)
        : base(layout.Dimension, layout.ClassCount, layout.BatchSize)
    {
        Accelerator = accelerator;
        _kernel = kernel;
        _layout = layout;
        _threads = Math.Clamp(threads ?? (int)(StepOperations / OperationsPerThread), 1, accelerator.NumMultiprocessors);
        _parameters = Allocate(layout.ParameterLength);
        _momentum = Allocate(layout.ParameterLength);
        _workspace = Allocate(layout.WorkspaceLength);
        _noScores = accelerator.Allocate1D<float>(1);
        _counter = accelerator.Allocate1D<int>(Team.CounterStride);
    }

    private delegate void Kernel(
        KernelConfig config,
        ArrayView<float> vectors,
        ArrayView<int> labels,
        ArrayView<int> order,
        ArrayView<float> parameters,
        ArrayView<float> momentum,
        ArrayView<float> workspace,
        ArrayView<float> outcomes,
        ArrayView<float> scores,
        ArrayView<int> counter,
        ProbePlan plan);

    protected override Accelerator Accelerator { get; }

    /// <summary>Makes a trainer with all parameters 0. The caller owns the accelerator.</summary>
    /// <param name="accelerator">A CPU accelerator with one multiprocessor a thread.</param>
    /// <param name="dimension">Values of an example.</param>
    /// <param name="classCount">Classes.</param>
    /// <param name="batchSize">Most examples of a step.</param>
    /// <param name="width">Register width; null for the widest.</param>
    /// <param name="threads">Threads of a launch; null for as many as a step keeps busy. Never changes a byte.</param>
    public static SimdProbeTrainer Create(
        Accelerator accelerator, int dimension, int classCount, int batchSize, SimdWidth? width = null, int? threads = null) =>
        (width ?? SimdExecutor.BestWidth) switch
        {
            SimdWidth.Lanes16 => Create<Float16>(accelerator, dimension, classCount, batchSize, threads),
            SimdWidth.Lanes8 => Create<Float8>(accelerator, dimension, classCount, batchSize, threads),
            _ => Create<Float4>(accelerator, dimension, classCount, batchSize, threads),
        };

    public override ProbeExamples Load(ReadOnlyMemory<float> values, ReadOnlySpan<int> labels) => new(Accelerator, values, labels);

    public override unsafe void Write(ReadOnlySpan<float> weight, ReadOnlySpan<float> bias)
    {
        _parameters.MemSetToZero();
        _momentum.MemSetToZero();
        Accelerator.Synchronize();
        float* parameters = SimdMemory.Align((float*)_parameters.NativePtr);
        for (int label = 0; label < ClassCount; label++)
        {
            parameters[label] = bias[label];
            for (int input = 0; input < Dimension; input++)
                parameters[_layout.Weight(label, input)] = weight[label * Dimension + input];
        }
    }

    public override unsafe void Read(Span<float> weight, Span<float> bias)
    {
        float* parameters = SimdMemory.Align((float*)_parameters.NativePtr);
        for (int label = 0; label < ClassCount; label++)
        {
            bias[label] = parameters[label];
            for (int input = 0; input < Dimension; input++)
                weight[label * Dimension + input] = parameters[_layout.Weight(label, input)];
        }
    }

    public override void Dispose()
    {
        _parameters.Dispose();
        _momentum.Dispose();
        _workspace.Dispose();
        _noScores.Dispose();
        _counter.Dispose();
    }

    protected override void Launch(ProbeExamples examples, int first, int count, ProbeStep? step, ArrayView<float> scores)
    {
        bool keep = scores.Length > 0;
        var plan = new ProbePlan(_layout, _threads, first, count, step is null ? 0 : 1, keep ? 1 : 0, step ?? default);
        _counter.MemSetToZero();
        _kernel(
            new KernelConfig(_threads, 1),
            examples.Values,
            examples.Labels.View,
            examples.Order.View,
            _parameters.View,
            _momentum.View,
            _workspace.View,
            examples.Outcomes.View,
            keep ? scores : _noScores.View,
            _counter.View,
            plan);
    }

    private static SimdProbeTrainer Create<TVector>(Accelerator accelerator, int dimension, int classCount, int batchSize, int? threads)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        var kernel = accelerator.LoadStreamKernel<
            ArrayView<float>, ArrayView<int>, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
            ArrayView<float>, ArrayView<int>, ProbePlan>(Probe.Kernel<TVector>);
        var layout = new ProbeLayout(dimension, classCount, batchSize, 2 * TVector.Count);
        return new SimdProbeTrainer(accelerator, kernel.Invoke, layout, threads);
    }

    /// <summary>
    /// Allocates zeros. The padding of the last panel of classes is never written and must be finite.
    /// </summary>
    private MemoryBuffer1D<float, Stride1D.Dense> Allocate(long length)
    {
        MemoryBuffer1D<float, Stride1D.Dense> buffer = Accelerator.Allocate1D<float>(length + SimdMemory.Padding);
        buffer.MemSetToZero();
        return buffer;
    }
}
