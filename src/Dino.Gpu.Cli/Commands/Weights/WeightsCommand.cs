using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Files;
using Dino.Gpu.Model;
using Spectre.Console;

namespace Dino.Gpu.Cli.Commands;

/// <summary>
/// <c>dino weights</c>: fetch the published checkpoint, look into one, convert one, write seeded weights.
/// </summary>
internal static class WeightsCommand
{
    private const string DefaultPath = "weights/pytorch_model.bin";

    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    public static Command Create() => new("weights", "Fetch, inspect, convert or synthesise model weights.")
    {
        CreatePull(),
        CreateInfo(),
        CreateConvert(),
        CreateSynth(),
    };

    private static Command CreatePull()
    {
        var output = new Option<string>("--output", "-o") { Description = "File to write.", DefaultValueFactory = _ => DefaultPath, HelpName = "FILE" };
        var endpoint = new Option<string?>("--endpoint") { Description = $"Address of the hub or a mirror (default {WeightsDownloadOptions.EndpointVariable}, else {WeightsDownloadOptions.DefaultEndpoint}).", HelpName = "URL" };
        var revision = new Option<string>("--revision") { Description = "Commit, tag or branch on the hub; by default the pinned commit.", DefaultValueFactory = _ => WeightsDownloadOptions.DefaultRevision, HelpName = "REV" };
        var command = new Command("pull", $"Download the checkpoint of {WeightsDownloadOptions.DefaultRepository}, checked by size and SHA-256.") { output, endpoint, revision };
        command.SetAction(async (parsed, cancellation) =>
        {
            var options = new WeightsDownloadOptions { Endpoint = parsed.GetValue(endpoint), Revision = parsed.GetValue(revision)! };
            TextWriter error = parsed.InvocationConfiguration.Error;
            FileKind.Checkpoint.RequireReplaceable(parsed.GetValue(output)!);
            WeightsDownloadResult result = await PullAsync(parsed.GetValue(output)!, options, error, cancellation).ConfigureAwait(false);
            string state = result.WasPresent ? "already there" : "written";
            await error.WriteLineAsync($"{result.Path}: {state}, {result.Bytes} bytes, SHA-256 {result.Sha256}").ConfigureAwait(false);
        });
        return command;
    }

    private static Command CreateInfo()
    {
        var file = new Argument<string>("FILE") { Description = "A checkpoint, or a folder with one." };
        var json = new Option<bool>("--json") { Description = "Write JSON, with the file's SHA-256." };
        var branch = BranchOption();
        var command = new Command("info", "List format, sizes and tensors of a checkpoint.") { file, json, branch };
        command.SetAction(parsed =>
        {
            CheckpointInfo info = CheckpointInfo.Read(PathOf(parsed.GetValue(file)!), new CheckpointOptions { Branch = parsed.GetValue(branch) });
            (TextWriter data, TextWriter notes) = (parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error);
            if (parsed.GetValue(json))
            {
                WriteJson(info, data);
                return Exit(info);
            }

            if (data != Console.Out || Console.IsOutputRedirected) WriteLines(info, data);
            else WriteTable(info);
            foreach (string line in Describe(info)) notes.WriteLine(line);
            return Exit(info);
        });
        return command;
    }

    private static Command CreateConvert()
    {
        var file = new Argument<string>("FILE") { Description = "A checkpoint, or a folder with one." };
        var output = OutputOption();
        var type = new Option<string>("--dtype") { Description = "Element type in the file.", DefaultValueFactory = _ => "f32" };
        type.AcceptOnlyFromAmong("f32", "f16");
        var branch = BranchOption();
        var command = new Command("convert", "Write a checkpoint as safetensors with Hugging Face's names.") { file, output, type, branch };
        command.SetAction(parsed =>
        {
            string from = PathOf(parsed.GetValue(file)!), to = parsed.GetValue(output)!;
            OutputNames.RefuseSameFile([("-o", to)], [from]);
            FileKind.Safetensors.EnsureWritable(to);
            VitWeights weights = Checkpoint.Load(from, new CheckpointOptions { Branch = parsed.GetValue(branch) });
            Save(parsed.GetValue(output)!, weights, parsed.GetValue(type) == "f16" ? WeightsDataType.Float16 : WeightsDataType.Float32, parsed.InvocationConfiguration.Error);
        });
        return command;
    }

