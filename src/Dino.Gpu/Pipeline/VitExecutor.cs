using System.Diagnostics;
using Dino.Gpu.Devices;
using Dino.Gpu.Model;
using Dino.Gpu.Ops;

namespace Dino.Gpu.Pipeline;

/// <summary>
/// A model on a device, ready to run: it owns the weights there and the activations, which are allocated once for the largest
/// batch and input seen and then reused. Not thread-safe; <see cref="DinoEncoder"/> takes care of that.
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

    /// <summary>Runs the forward pass over one batch and fills <paramref name="output"/>.</summary>
    /// <param name="pixels">(batch, height, width, 3) bytes: the resized pictures.</param>
    /// <param name="positions">(tokens, hidden): the position table at this input's grid.</param>
    /// <param name="shape">The model at this input size.</param>
    /// <param name="request">Batch size and what to keep.</param>
    /// <param name="output">Allocated for the same shape and request.</param>
    public abstract void Run(ReadOnlySpan<byte> pixels, float[] positions, in VitShape shape, in ForwardRequest request, ForwardOutput output);

    /// <summary>As <see cref="Run"/>, telling the steps' times apart; a little slower, and on a GPU much slower, since every step is waited for.</summary>
    public abstract IReadOnlyList<OpTime> RunTimed(ReadOnlySpan<byte> pixels, float[] positions, in VitShape shape, in ForwardRequest request, ForwardOutput output);

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
