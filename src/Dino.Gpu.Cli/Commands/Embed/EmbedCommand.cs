using System.CommandLine;
using System.CommandLine.Parsing;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Runs;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino embed</c>: images in, one row per image out, in input order.</summary>
internal sealed class EmbedCommand
{
    private const string Examples = """
        # a folder with its subfolders, to (N, 384) float32
        dino embed photos -o photos.npy
        # JSON Lines on standard output
        dino embed cat.jpg dog.png
        # a glob, expanded by dino itself
        dino embed 'photos/**/*.jpg' -o photos.jsonl
        # paths on standard input
        find photos -name '*.jpg' | dino embed - -o photos.npy
        # a table: path, width, height, sha256, error, embedding
        dino embed photos -o photos.parquet --sha256
        # a table for everything else
        dino embed photos --format csv > photos.csv
        # arrays embedding, path, width, ... in half the space
        dino embed photos -o photos.npz --dtype f16
        # a folder of shards; after an interruption the same command resumes
        dino embed photos -o out --format parquet
        # the images that failed, once more
        dino embed --retry out
        # row i is line i of the list
        dino embed @list.txt -o list.npy --normalize
        # every token, (1, 197, 384)
        dino embed cat.jpg --output tokens -o cat.npy
        # class tokens of four blocks, (N, 1536)
        dino embed photos --output last4 -o photos.npy
        # every NVIDIA GPU at once, the same rows
        dino embed photos --device cuda:all -o photos.npy
        # no download; numbers that mean nothing
        dino embed cat.jpg --weights synthetic
        """;

    private const string Notes = """
        Formats: .npy and .safetensors hold numbers without paths. .npz holds arrays, the paths among them. .jsonl, .csv and .parquet hold
        rows with path, width, height and error; tokens and patches are flat there.

        A folder or a glob is sorted by the byte order of its paths. An image that cannot be read keeps its row: NaN in arrays, null in JSON
        Lines and Parquet, empty cells in CSV. The first ten are named on stderr, all of them with --verbose or --errors.

        With --progress json every line on stderr is a JSON object, except for wrong usage. The event "progress" has done, total, failed,
        imagesPerSecond and secondsLeft; "message" has text; "error" says why the command failed, in text and perhaps hint.
        """;

    private readonly Argument<string[]> _inputs = InputOptions.Images();
    private readonly Option<string?> _pathColumn = InputOptions.PathColumn();
    private readonly Option<string?> _shard = InputOptions.Shard();

    private readonly Option<string?> _file = new("-o", "--out")
    {
        Description = "File or folder to write; without it, JSON Lines or CSV on standard output. "
            + $"A file ends in {FormatCatalog.Extensions} and appears when it is complete. "
            + "A folder (a name without extension, or out/) gets shards, and an interrupted run in it resumes.",
        HelpName = "FILE|DIR",
    };

    private readonly ChoiceOption<string?> _format = new(
        "--format",
        "Format of shards and of standard output, or of a file whose extension does not say it. [default: npy for shards]",
        FormatCatalog.All.Select(format => (format.Name, (string?)format.Name)),
        hasDefault: false)
    { HelpName = "FORMAT" };

    private readonly Option<long> _shardSize = Parsing.Whole("--shard-size", "Rows per shard of a folder.", 10_000, 1, int.MaxValue);
    private readonly Option<bool> _overwrite = Parsing.Switch("--overwrite", "Delete another run's shards in the folder and start over.");

    private readonly Option<bool> _allowMixed = Parsing.Switch(
        "--allow-mixed",
        "Resume although rows will not be those of one process: on another device, with other vectors, or after images were replaced.");

    private readonly Option<string?> _retry = new("--retry")
    {
        Description = "Try the failed images of a finished run again, with the run's own options and list. No INPUT is needed.",
        HelpName = "DIR",
    };

    private readonly ChoiceOption<OnError> _onError = new(
        "--on-error",
        "What happens to an unreadable image. nan: it keeps its row (NaN, or null). skip: it has no row. fail: the run ends.",
        [("nan", OnError.Nan), ("skip", OnError.Skip), ("fail", OnError.Fail)]);

    private readonly Option<long?> _maxErrors = new("--max-errors")
    {
        Description = "End the run when more images than this cannot be read. [default: no limit]",
        HelpName = "N",
        CustomParser = result => Parsing.Whole(result, "--max-errors", 0, long.MaxValue),
    };

    private readonly ChoiceOption<OnIoError> _onIoError = new(
        "--on-io-error",
        "What it does when the system cannot read an image in three tries. fail: end the run, to be resumed. row: as --on-error says.",
        [("fail", OnIoError.Fail), ("row", OnIoError.Row)]);

    private readonly Option<string?> _errors = Parsing.File(
        "--errors", "Write the unreadable images to this file, one JSON object per line. A folder of shards has errors.jsonl anyway.");

    private readonly Option<long> _timeout = Parsing.Whole(
        "--image-timeout", "Seconds of reading and decoding after which an image counts as unreadable.", 120, 1, 86_400);

    private readonly Option<string?> _stats = Parsing.File("--stats", "Write where the time went to this file, as JSON.");

    private readonly ChoiceOption<ProgressKind> _progress = new(
        "--progress",
        "Progress on stderr: a bar, a plain line every few seconds, JSON once a second, or none. auto: a bar on a terminal, else lines.",
        [
            ("auto", ProgressKind.Auto),
            ("bar", ProgressKind.Bar),
            ("plain", ProgressKind.Lines),
            ("json", ProgressKind.Json),
            ("none", ProgressKind.None),
        ]);

    private readonly ChoiceOption<FloatType> _dtype = DataType();

