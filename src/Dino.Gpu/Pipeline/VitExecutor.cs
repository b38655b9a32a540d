using System.Diagnostics;
using System.Runtime.CompilerServices;
using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Kernels.Generated;
using Dino.Gpu.Model;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Pipeline;

/// <summary>
/// A model on a device, ready to run. It owns the weights and activations on the device. Activations are allocated once
/// for the largest batch and input so far, then reused. Batches go through slots. Launches must take turns;
/// <see cref="BatchRunner"/> makes sure of it.
/// </summary>
internal abstract class VitExecutor : IDisposable
{
    /// <summary>
    /// Loads a model onto a device, with the kernels that suit the device. The caller owns the device, which must
    /// outlive the executor.
    /// </summary>
    /// <param name="device">The device; not owned.</param>
    /// <param name="weights">The model; copied.</param>
    /// <param name="precision">Arithmetic.</param>
    /// <param name="vectorWidth">As <see cref="DinoOptions.VectorWidth"/>.</param>
    /// <param name="warning">Receives one line if the device does not run the fastest kernels that it should.</param>
    /// <exception cref="DinoException">
    /// The model does not fit the device, or the device does not compute in that precision or has no such vectors.
    /// </exception>
    public static VitExecutor Create(
        DinoDevice device, VitWeights weights, Precision precision = Precision.Float32, int? vectorWidth = null,
        Action<string>? warning = null)
    {
        PrecisionSupport.Require(device.Info, precision);
        // A program that is compiled ahead of time has the CPU alone, and nothing of the other executors in it.
        if (!RuntimeFeature.IsDynamicCodeSupported || device.Family == KernelFamily.Simd)
            return CreateSimd(device, weights, precision, vectorWidth);
        return precision == Precision.Float32
            ? new PortableExecutor(device, weights)
            : TensorCoreExecutor.Create(device, weights, precision, warning);
    }

    private static SimdExecutor CreateSimd(DinoDevice device, VitWeights weights, Precision precision, int? vectorWidth)
    {
        int bits = CpuVectors.Choose(vectorWidth, precision);
        if (precision == Precision.Float32)
            return SimdExecutor.Create(device, weights, SimdExecutor.OfBits(bits));
        TileKind kind = precision == Precision.Int8 ? TileKind.Int8 : TileKind.BFloat16;
        return SimdExecutor.Create(device, weights, kind, CpuFeatures.BFloat16, CpuFeatures.Amx);
    }

    /// <summary>
    /// The most batches under way at the same time, each in its own slot. It is 1 if staging and computing do not
    /// overlap.
    /// </summary>
    public virtual int SlotCount => 1;

    /// <summary>
    /// Whether slots resize a decoded picture of this size. False for a picture of the input size, which needs no
    /// resize.
    /// </summary>
    public virtual bool Resizes(Preprocessor preprocessor, int width, int height) => false;

    /// <summary>Makes a slot for one batch. The caller disposes it before the executor.</summary>
    /// <param name="preprocessor">The input size, and how pictures of other sizes are resized to it.</param>
    public abstract BatchSlot CreateSlot(Preprocessor preprocessor);

    /// <summary>
    /// Measures the device's peak in floating-point operations a second: multiply-adds in registers, on the units that
    /// the products run on.
    /// </summary>
    public abstract double MeasurePeak();

    /// <summary>
    /// Frees what activation memory it can, after a batch that did not fit. The next batch allocates again.
    /// </summary>
    public virtual void ReleaseActivations()
    {
    }

    public abstract void Dispose();

    /// <summary>
    /// The time of the fastest of some rounds. The first rounds compile the kernel and wake the device.
    /// </summary>
    protected static double BestSeconds(int rounds, Action run)
    {
        double best = double.MaxValue;
        for (int round = 0; round < rounds; round++)
        {
            long start = Stopwatch.GetTimestamp();
            run();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return best;
    }

    /// <summary>
    /// The most operations a second of a kernel that repeats them. A slow device repeats them less often: as often as it
    /// takes for the launch to count for little.
    /// </summary>
    /// <param name="operations">Operations of a number of iterations.</param>
    /// <param name="run">Runs the kernel with a number of iterations and waits for it.</param>
    protected static double BestRate(Func<int, double> operations, Action<int> run)
    {
        const int Fewest = 16, Most = 4096;
        const double Enough = 0.02; // seconds; a launch takes microseconds
        int iterations = Fewest;
        run(iterations); // compiles the kernel
        while (iterations < Most && BestSeconds(rounds: 1, () => run(iterations)) < Enough)
            iterations *= 4;
        return operations(iterations) / BestSeconds(rounds: 4, () => run(iterations));
    }

    /// <summary>The number of sums of <see cref="TimedOps{TOps}"/>.</summary>
    protected static int OpCount => Enum.GetValues<VitOp>().Length;

    /// <summary>Turns sums of ticks into the times of the steps that took place.</summary>
    protected static IReadOnlyList<OpTime> OpTimes(ReadOnlySpan<long> ticks, int threads, in VitShape shape, in ForwardRequest request)
    {
        var times = new List<OpTime>();
        foreach (VitOp op in Enum.GetValues<VitOp>())
        {
            double seconds = (double)ticks[(int)op] / threads / Stopwatch.Frequency;
            if (seconds > 0)
                times.Add(new OpTime(op.ToString(), seconds, VitCost.Of(op, shape, request)));
        }

        return times;
    }
}
