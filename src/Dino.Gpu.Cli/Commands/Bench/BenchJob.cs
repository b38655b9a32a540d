using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Devices;
using Dino.Gpu.Files;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino bench</c>, as the command line asks for it.</summary>
internal sealed record BenchSettings
{
    /// <summary>Images for the end-to-end measurement; empty for generated ones.</summary>
    public required IReadOnlyList<string> Inputs { get; init; }

    /// <summary>Batch sizes. The last one is measured step by step and end to end.</summary>
    public required IReadOnlyList<int> Batches { get; init; }

    /// <summary>Rounds of each measurement.</summary>
    public required int Rounds { get; init; }

    /// <summary>A checkpoint, or <c>synthetic</c>.</summary>
    public required string Weights { get; init; }

    /// <summary>Device, precision, input size, decoder.</summary>
    public required DinoOptions Model { get; init; }

    /// <summary>How many files are decoded at the same time.</summary>
    public required int Workers { get; init; }

    /// <summary>Whether decoding and the end-to-end run are left out.</summary>
    public required bool ModelOnly { get; init; }

    public required bool Json { get; init; }
}

/// <summary>One <c>dino bench</c>: loads, measures, shows.</summary>
/// <param name="settings">What was asked for.</param>
/// <param name="console">Standard streams.</param>
internal sealed class BenchJob(BenchSettings settings, CliConsole console)
{
    /// <summary>Files of the end-to-end measurement if none are given: a few seconds on two cores.</summary>
    public const int GeneratedCount = 128;

    /// <returns>0</returns>
    /// <exception cref="DinoException">The inputs, the weights or the device cannot be used.</exception>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        List<string>? files = settings.Inputs.Count == 0 ? null : await FilesAsync(cancellation).ConfigureAwait(false);
        using DinoEncoder encoder = await Task.Run(() => DinoEncoder.Load(settings.Weights, settings.Model), cancellation)
            .ConfigureAwait(false);
        if (files is not null)
            await Task.Run(() => TryAll(encoder, files, cancellation), cancellation).ConfigureAwait(false);
        using GeneratedPictures? generated = files is null && !settings.ModelOnly ? new GeneratedPictures(GeneratedCount) : null;
        bool given = files is not null;
        BenchReport report = await Task.Run(() => MeasureAsync(encoder, files ?? generated?.Paths ?? [], given, cancellation), cancellation)
            .ConfigureAwait(false);
        if (settings.Json)
            report.WriteJson(console);
        else
            report.WriteTables(console);
        return ExitCode.Success;
    }

    /// <summary>
    /// Reads each file once, so that one that cannot be read ends the command before the minutes of measuring.
    /// </summary>
    private void TryAll(DinoEncoder encoder, List<string> files, CancellationToken cancellation)
    {
        console.Say($"reading {Quantity.Of(files.Count, "file")}");
        var failures = new ConcurrentDictionary<long, Exception>();
        var options = new ParallelOptions { MaxDegreeOfParallelism = settings.Workers, CancellationToken = cancellation };
        Parallel.ForEach(files, options, (file, state, number) =>
        {
            try
            {
                encoder.Prepare(file);
            }
            catch (DinoException failure)
            {
                failures[number] = failure;
                state.Break();
            }
        });
        if (!failures.IsEmpty)
            ExceptionDispatchInfo.Throw(failures.MinBy(failure => failure.Key).Value);
    }

    /// <summary>The name of what <see cref="DinoEncoder.MeasurePeak"/> measures.</summary>
    internal static string PeakName(Precision precision, KernelFamily family) =>
        $"{PrecisionSupport.NameOf(precision)} {(family == KernelFamily.TensorCore ? "tensor" : "multiply-add")} peak";

    private async Task<BenchReport> MeasureAsync(DinoEncoder encoder, List<string> files, bool given, CancellationToken cancellation)
    {
        Precision precision = settings.Model.Precision;
        string peak = PeakName(precision, encoder.Device.Family);
        console.Say($"measuring the device's {peak}");
        var benchmark = new ModelBenchmark(encoder, settings.Rounds);
        var modelOnly = new List<BatchResult>();
        foreach (int batch in settings.Batches)
        {
            console.Say($"model only, batch {batch}");
            modelOnly.AddRange(benchmark.ModelOnly(batch, cancellation));
        }

        int last = settings.Batches[^1];
        console.Say($"steps, batch {last}");
        IReadOnlyList<StepResult> steps = benchmark.Steps(last, cancellation);
        IReadOnlyList<ProductResult> products = benchmark.Products(last, cancellation);
        if (products.Count == 0
            && encoder.Device.Family == KernelFamily.Portable && encoder.Device.Id.StartsWith("cuda:", StringComparison.Ordinal))
            console.Say("products are not compared with cuBLAS: none of its versions 10 to 12 is installed");
        IReadOnlyList<DecodeResult> decode = [];
        EndToEndResult? endToEnd = null;
        if (!settings.ModelOnly)
        {
            console.Say("decode and resize, one core");
            decode = DecodeBenchmark.Measure(encoder.Preprocessor, settings.Rounds, cancellation);
            console.Say($"end to end, {Quantity.Of(files.Count, "file")}, batch {last}");
            double rate = modelOnly.Last(result => result.Batch == last && result.Outputs == "cls").ImagesPerSecond;
            endToEnd = await benchmark.EndToEndAsync(
                Embedder(last), files, given ? "files given" : "generated JPEGs of 500x375", rate, cancellation).ConfigureAwait(false);
        }

        string size = $"{encoder.InputWidth}x{encoder.InputHeight}";
        return new BenchReport
        {
            Device = encoder.Device.Id,
            Name = encoder.Device.Name,
            Driver = encoder.Device.Driver,
            Version = ProductVersion.Current,
            Threads = settings.Workers,
            Model = $"hidden {encoder.Config.HiddenSize}, {encoder.Config.LayerCount} layers, patch {encoder.Config.PatchSize}, {size}",
            Precision = PrecisionSupport.NameOf(precision),
            PeakOf = peak,
            PeakFlops = benchmark.Peak,
            ModelOnly = modelOnly,
            Steps = steps,
            Products = products,
            Decode = decode,
            EndToEnd = endToEnd,
        };
    }

    /// <summary>The embedder as in <c>dino embed</c>, with batches of this size.</summary>
    private Embedder Embedder(int batch) => Data.Embedding.Embedder.Load(
        settings.Weights, new EmbedderOptions { Model = settings.Model with { BatchSize = batch }, Workers = settings.Workers });

    private async Task<List<string>> FilesAsync(CancellationToken cancellation)
    {
        using InputList list = await InputOptions.SettleAsync(settings.Inputs, console, pathColumn: null, cancellation)
            .ConfigureAwait(false);
        if (list.Items().FirstOrDefault(item => item.Archive is not null) is { } member)
            throw new DinoException($"expected image files, found an archive: {member.Archive}");
        return [.. list.Items().Select(item => item.Path)];
    }
}
