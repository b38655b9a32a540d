using System.Diagnostics;
using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Pipeline;

/// <summary>
/// A model on a device, ready to run: it owns the weights there and the activations, which are allocated once for the largest
/// batch and input seen and then reused. Batches go through slots; launches take turns, and <see cref="BatchRunner"/> takes care of that.
/// </summary>
internal abstract class VitExecutor : IDisposable
{
    /// <summary>Puts a model on a device with the kernels that suit it. The device stays the caller's and has to outlive the executor.</summary>
    /// <exception cref="DinoException">The model does not fit the device, or the device does not compute in that precision.</exception>
    public static VitExecutor Create(DinoDevice device, VitWeights weights, Precision precision = Precision.Float32) => device.Family switch
    {
        _ when precision != Precision.Float32 => TensorCoreExecutor.Create(device, weights, precision),
        KernelFamily.Simd => SimdExecutor.Create(device.Accelerator, weights),
        _ => new PortableExecutor(device, weights),
    };

    /// <summary>Batches that may be under way at the same time, each in a slot of its own: one where staging does not go on beside computing.</summary>
    public virtual int SlotCount => 1;

    /// <summary>Whether slots take a decoded picture of this size and resize it themselves. Never for a picture of the input size: that is taken as it is.</summary>
    public virtual bool Resizes(Preprocessor preprocessor, int width, int height) => false;

    /// <summary>Room for one batch; the caller disposes it before the executor.</summary>
    /// <param name="preprocessor">The input size, and how pictures of other sizes become it.</param>
    public abstract BatchSlot CreateSlot(Preprocessor preprocessor);

    /// <summary>Multiply-adds in registers, on the units that the products run on, in floating-point operations a second: the device's peak, measured.</summary>
    public abstract double MeasurePeak();

    /// <summary>Gives activation memory back, where it can be, after a batch that did not fit; the next batch allocates again.</summary>
    public virtual void ReleaseActivations()
    {
    }

    public abstract void Dispose();

    /// <summary>Sums of <see cref="TimedOps{TOps}"/>.</summary>
    protected static int OpCount => Enum.GetValues<VitOp>().Length;

    /// <summary>Names the sums, leaving out steps that did not happen.</summary>
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
