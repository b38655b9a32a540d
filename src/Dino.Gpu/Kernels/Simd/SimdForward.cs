using System.Runtime.CompilerServices;
using Dino.Gpu.Vit;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace Dino.Gpu.Kernels.Simd;

/// <summary>
/// The whole forward pass as one kernel for ILGPU's CPU accelerator, with one group of one thread per multiprocessor. A
/// launch costs about a hundred microseconds, so there is only one for the batch, and its threads meet in their own
/// barriers.
/// </summary>
internal static unsafe class SimdForward
{
    /// <summary>The number of integers for the counters of a launch with <paramref name="threads"/> threads.</summary>
    public static int CounterCount(int threads) => (2 + threads) * Team.CounterStride;

    /// <summary>
    /// The kernel. Views are on the CPU accelerator's memory; see <see cref="SimdBuffers"/> for their shapes.
    /// </summary>
    public static void Kernel<TOps>(
        ArrayView<byte> pixels,
        ArrayView<float> pixelTable,
        ArrayView<float> weights,
        ArrayView<float> start,
        ArrayView<float> rotation,
        ArrayView<float> workspace,
        ArrayView<float> outputs,
        ArrayView<int> counters,
        ArrayView<long> ticks,
        ArrayView<byte> reduced,
        SimdPlan plan)
        where TOps : struct, IImageOps<TOps>
    {
        Run<TOps>(
            ref pixels[0], ref pixelTable[0], ref weights[0], ref start[0], ref rotation[0], ref workspace[0], ref outputs[0],
            ref counters[0], ref ticks[0], ref reduced[0], plan, Grid.IdxX);
    }

    /// <summary>
    /// The work of one thread. It is marked as an intrinsic, so ILGPU leaves the body to the .NET JIT, which knows
    /// vector instructions.
    /// </summary>
    [IntrinsicImplementation]
    internal static void Run<TOps>(
        ref byte pixels,
        ref float pixelTable,
        ref float weights,
        ref float start,
        ref float rotation,
        ref float workspace,
        ref float outputs,
        ref int counters,
        ref long ticks,
        ref byte reduced,
        SimdPlan plan,
        int thread)
        where TOps : struct, IImageOps<TOps>
    {
        // ILGPU's CPU buffers are unmanaged memory, so they do not move.
        var buffers = new SimdBuffers
        {
            Pixels = (byte*)Unsafe.AsPointer(ref pixels),
            PixelTable = (float*)Unsafe.AsPointer(ref pixelTable),
            Weights = SimdMemory.Align((float*)Unsafe.AsPointer(ref weights)),
            Start = (float*)Unsafe.AsPointer(ref start),
            Rotation = (float*)Unsafe.AsPointer(ref rotation),
            Workspace = SimdMemory.Align((float*)Unsafe.AsPointer(ref workspace)),
            Outputs = (float*)Unsafe.AsPointer(ref outputs),
            Counters = (int*)Unsafe.AsPointer(ref counters),
            Ticks = (long*)Unsafe.AsPointer(ref ticks) + (nint)thread * TimedOps<TOps>.Count,
            Reduced = Unsafe.AsPointer(ref reduced),
        };

        int batch = plan.Request.Batch;
        int threads = plan.Threads;
        int whole = batch - batch % threads;
        for (int image = Take(buffers); image < whole; image = Take(buffers))
            Tokens(TOps.ForImage(plan, buffers, new Team(1, 0, null), image, thread, thread), buffers, plan);

        // Teams share the images that are left. Teams are as equal in size as possible, and each has one image.
        int left = batch - whole;
        if (left > 0)
        {
            int number = (int)((long)thread * left / threads);
            int first = FirstOfTeam(number, left, threads);
            int size = FirstOfTeam(number + 1, left, threads) - first;
            var team = new Team(size, thread - first, buffers.Counters + (2 + number) * Team.CounterStride);
            team.Wait(); // the workspace's owner may still work on its own image
            Tokens(TOps.ForImage(plan, buffers, team, whole + number, first, thread), buffers, plan);
        }

        TOps tail = TOps.ForTail(plan, buffers, new Team(threads, thread, buffers.Counters + Team.CounterStride), thread);
        if (plan.Timed == 0)
        {
            ForwardPass.ClassTail(ref tail, plan.Shape, plan.Request);
        }
        else
        {
            var timed = new TimedOps<TOps>(tail, buffers.Ticks);
            ForwardPass.ClassTail(ref timed, plan.Shape, plan.Request);
        }
    }

    private static void Tokens<TOps>(TOps ops, in SimdBuffers buffers, in SimdPlan plan)
        where TOps : struct, IImageOps<TOps>
    {
        if (plan.Timed == 0)
        {
            ForwardPass.Tokens(ref ops, plan.Shape, plan.Request);
        }
        else
        {
            var timed = new TimedOps<TOps>(ops, buffers.Ticks);
            ForwardPass.Tokens(ref timed, plan.Shape, plan.Request);
        }
    }

    private static int Take(in SimdBuffers buffers) => Interlocked.Increment(ref *buffers.Counters) - 1;

    /// <summary>The first thread t with t * teams / threads = team.</summary>
    private static int FirstOfTeam(int team, int teams, int threads) => (int)(((long)team * threads + teams - 1) / teams);
}
