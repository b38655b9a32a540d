using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Dino.Gpu.Cli.Embedding;
using Dino.Gpu.Cli.Imaging;
using Dino.Gpu.Cli.Inputs;
using Dino.Gpu.Cli.Output;
using Dino.Gpu.Cli.Progress;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino embed</c>: images in, one row an image out, in input order.</summary>
internal sealed class EmbedCommand
{
    public const string Examples = """
          dino embed photos -o photos.npy                        a folder, with its subfolders, to (N, 384) float32
          dino embed cat.jpg dog.png                             JSON Lines on standard output
          dino embed 'photos/**/*.jpg' -o photos.jsonl           a glob, expanded by dino itself
          find photos -name '*.jpg' | dino embed - -o photos.npy
          dino embed @list.txt -o list.npy --normalize           row i is line i
          dino embed cat.jpg --output tokens -o cat.npy          every token, (1, 197, 384)
          dino embed photos --device cuda:all -o photos.npy      every NVIDIA GPU at once, same rows
          dino embed cat.jpg --weights synthetic                 no download; numbers that mean nothing

        A folder or a glob is sorted by the byte order of its paths. An image that cannot be read is named on stderr and
        keeps its row: NaN in .npy, null in JSON Lines. Exit codes: 0 all well, 1 nothing written, 2 wrong usage,
        3 some images failed, 130 cancelled.
        """;

    private static readonly string[] Formats = [EmbeddingOutput.Npy, EmbeddingOutput.JsonLines];

    private static readonly Dictionary<string, OutputKind> OutputKinds = new()
    {
        ["cls"] = OutputKind.ClassToken,
        ["mean"] = OutputKind.Mean,
        ["cls+mean"] = OutputKind.ClassTokenAndMean,
        ["tokens"] = OutputKind.Tokens,
        ["patches"] = OutputKind.Patches,
    };

