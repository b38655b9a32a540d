using System.CommandLine;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Devices;
using Spectre.Console;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino bench</c>: images per second, model only and end to end, step by step, beside the device's measured peak.</summary>
internal sealed class BenchCommand
{
    public const string Examples = """
          dino bench                                  seeded weights, generated pictures, what --device auto picks
          dino bench --batches 1,8,32,128 --device cuda:0
          dino bench photos --weights vits16.safetensors --json > bench.json
        """;

    /// <summary>Files of the end-to-end run when none are named: a few seconds on two cores.</summary>
    private const int GeneratedPictures = 128;

    private static readonly JsonSerializerOptions JsonFormat = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    private readonly Argument<string[]> _inputs = new("INPUT")
    {
        Description = $"Images, folders or globs for the end-to-end run. Default: {GeneratedPictures} generated JPEGs of 500x375.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private readonly Option<int[]> _batches = new("--batches")
    {
        Description = "Batch sizes, separated by commas; the last one is taken apart step by step and used end to end.",
        HelpName = "N,N,...",
        DefaultValueFactory = _ => [1, 8, 32],
        CustomParser = result =>
        {
            string[] parts = result.Tokens[0].Value.Split(',');
            var batches = new List<int>();
            foreach (string part in parts)
            {
                if (int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int batch) && batch is >= 1 and <= 4096)
                    batches.Add(batch);
                else
                    result.AddError($"--batches: expected whole numbers from 1 to 4096, found '{part}'");
            }

            return [.. batches];
        },
    };

    private readonly Option<int> _rounds = new("--rounds")
    {
        Description = "Rounds of each measurement; medians are shown.",
        HelpName = "N",
        DefaultValueFactory = _ => 5,
    };

    private readonly Option<bool> _json = new("--json") { Description = "JSON instead of tables." };
    private readonly ModelOptions _model = new();
    private readonly Option<ImageSize?> _size = ImageOptions.Size("Input size of the model, width first. [default: what it was trained on]");
    private readonly Option<string> _decoder = ImageOptions.Decoder();
    private readonly CliConsole _console;
    private readonly Option<bool> _quiet;

