using System.Diagnostics;
using System.Globalization;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;

namespace Dino.Gpu.Benchmarks.Peers;

/// <summary>
/// The same network with the same seeded weights in several implementations, on the same threads, in the same minutes:
/// outputs are compared first, then the peers take turns, and medians are printed.
/// </summary>
internal static class PeerComparison
{
    /// <summary>
    /// Largest difference of float32 implementations from each other: twice the limit against the float64 reference.
    /// </summary>
    private const float Tolerance = 1e-4f;

    /// <summary>
    /// Largest difference of a value in bf16 or int8: three times what int8 showed, since values are up to about 3. A
    /// wrong implementation is off by as much as they are.
    /// </summary>
    private const float ReducedTolerance = 0.4f;

    private static readonly int[] Batches = [1, 8, 32];

    public static int Run(string[] arguments)
    {
        int threads = Option(arguments, "--threads", Environment.ProcessorCount);
        int rounds = Option(arguments, "--rounds", 5);
        VitWeights weights = SyntheticWeights.Create(VitConfig.VitS16);
        using var ours = new DinoPeer(weights, threads, allTokens: false);
        using var oursAll = new DinoPeer(weights, threads, allTokens: true);
        using var onnx = new OnnxRuntimePeer(weights, threads);
        List<DinoPeer> reduced = [.. PrecisionSupport.Cpu.Skip(1).Select(precision => new DinoPeer(weights, threads, false, precision))];
        List<IPeer> peers = [onnx, oursAll, ours, .. reduced];
#if WITH_TORCH
        using TorchPeer? torch = TryTorch(weights, threads);
        if (torch != null)
            peers.Insert(1, torch);
#endif
        Console.WriteLine(
            $"{CpuName()}, {threads} of {Environment.ProcessorCount} cores, .NET {Environment.Version}, ViT-S/16 at 224x224, float32, "
                + $"{rounds} rounds");
        Console.WriteLine(
            $"largest difference from {onnx.Name}: "
                + $"{string.Join(", ", Verify(peers).Select(entry => $"{entry.Peer} {entry.Difference:E1}"))}");
        double peak = ours.Encoder.MeasurePeak();
        Console.WriteLine($"FMA peak {peak / 1e9:F0} GFLOP/s");
        Console.WriteLine();
        Console.WriteLine("| batch | implementation | img/s (median) | best | ratio | share of peak |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- |");
        foreach (int batch in Batches)
            Measure(peers, batch, rounds, peak, ours.Encoder.CountOperations(DinoOutputs.LastHiddenState));
        return 0;
    }

    private static void Measure(List<IPeer> peers, int batch, int rounds, double peak, long wholeModel)
    {
        RgbImage[] images = Pictures(batch);
        int repeats = Math.Max(1, 8 / batch);
        var times = peers.ToDictionary(peer => peer, _ => new List<double>());
        foreach (IPeer peer in peers)
        {
            peer.Prepare(images);
            peer.Run();
        }

        for (int round = 0; round < rounds; round++)
        {
            foreach (IPeer peer in peers)
            {
                // ONNX Runtime's threads spin for a while after a run; nobody should pay for the one before.
                Thread.Sleep(30);
                long start = Stopwatch.GetTimestamp();
                for (int i = 0; i < repeats; i++)
                    peer.Run();
                times[peer].Add(Stopwatch.GetElapsedTime(start).TotalSeconds / repeats);
            }
        }

        double reference = Median(times[peers[0]]);
        foreach (IPeer peer in peers)
        {
            double median = Median(times[peer]);
            // The class token alone is less work, so its share counts less.
            double operations = batch * ((peer as DinoPeer)?.Encoder.CountOperations(((DinoPeer)peer).Outputs) ?? wholeModel);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {batch} | {peer.Name} | {batch / median:F1} | {batch / times[peer].Min():F1} | {reference / median:F2} | "
                    + $"{operations / median / peak:P0} |"));
        }
    }

    private static IEnumerable<(string Peer, float Difference)> Verify(List<IPeer> peers)
    {
        RgbImage[] images = Pictures(3);
        foreach (IPeer peer in peers)
            peer.Prepare(images);
        float[] expected = peers[0].Run().ToArray();
        int tokens = VitConfig.VitS16.TrainedGrid * VitConfig.VitS16.TrainedGrid + 1;
        int hidden = VitConfig.VitS16.HiddenSize;
        foreach (IPeer peer in peers.Skip(1))
        {
            ReadOnlySpan<float> actual = peer.Run();
            int rows = actual.Length / hidden / images.Length;
            float difference = 0;
            for (int image = 0; image < images.Length; image++)
            {
                for (int i = 0; i < rows * hidden; i++)
                    difference = Math.Max(difference, Math.Abs(actual[image * rows * hidden + i] - expected[image * tokens * hidden + i]));
            }

            if (!(difference < (peer is DinoPeer { Precision: not Precision.Float32 } ? ReducedTolerance : Tolerance)))
                throw new InvalidOperationException(
                    $"{peer.Name} differs from {peers[0].Name} by {difference}: a comparison of speed would mean nothing.");
            yield return (peer.Name, difference);
        }
    }

#if WITH_TORCH
    /// <summary>
    /// libtorch asks for a newer C++ library than some systems have; the comparison continues without it, and says so.
    /// </summary>
    private static TorchPeer? TryTorch(VitWeights weights, int threads)
    {
        try
        {
            return new TorchPeer(weights, threads);
        }
        catch (TypeInitializationException exception)
        {
            Console.Error.WriteLine(
                $"TorchSharp does not load here and is left out: {(exception.InnerException ?? exception).Message.Split('\n')[0]}");
            return null;
        }
    }
#endif

    private static RgbImage[] Pictures(int count)
    {
        var random = new Random(count);
        int side = VitConfig.VitS16.TrainedImageSize;
        var images = new RgbImage[count];
        for (int i = 0; i < count; i++)
        {
            byte[] pixels = new byte[side * side * 3];
            random.NextBytes(pixels);
            images[i] = new RgbImage(side, side, pixels);
        }

        return images;
    }

    private static string CpuName() => Gpu.Devices.DeviceCatalog.Enumerate().Last().Name;

    private static int Option(string[] arguments, string name, int fallback)
    {
        int index = Array.IndexOf(arguments, name);
        return index < 0 ? fallback : int.Parse(arguments[index + 1], CultureInfo.InvariantCulture);
    }

    private static double Median(List<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2;
    }
}
