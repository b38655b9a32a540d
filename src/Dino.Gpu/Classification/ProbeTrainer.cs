using Dino.Gpu.Devices;
using Dino.Gpu.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Classification;

/// <summary>A linear classifier on a device, with the momentum of its training. Not thread-safe.</summary>
internal abstract class ProbeTrainer : IDisposable
{
    protected ProbeTrainer(int dimension, int classCount, int batchSize)
    {
        Dimension = dimension;
        ClassCount = classCount;
        BatchSize = batchSize;
    }

    public int Dimension { get; }

    public int ClassCount { get; }

    public int BatchSize { get; }

    /// <summary>Floating-point operations of a whole step: two products.</summary>
    public double StepOperations => 4.0 * BatchSize * Dimension * ClassCount;

    /// <summary>Work of a launch, and so between two looks at the cancellation: some tenths of a second on a CPU. Never changes a byte.</summary>
    public double OperationsPerLaunch { get; set; } = 5e10;

    /// <summary>With the kernels that suit the device, all parameters 0. The device stays the caller's and has to outlive this.</summary>
    public static ProbeTrainer Create(DinoDevice device, int dimension, int classCount, int batchSize) => device.Family == KernelFamily.Simd
        ? SimdProbeTrainer.Create(device.Accelerator, dimension, classCount, batchSize)
        : new PortableProbeTrainer(device.Accelerator, dimension, classCount, batchSize);

    /// <summary>Puts examples on the device; the caller disposes them before this.</summary>
    /// <param name="values">(count, dimension); must not change while they are there.</param>
    /// <param name="labels">(count)</param>
    public abstract ProbeExamples Load(ReadOnlyMemory<float> values, ReadOnlySpan<int> labels);

    /// <summary>Sets the parameters and forgets the momentum.</summary>
    /// <param name="weight">(classes, dimension)</param>
    /// <param name="bias">(classes)</param>
    public abstract void Write(ReadOnlySpan<float> weight, ReadOnlySpan<float> bias);

    /// <summary>Reads the parameters.</summary>
    /// <param name="weight">(classes, dimension)</param>
    /// <param name="bias">(classes)</param>
    public abstract void Read(Span<float> weight, Span<float> bias);

    /// <summary>Trains on all examples in an order, a step a batch.</summary>
    /// <param name="examples">What to train on.</param>
    /// <param name="order">Each example once.</param>
    /// <param name="step">How.</param>
    /// <param name="cancellation">Looked at several times a second.</param>
    /// <returns>How the examples fared, before the step that they were part of.</returns>
    public ProbeScore Train(ProbeExamples examples, int[] order, ProbeStep step, CancellationToken cancellation)
    {
        examples.Order.CopyFromCPU(order);
        return Run(examples, step, cancellation);
    }

    /// <summary>How examples fare.</summary>
    public ProbeScore Evaluate(ProbeExamples examples, CancellationToken cancellation)
    {
        examples.Order.CopyFromCPU(Enumerable.Range(0, examples.Count).ToArray());
        return Run(examples, null, cancellation);
    }

    /// <summary>The logits of all examples.</summary>
    /// <returns>(count, classes)</returns>
    public float[] Logits(ProbeExamples examples)
    {
        using MemoryBuffer1D<float, Stride1D.Dense> scores = Accelerator.Allocate1D<float>((long)examples.Count * ClassCount);
        examples.Order.CopyFromCPU(Enumerable.Range(0, examples.Count).ToArray());
        Launch(examples, 0, examples.Count, null, scores.View);
        Accelerator.Synchronize();
        return scores.GetAsArray1D();
    }

    public abstract void Dispose();

    protected abstract Accelerator Accelerator { get; }

    /// <summary>Queues the steps on some examples, a whole number of batches but at the end.</summary>
    /// <param name="examples">Of this trainer.</param>
    /// <param name="first">A place in the order.</param>
    /// <param name="count">Examples from there.</param>
    /// <param name="step">How to train; null to look only.</param>
    /// <param name="scores">(examples, classes) for the logits; empty for none.</param>
    protected abstract void Launch(ProbeExamples examples, int first, int count, ProbeStep? step, ArrayView<float> scores);

    /// <summary>Whole batches, as many as <see cref="OperationsPerLaunch"/> allows, but one at least.</summary>
    /// <param name="count">Examples there are.</param>
    internal int ExamplesPerLaunch(int count) => (int)Math.Min(count, BatchSize * Math.Max(1, Math.Floor(OperationsPerLaunch / StepOperations)));

    private ProbeScore Run(ProbeExamples examples, ProbeStep? step, CancellationToken cancellation)
    {
        int stride = ExamplesPerLaunch(examples.Count);
        for (int first = 0; first < examples.Count; first += stride)
        {
            cancellation.ThrowIfCancellationRequested();
            Launch(examples, first, Math.Min(stride, examples.Count - first), step, ArrayView<float>.Empty);
            Accelerator.Synchronize();
        }

        return Score(examples.Outcomes.GetAsArray1D());
    }

    /// <summary>The logarithms are taken here: double precision, and the same on every device.</summary>
    private static ProbeScore Score(float[] outcomes)
    {
        double loss = 0;
        int top1 = 0, top5 = 0;
        for (int i = 0; i < outcomes.Length; i += ProbeStep.OutcomeLength)
        {
            loss += Math.Log(outcomes[i]) + outcomes[i + 1];
            top1 += outcomes[i + 2] < 1 ? 1 : 0;
            top5 += outcomes[i + 2] < 5 ? 1 : 0;
        }

        double count = outcomes.Length / ProbeStep.OutcomeLength;
        return new ProbeScore(loss / count, top1 / count, top5 / count);
    }
}