    private readonly Option<bool> _sha256 = Parsing.Switch("--sha256", "Add the SHA-256 of every image file, if the format holds text.");

    private readonly Option<string> _output = new("--output")
    {
        Description = $"What to write for each image. {VectorOptions.Outputs} tokens: all tokens. patches: the patch tokens as a grid.",
        HelpName = "WHAT",
        DefaultValueFactory = _ => "cls",
    };

    private readonly Option<bool> _normalize = Parsing.Switch("--normalize", "Scale every vector to length 1 (L2).");

    private readonly Option<bool> _json = Parsing.Json(
        "Print JSON: with -o an object that says what was written, without it the rows as JSON Lines.");

    private readonly EncoderOptions _encoder;
    private OutputTarget? _target; // what -o and --format name, once they are checked

    private EmbedCommand(CliConsole console)
    {
        _encoder = new EncoderOptions(console);
        _output.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && OutputKind.Parse(result.Tokens[0].Value) is null)
                result.AddError($"--output: expected {OutputKind.Names}, found '{result.Tokens[0].Value}'");
        });
    }

    /// <summary><c>--dtype f32|f16</c></summary>
    public static ChoiceOption<FloatType> DataType() => new(
        "--dtype", "Type of the values in the file. f16 rounds to nearest even.", [("f32", FloatType.Float32), ("f16", FloatType.Float16)]);

    public static Command Create(CliConsole console)
    {
        var embed = new EmbedCommand(console);
        var command = new CliCommand("embed", "Turn images into DINO embeddings, one row per image, in input order.", Examples, Notes)
        {
            embed._inputs, embed._file, embed._format, embed._output, embed._normalize, embed._dtype, embed._sha256,
            embed._pathColumn, embed._shard, embed._onError, embed._onIoError, embed._maxErrors, embed._errors, embed._timeout,
            embed._shardSize, embed._overwrite, embed._allowMixed, embed._retry, embed._progress, embed._stats,
            embed._json,
        };
        embed._encoder.AddTo(command);
        embed._inputs.Arity = ArgumentArity.ZeroOrMore;
        Option[] others = [embed._file, embed._format, embed._output, embed._normalize, embed._dtype, embed._sha256, embed._pathColumn,
            embed._shard, embed._onError, embed._maxErrors, embed._errors, embed._shardSize, embed._overwrite, .. embed._encoder.Choices];
        command.Validators.Add(result =>
        {
            bool hasInputs = result.GetResult(embed._inputs)?.Tokens.Count > 0;
            if (!result.IsGiven(embed._retry))
            {
                if (!hasInputs)
                    result.AddError("expected INPUT, found none");
            }
            else if (hasInputs || Array.Exists(others, option => result.IsGiven(option)))
            {
                string found = hasInputs ? "an INPUT" : Array.Find(others, option => result.IsGiven(option))!.Name;
                result.AddError($"--retry: expected no inputs and no other choice than the run's, found {found}");
            }

            embed._target = Parsing.Read(result, () => OutputTarget.Parse(result.GetValue(embed._file), result.GetValue(embed._format)));
            embed.RefuseWithoutEffect(result);
            EmbeddingFormat? onStandardOutput = embed._target is { IsStandardOutput: true } target ? target.Format : null;
            if (result.GetValue(embed._json) && onStandardOutput is { } format && format != FormatCatalog.JsonLines)
                result.AddError(UsageErrors.Of($"--json: standard output gets {format.Name}", "add -o FILE, or omit --format"));
        });
        command.SetAction((parsed, cancellation) =>
        {
            console.ErrorIsJson = parsed.GetValue(embed._progress) == ProgressKind.Json;
            return new EmbedJob(embed.Settings(parsed), console).RunAsync(cancellation);
        });
        return command;
    }

    private void RefuseWithoutEffect(CommandResult result)
    {
        if (result.IsGiven(_retry))
            return; // which refuses them itself
        if (result.IsGiven(_shardSize) && _target is { IsFolder: false })
            result.AddError(UsageErrors.Of("--shard-size: expected a folder after -o", "a folder's name has no extension, or ends in /"));
        if (result.IsGiven(_maxErrors) && result.GetValue(_onError) == OnError.Fail)
            result.AddError(UsageErrors.Of("--max-errors: expected --on-error nan or skip, found fail", "omit one of the two"));
    }

    private EmbedSettings Settings(ParseResult parsed) => new()
    {
        Inputs = parsed.GetValue(_inputs)!,
        PathColumn = parsed.GetValue(_pathColumn),
        Shard = parsed.GetValue(_shard),
        Weights = _encoder.Weights(parsed),
        Embedder = new EmbedderOptions
        {
            Model = _encoder.Model(parsed),
            Output = parsed.GetValue(_output)!,
            Normalize = parsed.GetValue(_normalize),
            Sha256 = parsed.GetValue(_sha256),
            MaxPixels = _encoder.MaxPixels(parsed),
            Workers = _encoder.Workers(parsed),
            ImageTimeout = TimeSpan.FromSeconds(parsed.GetValue(_timeout)),
        },
        Target = _target!,
        Type = parsed.GetValue(_dtype),
        ShardSize = parsed.GetValue(_shardSize),
        Overwrite = parsed.GetValue(_overwrite),
        OnError = parsed.GetValue(_onError),
        MaxErrors = parsed.GetValue(_maxErrors),
        OnIoError = parsed.GetValue(_onIoError),
        AllowMixed = parsed.GetValue(_allowMixed),
        Retry = parsed.GetValue(_retry),
        ErrorsFile = parsed.GetValue(_errors),
        StatsFile = parsed.GetValue(_stats),
        Progress = parsed.GetValue(_progress),
        Json = parsed.GetValue(_json),
    };
}
