using System.Diagnostics;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Ops.Portable;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Data.Embedding;

/// <summary>Measures an encoder: warmed up, several rounds, medians.</summary>
/// <param name="encoder">What is measured.</param>
/// <param name="rounds">Rounds of each measurement.</param>
internal sealed class ModelBenchmark(DinoEncoder encoder, int rounds)
{
    /// <summary>
    /// The peak of the units that the precision's products run on, in floating-point operations a second.
    /// </summary>
    public double Peak { get; } = encoder.MeasurePeak();

    /// <summary>The model alone, for the class token and for every token; the two take turns.</summary>
    public IEnumerable<BatchResult> ModelOnly(int batch, CancellationToken cancellation)
    {
        RgbImage[] images = Pictures(batch);
        (DinoOutputs Outputs, string Name)[] kinds = [(DinoOutputs.ClassToken, "cls"), (DinoOutputs.LastHiddenState, "tokens")];
        var times = kinds.Select(_ => new List<double>()).ToArray();
        for (int round = -1; round < rounds; round++)
        {
            for (int kind = 0; kind < kinds.Length; kind++)
            {
                cancellation.ThrowIfCancellationRequested();
                double seconds = Time(() => encoder.ForwardPrepared(images, kinds[kind].Outputs));
                if (round >= 0) // the first is for the compiler
                    times[kind].Add(seconds);
            }
        }

        for (int kind = 0; kind < kinds.Length; kind++)
        {
            double seconds = Median(times[kind]);
            double flops = batch * encoder.CountOperations(kinds[kind].Outputs) / seconds;
            yield return new BatchResult(batch, kinds[kind].Name, seconds, batch / seconds, flops, flops / Peak);
        }
    }

    /// <summary>The steps of a pass for the class token, slowest first.</summary>
    public IReadOnlyList<StepResult> Steps(int batch, CancellationToken cancellation)
    {
        RgbImage[] images = Pictures(batch);
        var times = new Dictionary<string, List<OpTime>>();
        for (int round = -1; round < rounds; round++)
        {
            cancellation.ThrowIfCancellationRequested();
            foreach (OpTime time in encoder.ProfilePrepared(images, DinoOutputs.ClassToken))
            {
                if (!times.TryGetValue(time.Name, out List<OpTime>? list))
                    times[time.Name] = list = [];
                if (round >= 0)
                    list.Add(time);
            }
        }

        var medians = times.Where(entry => entry.Value.Count > 0)
            .Select(entry => (
                Name: entry.Key,
                Seconds: Median([.. entry.Value.Select(time => time.Seconds)]),
                Operations: entry.Value[0].FloatingPointOperations))
            .OrderByDescending(entry => entry.Seconds)
            .ToList();
        double total = medians.Sum(entry => entry.Seconds);
        return [.. medians.Select(entry =>
        {
            double flops = entry.Operations / entry.Seconds;
            return new StepResult(entry.Name, entry.Seconds / batch, entry.Seconds / total, flops, flops / Peak);
        })];
    }

    /// <summary>The float32 products beside cuBLAS, on a device opened for it.</summary>
    /// <returns>Empty where the encoder is not on a CUDA device, or there is no cuBLAS.</returns>
    public IReadOnlyList<ProductResult> Products(int batch, CancellationToken cancellation)
    {
        if (encoder.Device.Family != KernelFamily.Portable)
            return [];
        using var device = DinoDevice.Open(encoder.Device.Id);
        var shape = new VitShape(encoder.Config, encoder.InputWidth, encoder.InputHeight);
        return
        [
            .. (CublasComparison.Measure(device.Accelerator, shape, batch, rounds, cancellation) ?? [])
                .Select(times => new ProductResult(
                    times.Name,
                    $"{times.Rows}x{times.Columns}x{times.Depth}",
                    times.Operations / times.Seconds,
                    times.Operations / times.CublasSeconds)),
        ];
    }

    /// <summary>Decode, resize, model and gathering rows, as <c>dino embed</c> does it.</summary>
    /// <param name="embedder">The same model; disposed here.</param>
    /// <param name="paths">Image files.</param>
    /// <param name="source">Where they come from, for the report.</param>
    /// <param name="modelOnly">Images a second of the model alone at this batch.</param>
    /// <param name="cancellation">Ends the run at once.</param>
    public async Task<EndToEndResult> EndToEndAsync(
        Embedder embedder, IReadOnlyList<string> paths, string source, double modelOnly, CancellationToken cancellation)
    {
        using Embedder owned = embedder;
        double prepare = Median([.. paths.Take(16).Select(path => Time(() => encoder.Prepare(path)))]);
        long start = Stopwatch.GetTimestamp();
        await embedder.RunAsync(paths.Select(InputItem.File), new NoSink(), [], CancellationToken.None, cancellation).ConfigureAwait(false);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        double rate = paths.Count / seconds;
        return new EndToEndResult(paths.Count, source, embedder.Encoders.BatchSize, seconds, rate, rate / modelOnly, prepare);
    }

    private RgbImage[] Pictures(int count)
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            byte[] pixels = new byte[encoder.InputWidth * encoder.InputHeight * 3];
            random.NextBytes(pixels);
            return new RgbImage(encoder.InputWidth, encoder.InputHeight, pixels);
        })];
    }

    private static double Time(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static double Median(List<double> values)
    {
        values.Sort();
        return values.Count % 2 == 1 ? values[values.Count / 2] : (values[values.Count / 2 - 1] + values[values.Count / 2]) / 2;
    }

    private sealed class NoSink : IEmbeddingSink
    {
        public void Embedded(InputItem item, LoadedImage image, DinoOutput output, int index)
        {
        }

        public void Failed(InputItem item, string reason, string? hint) =>
            throw new DinoException(ImageFailures.Line(item.Path, reason), hint);

        public void Flush()
        {
        }
    }
}
