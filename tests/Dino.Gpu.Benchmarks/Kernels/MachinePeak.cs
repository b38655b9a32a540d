using System.Collections.Concurrent;
using System.Diagnostics;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Devices;
using Dino.Gpu.Model;
using Dino.Gpu.Pipeline;

namespace Dino.Gpu.Benchmarks.Kernels;

/// <summary>What this machine can do, of one core measured when first asked for.</summary>
internal static class MachinePeak
{
    private static readonly ConcurrentDictionary<SimdWidth, double> Measured = new();

    /// <summary>Float32 multiply-adds in registers of a width, in operations a second.</summary>
    public static double Flops(SimdWidth width) => Measured.GetOrAdd(width, static wanted => Measure(wanted, threads: 1));

    /// <summary>The same on some threads at once, measured now.</summary>
    public static double Measure(SimdWidth width, int threads)
    {
        VitConfig smallest =
            new() { HiddenSize = 16, HeadCount = 1, MlpSize = 16, PatchSize = 8, LayerCount = 1, TrainedGrid = 1, LayerNormEpsilon = 1e-6 };
        using DinoDevice device = DinoDevice.Open("cpu", threads);
        using SimdExecutor executor = SimdExecutor.Create(device, SyntheticWeights.Create(smallest), width);
        return executor.MeasurePeak();
    }

    /// <summary>
    /// Bytes a second of a plain copy that reads and writes as many bytes as the kernel, and so lives in the same
    /// cache.
    /// </summary>
    public static double CopyBandwidth(long bytes)
    {
        byte[] source = new byte[bytes / 2];
        byte[] destination = new byte[bytes / 2];
        int repeats = (int)Math.Max(1, 20_000_000 / bytes);
        double best = double.MaxValue;
        for (int round = 0; round < 20; round++)
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < repeats; i++)
                source.AsSpan().CopyTo(destination);
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds / repeats);
        }

        return bytes / best;
    }
}
