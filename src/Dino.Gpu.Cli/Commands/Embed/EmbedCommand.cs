using Dino.Gpu.Data.Embedding;
using System.CommandLine;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Runs;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino embed</c>: images in, one row an image out, in input order.</summary>
internal sealed class EmbedCommand
{
    public const string Examples = """
          dino embed photos -o photos.npy                        a folder, with its subfolders, to (N, 384) float32
          dino embed cat.jpg dog.png                             JSON Lines on standard output
          dino embed 'photos/**/*.jpg' -o photos.jsonl           a glob, expanded by dino itself
          find photos -name '*.jpg' | dino embed - -o photos.npy
          dino embed photos -o photos.parquet --sha256           a table: path, width, height, sha256, error, embedding
          dino embed photos --format csv > photos.csv            a table for everything else
          dino embed photos -o photos.npz --dtype f16            arrays embedding, path, width, ... in half the space
          dino embed photos -o out --format parquet              a folder of shards; the same command goes on after any end
          dino embed @list.txt -o list.npy --normalize           row i is line i
          dino embed cat.jpg --output tokens -o cat.npy          every token, (1, 197, 384)
          dino embed photos --output last4 -o photos.npy         class tokens of four blocks, (N, 1536)
          dino embed photos --device cuda:all -o photos.npy      every NVIDIA GPU at once, same rows
          dino embed cat.jpg --weights synthetic                 no download; numbers that mean nothing

        Formats: .npy and .safetensors hold numbers (no paths), .npz arrays with the paths among them, .jsonl,
        .csv and .parquet rows with path, width, height and error, where a row of tokens or patches is flat.

        A folder or a glob is sorted by the byte order of its paths. An image that cannot be read is named on
        stderr and keeps its row: NaN in arrays, null in JSON Lines and Parquet, empty cells in CSV.
        With --progress json every line on stderr, but for wrong usage, is an object: event "progress" has done, total,
        failed, imagesPerSecond and secondsLeft; "message", and "error" for why the run ended, have text.
        Exit codes: 0 all well, 1 fatal, 2 wrong usage, 3 some images failed, 130 cancelled.
        """;

    private static readonly Dictionary<string, OnError> OnErrorNames = new() { ["nan"] = OnError.Nan, ["skip"] = OnError.Skip, ["fail"] = OnError.Fail };

    private static readonly Dictionary<string, ProgressKind> ProgressNames = new()
    {
        ["auto"] = ProgressKind.Auto,
        ["bar"] = ProgressKind.Bar,
        ["plain"] = ProgressKind.Lines,
        ["json"] = ProgressKind.Json,
        ["none"] = ProgressKind.None,
    };

