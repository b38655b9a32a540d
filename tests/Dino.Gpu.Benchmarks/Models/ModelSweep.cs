using System.Diagnostics;
using System.Globalization;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;

namespace Dino.Gpu.Benchmarks.Models;

/// <summary>
/// The other published DINO ViTs and a larger input through the same code on the CPU device: their rate and share of
/// the peak.
/// </summary>
internal static class ModelSweep
{
    private const int Batch = 4;
    private const int Rounds = 3;

    public static int Run()
    {
        VitConfig small16 = VitConfig.VitS16;
        VitConfig small8 = small16 with { PatchSize = 8, TrainedGrid = 28 };
        VitConfig base16 = small16 with { HiddenSize = 768, HeadCount = 12, MlpSize = 3072 };
        VitConfig base8 = base16 with { PatchSize = 8, TrainedGrid = 28 };
        Console.WriteLine("| model | input | tokens | GFLOP/image | images/s | share of peak |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- |");
        Measure("ViT-S/16", small16, 224);
        Measure("ViT-S/16", small16, 480);
        Measure("ViT-S/8", small8, 224);
        Measure("ViT-B/16", base16, 224);
        Measure("ViT-B/8", base8, 224);
        return 0;
    }

    private static void Measure(string name, VitConfig config, int side)
    {
        using DinoEncoder encoder = DinoEncoder.Create(
            SyntheticWeights.Create(config), new DinoOptions { Device = "cpu", InputWidth = side, InputHeight = side });
        byte[] pixels = new byte[side * side * 3];
        new Random(1).NextBytes(pixels);
        RgbImage[] images = [.. Enumerable.Repeat(new RgbImage(side, side, pixels), Batch)];
        encoder.ForwardPrepared(images[..1], DinoOutputs.ClassToken);
        var times = new List<double>();
        for (int round = 0; round < Rounds; round++)
        {
            long start = Stopwatch.GetTimestamp();
            encoder.ForwardPrepared(images, DinoOutputs.ClassToken);
            times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        times.Sort();
        double rate = Batch / times[Rounds / 2];
        long operations = encoder.CountOperations(DinoOutputs.ClassToken);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {name} | {side}x{side} | {encoder.TokenCount} | {operations / 1e9:F1} | {rate:F2} | "
                + $"{rate * operations / encoder.MeasurePeak():P0} |"));
    }
}