    private readonly Argument<string[]> _inputs = new("INPUT")
    {
        Description = "Images, folders, globs, @list.txt (one path a line), or - for paths on standard input.",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string?> _file = new("-o", "--out")
    {
        Description = "File to write, .npy or .jsonl; it appears when it is whole. Without it, JSON Lines on standard output.",
        HelpName = "FILE",
    };

    private readonly Option<string?> _format = new("--format")
    {
        Description = "Format of the file, if its extension does not say.",
        HelpName = "npy|jsonl",
    };

    private readonly Option<string> _output = new("--output")
    {
        Description = "cls: the class token, DINO's embedding. mean: mean of the patch tokens. tokens: all of them. patches: as a grid.",
        HelpName = "cls|mean|cls+mean|tokens|patches",
        DefaultValueFactory = _ => "cls",
    };

    private readonly Option<bool> _normalize = new("--normalize") { Description = "Scale every vector to length 1 (L2)." };

    private readonly ModelOptions _model = new();
    private readonly Option<PreprocessPreset> _preprocess = ImageOptions.Preprocess();
    private readonly Option<ImageSize?> _size = ImageOptions.Size("Input size of the model, width first. [default: what it was trained on]");
    private readonly Option<ExifOrientation> _exif = ImageOptions.Exif();
    private readonly Option<string> _decoder = ImageOptions.Decoder();
    private readonly CliConsole _console;
    private readonly Option<bool> _verbose;
    private readonly Option<bool> _quiet;

    private EmbedCommand(CliConsole console, Option<bool> verbose, Option<bool> quiet)
    {
        _console = console;
        _verbose = verbose;
        _quiet = quiet;
        // An unknown option would otherwise be taken for a file; one that is really called so can be written ./-name.
        _inputs.Validators.Add(result =>
        {
            foreach (string unknown in result.Tokens.Select(token => token.Value).Where(value => value.Length > 1 && value[0] == '-' && !File.Exists(value)))
                result.AddError($"there is no option '{unknown}'");
        });
        _format.AcceptOnlyFromAmong(Formats);
        _output.AcceptOnlyFromAmong([.. OutputKinds.Keys]);
    }

    public static Command Create(CliConsole console, Option<bool> verbose, Option<bool> quiet)
    {
        var embed = new EmbedCommand(console, verbose, quiet);
        var command = new Command("embed", "Turn images into DINO embeddings, one row an image, in input order.")
        {
            embed._inputs, embed._file, embed._format, embed._output, embed._normalize,
        };
        embed._model.AddTo(command);
        command.Options.Add(embed._preprocess);
        command.Options.Add(embed._size);
        command.Options.Add(embed._exif);
        command.Options.Add(embed._decoder);
        command.Validators.Add(result =>
        {
            if (EmbeddingOutput.Parse(result.GetValue(embed._file), result.GetValue(embed._format), out string problem) is null)
                result.AddError(problem);
        });
        command.SetAction(embed.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        // Cheap checks first: what would fail at the end of a long run has to fail now.
        List<string> paths = InputExpansion.Expand(parsed.GetValue(_inputs)!, _console.Input);
        EmbeddingOutput output = EmbeddingOutput.Parse(parsed.GetValue(_file), parsed.GetValue(_format), out _)!;
        output.EnsureWritable();
        string weights = await WeightsLocator.FindAsync(_model.Weights(parsed), _console, parsed.GetValue(_quiet), cancellation).ConfigureAwait(false);

        long start = Stopwatch.GetTimestamp();
        ImageSize? size = parsed.GetValue(_size);
        DinoOptions options = _model.Apply(parsed, new DinoOptions
        {
            Preprocess = parsed.GetValue(_preprocess),
            InputWidth = size?.Width,
            InputHeight = size?.Height,
            Orientation = parsed.GetValue(_exif),
            Decoder = ImageDecoders.Create(parsed.GetValue(_decoder)!),
            Warning = line => Say(parsed, line),
        });
        DinoEncoderGroup encoders = await Task.Run(() => DinoEncoderGroup.Load(weights, options), cancellation).WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            string devices = string.Join(" + ", encoders.Devices.Select(device => $"{device.Id} ({device.Name}, {device.Driver})"));
            Say(parsed, $"weights {weights}, device {devices}, "
                + $"input {encoders.InputWidth}x{encoders.InputHeight}, batch {encoders.BatchSize}, ready in {Stopwatch.GetElapsedTime(start).TotalSeconds:F2} s");
            return await EmbedAsync(parsed, encoders, paths, output, cancellation).ConfigureAwait(false);
        }
        finally
        {
            // Disposal waits for the batch in flight; a cancelled run does not.
            Task closing = Task.Run(encoders.Dispose, CancellationToken.None);
            if (!cancellation.IsCancellationRequested)
                await closing.ConfigureAwait(false);
        }
    }

    private async Task<int> EmbedAsync(ParseResult parsed, DinoEncoderGroup encoders, List<string> paths, EmbeddingOutput output, CancellationToken cancellation)
    {
        var layout = new RowLayout(
            OutputKinds[parsed.GetValue(_output)!], parsed.GetValue(_normalize), encoders.Config.HiddenSize, encoders.GridHeight, encoders.GridWidth);
        // With several devices one batch at least waits, so that a device that becomes free never waits for rows to be written.
        int devices = encoders.Devices.Count;
        int inFlight = Math.Max(encoders.BatchesInFlight, devices == 1 ? 1 : devices + 1);
        var pipeline = new EmbeddingPipeline(
            encoders.PrepareForDevice, images => encoders.ForwardPrepared(images, layout.Needed), encoders.BatchSize, _model.Workers(parsed), inFlight);
        var counter = new ProgressCounter(paths.Count);

        int failures;
        using (IEmbeddingWriter writer = output.Open(layout.Shape, _console.Output))
        using (IProgressDisplay progress = ProgressDisplay.Create(counter, _console, parsed.GetValue(_quiet), output.IsStandardOutput && _console.OutputIsTerminal))
        {
            var run = new EmbedRun(layout, writer, progress);
            await pipeline.RunAsync(paths, run, cancellation).ConfigureAwait(false);
            writer.Complete();
            failures = run.Failures;
        }

        if (!parsed.GetValue(_quiet))
        {
            string images = paths.Count == 1 ? "1 image" : $"{paths.Count} images";
            string failed = failures == 0 ? "" : $", {failures} failed";
            _console.Error.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"dino: {images} in {counter.Elapsed.TotalSeconds:F1} s ({counter.ImagesPerSecond:F1} images/s){failed} -> {output.Name}, rows of ({string.Join(", ", layout.Shape)})"));
        }

        return failures == 0 ? ExitCode.Success : ExitCode.SomeImagesFailed;
    }

    private void Say(ParseResult parsed, string line)
    {
        if (parsed.GetValue(_verbose))
            _console.Error.WriteLine("dino: " + line);
    }
}
