using System.Runtime.InteropServices;
using Dino.Gpu.Kernels.Simd;

namespace Dino.Gpu.Ops.Simd;

/// <summary>Threads and memory without ILGPU, for programs that are compiled ahead of time.</summary>
/// <typeparam name="TVector">Vector registers.</typeparam>
/// <typeparam name="TOps">The operations of a pass.</typeparam>
/// <param name="threads">Threads of a launch.</param>
internal sealed unsafe class ThreadHost<TVector, TOps>(int threads) : SimdHost
    where TVector : unmanaged, IFloatVector<TVector>
    where TOps : struct, IImageOps<TOps>
{
    private const int CacheLine = 64;

    private readonly nint[] _memory = new nint[Parts];
    private readonly long[] _lengths = new long[Parts];

    public override int Threads => threads;

    public override void Run(in SimdPlan plan)
    {
        SimdPlan copy = plan;
        OnAllThreads(thread => SimdForward.Run<TOps>(
            ref *(byte*)Start(SimdPart.Pixels), ref *(float*)Start(SimdPart.PixelTable), ref *(float*)Start(SimdPart.Weights),
            ref *(float*)Start(SimdPart.Start), ref *(float*)Start(SimdPart.Rotation), ref *(float*)Start(SimdPart.Workspace),
            ref *(float*)Start(SimdPart.Outputs), ref *(int*)Start(SimdPart.Counters), ref *(long*)Start(SimdPart.Ticks),
            ref *(byte*)Start(SimdPart.Reduced), copy, thread));
    }

    public override void RunPeak(int iterations)
    {
        float[] results = new float[threads];
        OnAllThreads(thread => Peak.Run<TVector>(ref results[thread], iterations));
    }

    public override void Dispose()
    {
        for (int i = 0; i < Parts; i++)
        {
            NativeMemory.AlignedFree((void*)_memory[i]);
            (_memory[i], _lengths[i]) = (0, 0);
        }
    }

    protected override byte* Reserve(SimdPart part, long bytes)
    {
        int i = (int)part;
        if (_lengths[i] < bytes)
        {
            NativeMemory.AlignedFree((void*)_memory[i]);
            (_memory[i], _lengths[i]) = (0, 0);
            _memory[i] = (nint)NativeMemory.AlignedAlloc((nuint)bytes, CacheLine);
            _lengths[i] = bytes;
        }

        return (byte*)_memory[i];
    }

    private nint Start(SimdPart part) => _lengths[(int)part] > 0 ? _memory[(int)part] : (nint)Reserve(part, sizeof(long));

    /// <summary>
    /// Every part of a launch needs a thread of its own at the same time, since they wait for each other; no pool
    /// promises that. To start one takes less than a tenth of a millisecond. Nobody begins before all are there: who
    /// waits for a thread that never comes would wait forever.
    /// </summary>
    private void OnAllThreads(Action<int> work)
    {
        foreach (SimdPart part in Enum.GetValues<SimdPart>())
            Start(part); // before there are threads
        bool isComplete = false;
        using var gate = new ManualResetEventSlim();
        Thread[] others = [.. Enumerable.Range(1, threads - 1).Select(number => new Thread(() =>
        {
            gate.Wait();
            if (isComplete)
                work(number);
        })
        {
            IsBackground = true,
        })];
        int started = 0;
        try
        {
            for (; started < others.Length; started++)
                others[started].Start();
            isComplete = true;
        }
        catch (OutOfMemoryException failure)
        {
            throw new DeviceException(
                $"the system started {started + 1} of {threads} threads",
                "ask for fewer threads, or raise the limit of processes",
                failure);
        }
        finally
        {
            gate.Set();
            if (!isComplete)
                Join(others.AsSpan(0, started));
        }

        work(0);
        Join(others);
    }

    private static void Join(ReadOnlySpan<Thread> threads)
    {
        foreach (Thread thread in threads)
            thread.Join();
    }
}
