using System.Diagnostics;
using System.Globalization;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;
using Dino.Gpu.Search;

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
    /// Least cosine of a class token in bf16 or int8 to float32's: ten times the distance that ONNX Runtime's int8
    /// showed. Class tokens of a wrong implementation have nothing in common.
    /// </summary>
    private const double ReducedCosine = 0.99;

    public static int Run(string[] arguments)
    {
        int threads = Arguments.Integer(arguments, "--threads", Environment.ProcessorCount);
        int rounds = Arguments.Integer(arguments, "--rounds", 5);
        int[] batches = Arguments.Integers(arguments, "--batches", [1, 8, 32]);
        VitWeights weights = SyntheticWeights.Create(VitConfig.VitS16);
        List<IPeer> peers = [];
        try
        {
            peers.Add(new OnnxRuntimePeer(weights, threads));
            peers.Add(new OnnxRuntimePeer(weights, threads, int8: true));
#if WITH_TORCH
            AddTorch(peers, weights, threads);
#endif
            peers.Add(DinoPeer.Of(weights, threads, DinoOutputs.LastHiddenState));
            DinoPeer ours = DinoPeer.Of(weights, threads, DinoOutputs.ClassToken);
            peers.Add(ours);
            foreach (Precision precision in PrecisionSupport.Cpu.Skip(1))
            {
                peers.Add(DinoPeer.Of(weights, threads, DinoOutputs.ClassToken, precision));
                if (CpuFeatures.Amx)
                    peers.Add(DinoPeer.WithoutAmx(weights, threads, precision));
            }

            Compare(peers, ours, batches, threads, rounds);
            return 0;
        }
        finally
        {
            peers.ForEach(peer => peer.Dispose());
        }
    }

    private static void Compare(List<IPeer> peers, DinoPeer ours, int[] batches, int threads, int rounds)
    {
        Console.WriteLine(
            $"{CpuName()}, {threads} of {Environment.ProcessorCount} cores, .NET {Environment.Version}, ViT-S/16 at 224x224, "
                + $"{rounds} rounds");
        Console.WriteLine($"beside {peers[0].Name}, three pictures:");
        foreach ((string peer, float difference, double cosine) in Verify(peers))
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"  {peer}: largest difference {difference:E1}, least cosine of a class token {cosine:F6}"));
        }

        double peak = ours.Encoder.MeasurePeak();
        Console.WriteLine($"FMA peak {peak / 1e9:F0} GFLOP/s");
        Console.WriteLine();
        Console.WriteLine("| batch | implementation | img/s (median) | best | ratio | share of peak |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- |");
        foreach (int batch in batches)
            Measure(peers, batch, rounds, peak, ours.Encoder.CountOperations(DinoOutputs.LastHiddenState));
    }

    private static void Measure(List<IPeer> peers, int batch, int rounds, double peak, long wholeModel)
    {
        RgbImage[] images = NoisePictures.Of(batch);
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
            // The class token alone is less work, so its share counts less. bf16 and int8 have peaks of their own.
            double operations = batch * ((peer as DinoPeer)?.Encoder.CountOperations(((DinoPeer)peer).Outputs) ?? wholeModel);
            string share = peer.IsReduced ? "" : (operations / median / peak).ToString("P0", CultureInfo.InvariantCulture);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {batch} | {peer.Name} | {batch / median:F1} | {batch / times[peer].Min():F1} | {reference / median:F2} | {share} |"));
        }
    }

    private static IEnumerable<(string Peer, float Difference, double Cosine)> Verify(List<IPeer> peers)
    {
        RgbImage[] images = NoisePictures.Of(3);
        foreach (IPeer peer in peers)
            peer.Prepare(images);
        float[] expected = peers[0].Run().ToArray();
        int hidden = VitConfig.VitS16.HiddenSize;
        int whole = expected.Length / images.Length;
        foreach (IPeer peer in peers.Skip(1))
        {
            float[] actual = peer.Run().ToArray();
            int length = actual.Length / images.Length; // all tokens, or the class token
            float difference = 0;
            double cosine = 1;
            for (int image = 0; image < images.Length; image++)
            {
                ReadOnlySpan<float> one = expected.AsSpan(image * whole, length), other = actual.AsSpan(image * length, length);
                for (int i = 0; i < length; i++)
                    difference = Math.Max(difference, Math.Abs(other[i] - one[i]));
                cosine = Math.Min(cosine, NearestNeighbors.Cosine(one[..hidden], other[..hidden]));
            }

            if (peer.IsReduced ? !(cosine > ReducedCosine) : !(difference < Tolerance))
            {
                throw new InvalidOperationException(
                    $"{peer.Name} differs from {peers[0].Name} by {difference} (cosine {cosine}): "
                        + "a comparison of speed would mean nothing.");
            }

            yield return (peer.Name, difference, cosine);
        }
    }

#if WITH_TORCH
    /// <summary>
    /// libtorch asks for a newer C++ library than some systems have; the comparison continues without it, and says so.
    /// </summary>
    private static void AddTorch(List<IPeer> peers, VitWeights weights, int threads)
    {
        try
        {
            peers.Add(new TorchPeer(weights, threads));
            peers.Add(new TorchPeer(weights, threads, bfloat16: true));
        }
        catch (TypeInitializationException exception)
        {
            Console.Error.WriteLine(
                $"TorchSharp does not load here and is left out: {(exception.InnerException ?? exception).Message.Split('\n')[0]}");
        }
    }
#endif

    private static string CpuName() => Gpu.Devices.DeviceCatalog.Enumerate().Last().Name;

    private static double Median(List<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2;
    }
}