    private static Command CreateSynth()
    {
        var seed = new Option<ulong?>("--seed")
        {
            Description = $"Decimal or 0x... (default 0x{SyntheticWeights.DefaultSeed:X}).",
            HelpName = "N",
            CustomParser = result =>
            {
                try
                {
                    return WeightSource.ParseSeed(result.Tokens[0].Value);
                }
                catch (DinoException e)
                {
                    result.AddError(e.Message);
                    return null;
                }
            },
        };
        var output = OutputOption();
        var command = new Command("synth", "Write seeded weights: the published model's sizes, no meaning.") { seed, output };
        command.SetAction(parsed =>
        {
            FileKind.Safetensors.EnsureWritable(parsed.GetValue(output)!);
            VitWeights weights = SyntheticWeights.Create(VitConfig.VitS16, parsed.GetValue(seed) ?? SyntheticWeights.DefaultSeed);
            Save(parsed.GetValue(output)!, weights, WeightsDataType.Float32, parsed.InvocationConfiguration.Error);
        });
        return command;
    }

    private static Option<string> OutputOption() =>
        new("--output", "-o") { Description = "The .safetensors file to write.", Required = true, HelpName = "FILE" };

    private static Option<string?> BranchOption()
    {
        var option = new Option<string?>("--branch") { Description = "Model of a DINO training checkpoint (default teacher)." };
        option.AcceptOnlyFromAmong("teacher", "student");
        return option;
    }

    private static string PathOf(string spec) =>
        WeightSource.Resolve(spec).Path ?? throw new DinoException($"'{spec}' names no file; 'dino weights synth' writes seeded weights");

    private static void Save(string path, VitWeights weights, WeightsDataType type, TextWriter error)
    {
        SafetensorsWriter.Write(path, weights, type);
        string note = "";
        string config = Path.Combine(Path.GetDirectoryName(path) ?? "", "config.json");
        if (Path.GetFileName(path) == CheckpointNames.Safetensors && !File.Exists(config))
        {
            SafetensorsWriter.WriteConfig(config, weights.Config, type);
            note = $", {config} beside it";
        }

        error.WriteLine($"{path}: written{note}, SHA-256 {Checkpoint.Sha256(path)}");
    }

