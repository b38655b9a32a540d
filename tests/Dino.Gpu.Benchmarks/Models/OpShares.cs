using System.Diagnostics;
using System.Globalization;
using Dino.Gpu.Benchmarks.Kernels;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Kernels.Generated;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Benchmarks.Models;

/// <summary>
/// Where the time of ViT-S/16 goes in each precision, class token: the time of each step, and its share of the peak of
/// the instruction that multiplies in it, measured in the same run.
/// </summary>
internal static class OpShares
{
    public static int Run(string[] arguments)
    {
        int threads = Arguments.Integer(arguments, "--threads", 1);
        int batch = Arguments.Integer(arguments, "--batch", 8);
        int rounds = Arguments.Integer(arguments, "--rounds", 5);
        VitWeights weights = SyntheticWeights.Create(VitConfig.VitS16);
        double float32 = MachinePeak.Measure(SimdExecutor.BestWidth, threads);
        Console.WriteLine($"float32 multiply-adds {float32 / 1e9:F0} GFLOP/s on {threads} threads");
        Print("float32", weights, threads, batch, rounds, device => SimdExecutor.Create(device, weights), _ => float32);
        if (arguments.Contains("--float32"))
            return 0;
        foreach (bool amx in CpuFeatures.Amx ? new[] { false, true } : [false])
        {
            double bfloat16 = CpuFeatures.BFloat16 ? Peak(TileKind.BFloat16, amx, threads) : 0;
            double int8 = CpuFeatures.Int8 ? Peak(TileKind.Int8, amx, threads) : 0;
            string unit = amx ? "AMX" : "AVX-512";
            Console.WriteLine($"bfloat16 products of {unit} {bfloat16 / 1e9:F0} GFLOP/s, of bytes {int8 / 1e9:F0} GOP/s");
            if (CpuFeatures.BFloat16)
                Print("bf16, " + unit, weights, threads, batch, rounds, device => Create(device, TileKind.BFloat16, amx), _ => bfloat16);
            if (CpuFeatures.Int8)
            {
                // Patch embedding and attention are in bfloat16 where the processor has it.
                Print("int8, " + unit, weights, threads, batch, rounds, device => Create(device, TileKind.Int8, amx), op =>
                    op is not (VitOp.PatchEmbedding or VitOp.Attention) ? int8 : CpuFeatures.BFloat16 ? bfloat16 : float32);
            }
        }

        return 0;

        SimdExecutor Create(DinoDevice device, TileKind kind, bool amx) =>
            SimdExecutor.Create(device, weights, kind, CpuFeatures.BFloat16, amx);
    }

    private static void Print(
        string title, VitWeights weights, int threads, int batch, int rounds, Func<DinoDevice, SimdExecutor> create,
        Func<VitOp, double> peak)
    {
        using DinoDevice device = DinoDevice.Open("cpu", threads);
        using SimdExecutor executor = create(device);
        var shape = new VitShape(VitConfig.VitS16, 224, 224);
        var request = new ForwardRequest(batch, allTokens: false, hiddenStates: false, 0);
        RgbImage[] images = NoisePictures.Of(batch);
        using BatchSlot slot = executor.CreateSlot(new Preprocessor(PreprocessPreset.HuggingFace, 224, 224));
        ForwardOutput output = ForwardOutput.Allocate(shape, request);
        var times = new List<IReadOnlyList<OpTime>>();
        for (int round = 0; round <= rounds; round++)
        {
            slot.Stage(images, 0, batch);
            IReadOnlyList<OpTime> one = slot.RunTimed(InputTables.Of(weights, shape), shape, request, output);
            if (round > 0)
                times.Add(one);
        }

        Console.WriteLine();
        Console.WriteLine($"{title}, {threads} threads, batch {batch}, medians of {rounds}");
        Console.WriteLine();
        Console.WriteLine("| step | ms an image | share of time | GOP/s | share of its instruction's peak |");
        Console.WriteLine("| --- | --- | --- | --- | --- |");
        var steps = times.SelectMany(list => list).GroupBy(time => time.Name).Select(group => (
            Name: group.Key,
            Seconds: group.Select(time => time.Seconds).Order().ElementAt(group.Count() / 2),
            Operations: group.First().FloatingPointOperations)).OrderByDescending(step => step.Seconds).ToList();
        double total = steps.Sum(step => step.Seconds);
        foreach ((string name, double seconds, long operations) in steps)
        {
            // An op's time is that of all threads, and so is the peak.
            double rate = operations / seconds;
            string share = operations == 0 ? " | " : string.Create(
                CultureInfo.InvariantCulture, $"{rate / 1e9:F0} | {rate / peak(Enum.Parse<VitOp>(name)):P0}");
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"| {name} | {1000 * seconds / batch:F3} | {seconds / total:P1} | {share} |"));
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| all | {1000 * total / batch:F2} | | | |"));
    }

    private static double Peak(TileKind kind, bool amx, int threads)
    {
        const long Rounds = 500_000;
        using var tiles = new TileSet(kind, amx);
        double best = double.MaxValue;
        for (int i = 0; i < 12; i++)
        {
            long start = Stopwatch.GetTimestamp();
            Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, _ => tiles.RunPeak(Rounds));
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return (double)Rounds * tiles.PeakOperations * threads / best;
    }
}
