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

    /// <summary>Floating-point operations of a whole step, which is two products.</summary>
    public double StepOperations => 4.0 * BatchSize * Dimension * ClassCount;

    /// <summary>
    /// Floating-point operations of a launch, some tenths of a second on a CPU. The cancellation is checked between
    /// launches. The value never changes a byte of the result.
    /// </summary>
    public double OperationsPerLaunch { get; set; } = 5e10;

    /// <summary>
    /// Makes a trainer with the kernels that suit the device; all parameters are 0. The caller owns the device, which
    /// must outlive the trainer.
    /// </summary>
    public static ProbeTrainer Create(DinoDevice device, int dimension, int classCount, int batchSize) => device.Family == KernelFamily.Simd
        ? SimdProbeTrainer.Create(device.Accelerator, dimension, classCount, batchSize)
        : new PortableProbeTrainer(device.Accelerator, dimension, classCount, batchSize);

    /// <summary>Copies examples to the device. The caller disposes them before the trainer.</summary>
    /// <param name="values">(count, dimension); must not change while the examples are in use.</param>
    /// <param name="labels">(count)</param>
    public abstract ProbeExamples Load(ReadOnlyMemory<float> values, ReadOnlySpan<int> labels);

    /// <summary>Sets the parameters; the momentum becomes 0.</summary>
    /// <param name="weight">(classes, dimension)</param>
    /// <param name="bias">(classes)</param>
    public abstract void Write(ReadOnlySpan<float> weight, ReadOnlySpan<float> bias);

    /// <summary>Reads the parameters.</summary>
    /// <param name="weight">(classes, dimension)</param>
    /// <param name="bias">(classes)</param>
    public abstract void Read(Span<float> weight, Span<float> bias);

    /// <summary>Trains on all examples in the given order, one step for each batch.</summary>
    /// <param name="examples">The training examples.</param>
    /// <param name="order">The numbers of the examples, each once.</param>
    /// <param name="step">Learning rate, momentum and weight decay.</param>
    /// <param name="cancellation">Checked several times a second.</param>
    /// <returns>The score of the examples, each before the step that it was part of.</returns>
    public ProbeScore Train(ProbeExamples examples, int[] order, ProbeStep step, CancellationToken cancellation)
    {
        examples.Order.CopyFromCPU(order);
        return Run(examples, step, cancellation);
    }

    /// <summary>Scores examples without training.</summary>
    public ProbeScore Evaluate(ProbeExamples examples, CancellationToken cancellation)
    {
        examples.Order.CopyFromCPU(Enumerable.Range(0, examples.Count).ToArray());
        return Run(examples, null, cancellation);
    }

    /// <summary>Computes the logits of all examples.</summary>
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

    /// <summary>Queues the steps on some examples: whole batches, except at the end of the epoch.</summary>
    /// <param name="examples">Examples of this trainer.</param>
    /// <param name="first">A place in the order.</param>
    /// <param name="count">Examples from there.</param>
    /// <param name="step">Learning rate, momentum and weight decay; null to score without training.</param>
    /// <param name="scores">(examples, classes) for the logits; empty for none.</param>
    protected abstract void Launch(ProbeExamples examples, int first, int count, ProbeStep? step, ArrayView<float> scores);

    /// <summary>
    /// The number of examples of a launch: whole batches, as many as <see cref="OperationsPerLaunch"/> allows, but at
    /// least one.
    /// </summary>
    /// <param name="count">All examples.</param>
    internal int ExamplesPerLaunch(int count) =>
        (int)Math.Min(count, BatchSize * Math.Max(1, Math.Floor(OperationsPerLaunch / StepOperations)));

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

    /// <summary>
    /// Takes the logarithms on the host, in double precision, so that every device gets the same score.
    /// </summary>
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