    private static async Task<WeightsDownloadResult> PullAsync(string path, WeightsDownloadOptions options, TextWriter error, CancellationToken cancellation)
    {
        await error.WriteLineAsync($"fetching {WeightsDownload.Address(options)}").ConfigureAwait(false);
        if (error != Console.Error || Console.IsErrorRedirected)
            return await DinoWeights.PullAsync(path, options, new PlainProgress(error), cancellation).ConfigureAwait(false);

        IAnsiConsole terminal = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return await terminal.Progress()
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new DownloadedColumn(), new TransferSpeedColumn(), new RemainingTimeColumn())
            .StartAsync(context =>
            {
                ProgressTask task = context.AddTask(Markup.Escape(options.FileName));
                return DinoWeights.PullAsync(path, options, new TerminalProgress(terminal, task), cancellation);
            }).ConfigureAwait(false);
    }

    private static void WriteJson(CheckpointInfo info, TextWriter output) => output.WriteLine(JsonSerializer.Serialize(
        new
        {
            info.Path,
            info.FileBytes,
            Sha256 = Checkpoint.Sha256(info.Path),
            Format = FormatName(info.Format),
            Layout = info.Layout is { } layout ? LayoutName(layout) : null,
            info.Branches,
            info.Branch,
            info.Config,
            info.Problem,
            info.Problems,
            info.Ignored,
            info.Tensors,
        },
        Json));

    /// <summary>One tensor a line, tab-separated.</summary>
    private static void WriteLines(CheckpointInfo info, TextWriter output)
    {
        foreach (CheckpointTensor tensor in info.Tensors) output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Printable(tensor.Name)}\t{tensor.DataType}\t{ShapeText(tensor)}\t{tensor.Bytes}"));
    }

    private static void WriteTable(CheckpointInfo info)
    {
        var table = new Table().AddColumn("tensor").AddColumn("type").AddColumn("shape").AddColumn(new TableColumn("bytes").RightAligned());
        foreach (CheckpointTensor tensor in info.Tensors)
            table.AddRow(Markup.Escape(Printable(tensor.Name)), tensor.DataType, ShapeText(tensor), tensor.Bytes.ToString("N0", CultureInfo.InvariantCulture));
        AnsiConsole.Write(table);
    }

    private static IEnumerable<string> Describe(CheckpointInfo info)
    {
        string layout = info.Layout is { } names ? LayoutName(names) + " names" : "names of another model";
        string branch = info.Branch is null ? "" : $", {info.Branch} of a training checkpoint";
        yield return string.Create(CultureInfo.InvariantCulture, $"{info.Path}: {FormatName(info.Format)}, {layout}{branch}, {info.FileBytes:N0} bytes, {info.Tensors.Count} tensors");
        if (info.Config is { } config)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"ViT: hidden {config.HiddenSize}, {config.LayerCount} layers, {config.HeadCount} heads of {config.HeadSize}, MLP {config.MlpSize}, patch {config.PatchSize}, image {config.TrainedImageSize}, LayerNorm epsilon {config.LayerNormEpsilon:R}");
        }

        if (info.Ignored.Count > 0)
            yield return $"ignored: {info.Ignored.Count} keys outside the ViT, such as {string.Join(", ", info.Ignored.Take(3).Select(MessageText.Quote).Select(Printable))}";
        foreach (string one in info.Problems) yield return Printable(one);
        if (info.Problem is { } problem) yield return "cannot be loaded: " + problem;
    }

    /// <summary>Scripts ask by the exit code whether a file can be loaded.</summary>
    private static int Exit(CheckpointInfo info) => info.Problem is null ? ExitCode.Success : ExitCode.Fatal;

    private static string FormatName(CheckpointFormat format) => format switch
    {
        CheckpointFormat.TorchZip => "torch",
        CheckpointFormat.TorchLegacy => "torch before 1.6",
        _ => "safetensors",
    };

    private static string LayoutName(CheckpointLayout layout) => layout == CheckpointLayout.HuggingFace ? "Hugging Face" : "original DINO";

    private static string ShapeText(CheckpointTensor tensor) => $"({string.Join(", ", tensor.Shape)})";

    /// <summary>Names in a file from elsewhere may hold terminal escapes.</summary>
    private static string Printable(string name) => string.Concat(name.Select(c => char.IsControl(c) ? '?' : c));

    private sealed class PlainProgress(TextWriter error) : IProgress<WeightsDownloadProgress>
    {
        private const int Step = 10;
        private long _next = Step;

        public void Report(WeightsDownloadProgress value)
        {
            if (value.Retry is not null) error.WriteLine(value.Retry);
            long percent = value.BytesTotal > 0 ? value.BytesDone * 100 / value.BytesTotal : 0;
            if (percent < _next) return;
            _next = percent / Step * Step + Step;
            error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{percent} %, {value.BytesDone} of {value.BytesTotal} bytes"));
        }
    }

    private sealed class TerminalProgress(IAnsiConsole terminal, ProgressTask task) : IProgress<WeightsDownloadProgress>
    {
        public void Report(WeightsDownloadProgress value)
        {
            if (value.Retry is not null) terminal.MarkupLine(Markup.Escape(value.Retry));
            if (value.BytesTotal > 0) task.MaxValue = value.BytesTotal;
            task.Value = value.BytesDone;
        }
    }
}