    private BenchCommand(CliConsole console, Option<bool> quiet)
    {
        _console = console;
        _quiet = quiet;
        _rounds.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
                result.AddError("--rounds: expected a whole number from 1 up");
        });
    }

    public static Command Create(CliConsole console, Option<bool> quiet)
    {
        var bench = new BenchCommand(console, quiet);
        var command = new Command("bench", "Measure images per second: model only, end to end, and step by step beside the device's peak.")
        {
            bench._inputs, bench._batches, bench._rounds, bench._json,
        };
        bench._model.AddTo(command, batch: false);
        command.Options.Add(bench._size);
        command.Options.Add(bench._decoder);
        command.SetAction(bench.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        int[] batches = parsed.GetValue(_batches)!;
        string[] inputs = parsed.GetValue(_inputs)!;
        List<string>? files = inputs.Length == 0 ? null : await Task.Run(() => Files(inputs, cancellation), cancellation).WaitAsync(cancellation).ConfigureAwait(false);
        ImageSize? size = parsed.GetValue(_size);
        DinoOptions options = _model.Apply(parsed, new DinoOptions
        {
            InputWidth = size?.Width,
            InputHeight = size?.Height,
            Decoder = ImageDecoders.Create(parsed.GetValue(_decoder)!),
            Warning = line => _console.Error.WriteLine($"dino: {line}"), // a batch that was split is not what was to be measured
        }) with
        { BatchSize = batches.Max() };

        // Speed does not depend on the values of the weights, so nothing has to be fetched for it.
        using DinoEncoder encoder = await Task.Run(() => DinoEncoder.Load(_model.Weights(parsed) ?? "synthetic", options), cancellation).ConfigureAwait(false);
        using BenchPictures? generated = files is null ? new BenchPictures(GeneratedPictures) : null;
        BenchReport report = await Task.Run(() => MeasureAsync(parsed, encoder, options.Precision, batches, files ?? generated!.Paths, generated is null, cancellation), cancellation).ConfigureAwait(false);
        if (parsed.GetValue(_json))
        {
            await JsonSerializer.SerializeAsync(_console.Output, report, JsonFormat, cancellation).ConfigureAwait(false);
            _console.Output.Write("\n"u8);
        }
        else
        {
            WriteTables(report, parsed.InvocationConfiguration.Output);
        }

        return ExitCode.Success;
    }

    private async Task<BenchReport> MeasureAsync(
        ParseResult parsed, DinoEncoder encoder, Precision precision, int[] batches, List<string> files, bool given, CancellationToken cancellation)
    {
        string name = PrecisionSupport.NameOf(precision);
        string peak = PeakName(precision);
        Say(parsed, $"measuring the device's {peak}");
        var benchmark = new ModelBenchmark(encoder, parsed.GetValue(_rounds));
        var modelOnly = new List<BatchResult>();
        foreach (int batch in batches)
        {
            Say(parsed, $"model only, batch {batch}");
            modelOnly.AddRange(benchmark.ModelOnly(batch, cancellation));
        }

        int last = batches[^1];
        Say(parsed, $"steps, batch {last}");
        IReadOnlyList<StepResult> steps = benchmark.Steps(last, cancellation);
        IReadOnlyList<ProductResult> products = benchmark.Products(last, cancellation);
        Say(parsed, $"end to end, {files.Count} files, batch {last}");
        double rate = modelOnly.Last(result => result.Batch == last && result.Outputs == "cls").ImagesPerSecond;
        EndToEndResult endToEnd = await benchmark.EndToEndAsync(
            files, given ? "files given" : "generated JPEGs of 500x375", last, _model.Workers(parsed), rate, cancellation).ConfigureAwait(false);
        return new BenchReport
        {
            Device = encoder.Device.Id,
            Name = encoder.Device.Name,
            Driver = encoder.Device.Driver,
            Version = typeof(DinoEncoder).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "?",
            Threads = _model.Workers(parsed),
            Model = $"hidden {encoder.Config.HiddenSize}, {encoder.Config.LayerCount} layers, patch {encoder.Config.PatchSize}, {encoder.InputWidth}x{encoder.InputHeight}",
            Precision = name,
            PeakOf = peak,
            PeakFlops = benchmark.Peak,
            ModelOnly = modelOnly,
            Steps = steps,
            Products = products,
            EndToEnd = endToEnd,
        };
    }

    private List<string> Files(string[] inputs, CancellationToken cancellation)
    {
        using var list = InputList.Settle(inputs, _console.Input, cancellation: cancellation);
        return [.. list.Items().Select(item => item.Archive is null ? item.Path : throw new DinoException($"bench reads image files, found an archive: {item.Archive}"))];
    }

    /// <summary>Which peak <see cref="DinoEncoder.MeasurePeak"/> measures.</summary>
    internal static string PeakName(Precision precision) =>
        $"{PrecisionSupport.NameOf(precision)} {(precision == Precision.Float32 ? "multiply-add" : "tensor")} peak";

    private static void WriteTables(BenchReport report, TextWriter output)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output), Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors });
        console.Profile.Width = 160;
        output.WriteLine($"{report.Device}: {report.Name}, {report.Driver}; {report.Threads} threads; dino {report.Version}");
        output.WriteLine($"{report.Model}, {report.Precision}; measured {report.PeakOf} {Giga(report.PeakFlops)} GFLOP/s");
        output.WriteLine();

        Table batches = NewTable("batch", "output", "ms", "images/s", "GFLOP/s", $"share of {report.PeakOf}");
        foreach (BatchResult result in report.ModelOnly)
            batches.AddRow($"{result.Batch}", result.Outputs, Number(result.Seconds * 1e3, 1), Number(result.ImagesPerSecond, 1), Giga(result.Flops), Percent(result.ShareOfPeak));
        console.Write(batches.Title("model only"));

        Table steps = NewTable("step", "ms/image", "share of time", "GFLOP/s", $"share of {report.PeakOf}");
        foreach (StepResult step in report.Steps)
        {
            bool products = step.Flops > 0;
            steps.AddRow(step.Name, Number(step.SecondsPerImage * 1e3, 3), Percent(step.ShareOfTime), products ? Giga(step.Flops) : "", products ? Percent(step.ShareOfPeak) : "");
        }

        console.Write(steps.Title($"steps, cls, batch {report.EndToEnd.Batch}"));
        if (report.Products.Count > 0)
        {
            Table products = NewTable("product", "rows x columns x depth", "GFLOP/s", "cuBLAS GFLOP/s", "ours / cuBLAS");
            foreach (ProductResult product in report.Products)
                products.AddRow(product.Name, product.Shape, Giga(product.Flops), Giga(product.CublasFlops), Percent(product.Flops / product.CublasFlops));
            console.Write(products.Title("fp32 products, each alone"));
        }

        EndToEndResult end = report.EndToEnd;
        output.WriteLine(
            $"end to end: {end.Images} images ({end.Source}), batch {end.Batch}: {Number(end.ImagesPerSecond, 1)} images/s, {Percent(end.ShareOfModelOnly)} of model only; "
            + $"decode and resize {Number(end.DecodeAndResizeSeconds * 1e3, 1)} ms an image on one thread");
    }

    private static Table NewTable(string first, params string[] others)
    {
        Table table = new Table().Border(TableBorder.Simple).AddColumn(first);
        foreach (string name in others)
            table.AddColumn(new TableColumn(name).RightAligned());
        return table;
    }

    private static string Number(double value, int digits) => value.ToString($"F{digits}", CultureInfo.InvariantCulture);

    private static string Giga(double value) => Number(value / 1e9, 0);

    private static string Percent(double share) => $"{Number(share * 100, 1)} %";

    private void Say(ParseResult parsed, string line)
    {
        if (!parsed.GetValue(_quiet))
            _console.Error.WriteLine($"dino: {line}");
    }
}