    private readonly Argument<string[]> _inputs = new("INPUT")
    {
        Description = InputOptions.Description,
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string?> _pathColumn = InputOptions.PathColumn();
    private readonly Option<string?> _shard = InputOptions.Shard();

    private readonly Option<string?> _file = new("-o", "--out")
    {
        Description = $"A file that ends in {FormatCatalog.Extensions}, which appears when it is whole; or a folder (a name without extension, or out/) of shards, whose run can be gone on with. "
            + "Without it, JSON Lines or CSV on standard output.",
        HelpName = "FILE|DIR",
    };

    private readonly Option<string?> _format = new("--format")
    {
        Description = $"{FormatCatalog.Names.Replace("|", ", ", StringComparison.Ordinal)}: where the extension does not say, and of shards. [default: npy for shards]",
        HelpName = "FORMAT",
    };

    private readonly Option<long> _shardSize = WholeNumber("--shard-size", "Rows of a shard of a folder.", 10_000, 1, int.MaxValue);
    private readonly Option<bool> _overwrite = new("--overwrite") { Description = "Delete another run's shards in the folder and start anew." };

    private readonly Option<string> _onError = new("--on-error")
    {
        Description = "An image that cannot be read: nan keeps its row (NaN, or null), skip leaves it out, fail ends the run.",
        HelpName = "nan|skip|fail",
        DefaultValueFactory = _ => "nan",
    };

    private readonly Option<long?> _maxErrors = new("--max-errors")
    {
        Description = "End the run when more images than that cannot be read. [default: any number]",
        HelpName = "N",
        CustomParser = result => Parsing.Whole(result, "--max-errors", 0, long.MaxValue),
    };

    private readonly Option<string?> _errors = new("--errors")
    {
        Description = "Write the images that cannot be read there, one JSON object a line; a folder of shards has them in errors.jsonl anyway.",
        HelpName = "FILE",
    };

    private readonly Option<long> _timeout = WholeNumber("--image-timeout", "Seconds of reading and decoding after which an image counts as unreadable.", 120, 1, 86_400);
    private readonly Option<string?> _stats = new("--stats") { Description = "Write where the time went there, as JSON.", HelpName = "FILE" };

    private readonly Option<string> _progress = new("--progress")
    {
        Description = "On stderr: a bar, a plain line every few seconds, JSON lines once a second, or none. auto: a bar on a terminal, else lines.",
        HelpName = "auto|bar|plain|json|none",
        DefaultValueFactory = _ => "auto",
    };

    private readonly Option<string> _dtype = new("--dtype")
    {
        Description = "Type of the values in the file; f16 rounds to nearest even.",
        HelpName = "f32|f16",
        DefaultValueFactory = _ => "f32",
    };

    private readonly Option<bool> _sha256 = new("--sha256") { Description = "Add the SHA-256 of every image file, where the format holds text." };

    private readonly Option<string> _output = new("--output")
    {
        Description = "cls: the class token, DINO's embedding. mean: mean of the patch tokens, gem: their generalized mean (exponent 4). cls+mean, cls+gem: both. "
            + "lastN: class tokens of the last N blocks, such as last4; lastN+mean: and the mean. "
            + "multiscale: the class token averaged over the scales 1, 0.71 and 0.5 of the input, of length 1; multiscale:1,0.5 for others. tokens: all of them. patches: as a grid.",
        HelpName = "WHAT",
        DefaultValueFactory = _ => "cls",
    };

    private readonly Option<bool> _normalize = new("--normalize") { Description = "Scale every vector to length 1 (L2)." };

    private readonly EncoderOptions _encoder = new();
    private readonly CliConsole _console;
    private readonly Option<bool> _verbose;
    private readonly Option<bool> _quiet;

    private EmbedCommand(CliConsole console, Option<bool> verbose, Option<bool> quiet)
    {
        _console = console;
        _verbose = verbose;
        _quiet = quiet;
        _format.AcceptOnlyFromAmong([.. FormatCatalog.All.Select(format => format.Name)]);
        _dtype.AcceptOnlyFromAmong("f32", "f16");
        _output.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && OutputKind.Parse(result.Tokens[0].Value) is null)
                result.AddError($"--output: expected {OutputKind.Names}, found '{result.Tokens[0].Value}'");
        });
        _onError.AcceptOnlyFromAmong([.. OnErrorNames.Keys]);
        _progress.AcceptOnlyFromAmong([.. ProgressNames.Keys]);
    }

    public static Command Create(CliConsole console, Option<bool> verbose, Option<bool> quiet)
    {
        var embed = new EmbedCommand(console, verbose, quiet);
        var command = new Command("embed", "Turn images into DINO embeddings, one row an image, in input order.")
        {
            // Grouped as the help lists them: what is written, the inputs, failures, long runs; then the model and the pictures.
            embed._inputs, embed._file, embed._format, embed._output, embed._normalize, embed._dtype, embed._sha256,
            embed._pathColumn, embed._shard, embed._onError, embed._maxErrors, embed._errors, embed._timeout,
            embed._shardSize, embed._overwrite, embed._progress, embed._stats,
        };
        embed._encoder.AddTo(command);
        command.Validators.Add(result =>
        {
            if (OutputTarget.Parse(result.GetValue(embed._file), result.GetValue(embed._format), out string problem) is null)
                result.AddError(problem);
        });
        command.SetAction((parsed, cancellation) =>
        {
            console.ErrorIsJson = ProgressNames[parsed.GetValue(embed._progress)!] == ProgressKind.Json;
            return new EmbedJob(embed.Settings(parsed), console).RunAsync(cancellation);
        });
        return command;
    }

    private EmbedSettings Settings(ParseResult parsed)
    {
        bool verbose = parsed.GetValue(_verbose);
        return new EmbedSettings
        {
            Inputs = parsed.GetValue(_inputs)!,
            PathColumn = parsed.GetValue(_pathColumn),
            Shard = parsed.GetValue(_shard),
            Weights = _encoder.Weights(parsed),
            Embedder = new EmbedderOptions
            {
                Model = _encoder.Model(parsed) with { Warning = verbose ? line => _console.Tell("dino: " + line) : null },
                Output = parsed.GetValue(_output)!,
                Normalize = parsed.GetValue(_normalize),
                Sha256 = parsed.GetValue(_sha256),
                MaxPixels = _encoder.MaxPixels(parsed),
                Workers = _encoder.Workers(parsed),
                ImageTimeout = TimeSpan.FromSeconds(parsed.GetValue(_timeout)),
            },
            Target = OutputTarget.Parse(parsed.GetValue(_file), parsed.GetValue(_format), out _)!,
            Type = parsed.GetValue(_dtype) == "f16" ? FloatType.Float16 : FloatType.Float32,
            ShardSize = parsed.GetValue(_shardSize),
            Overwrite = parsed.GetValue(_overwrite),
            OnError = OnErrorNames[parsed.GetValue(_onError)!],
            MaxErrors = parsed.GetValue(_maxErrors),
            ErrorsFile = parsed.GetValue(_errors),
            StatsFile = parsed.GetValue(_stats),
            Progress = ProgressNames[parsed.GetValue(_progress)!],
            Quiet = parsed.GetValue(_quiet),
            Verbose = verbose,
        };
    }

    private static Option<long> WholeNumber(string name, string description, long standard, long smallest, long largest) => new(name)
    {
        Description = description,
        HelpName = "N",
        DefaultValueFactory = _ => standard,
        CustomParser = result => Parsing.Whole(result, name, smallest, largest),
    };
}
