using System.CommandLine;
using System.CommandLine.Parsing;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;

namespace Dino.Gpu.Cli.Commands;

/// <summary>Arguments and options that <c>dino knn</c> and <c>dino linear</c> share.</summary>
/// <param name="console">Receives what <see cref="EncoderOptions"/> reports.</param>
/// <param name="output">Default of <c>--output</c>.</param>
internal sealed class ClassifyOptions(CliConsole console, string output)
{
    private readonly Argument<string> _train = new("TRAIN")
    {
        Description = "Labeled images or embeddings to learn from. Images are in one folder per class, TRAIN/CLASS/..., and are "
            + "embedded now. Embeddings are a file in any format that has paths or a label column, or the folder of a run.",
    };

    private readonly Argument<string?> _test = new("TEST")
    {
        Description = "Images or embeddings to test with, like TRAIN. Without TEST, --split takes a part of TRAIN.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string?> _labelColumn = new("--label-column")
    {
        Description = "Column with the labels, of embeddings or of a list of images. "
            + "[default: label; without that column the names of the images' folders]",
        HelpName = "NAME",
    };

    private readonly Option<double?> _split = new("--split")
    {
        Description = "Share of each class in TRAIN to learn from, such as 0.8. The rest is the test. For use without TEST.",
        HelpName = "SHARE",
        CustomParser = result => Parsing.Number(result, "--split", value => value is > 0 and < 1, "a share between 0 and 1"),
    };

    private readonly Option<ulong> _seed = Parsing.Seed("Seed of everything random.", 0);

    private readonly Option<bool> _unlabeled = new("--unlabeled", "--unlabelled")
    {
        Description = "Only predict, into --predictions: the classes of TEST are not known.",
    };

    private readonly Option<bool> _json = Parsing.Json("Print JSON instead of a table.");
    private readonly Option<string?> _confusion = Parsing.File("--confusion", "Draw the confusion matrix into a PNG file.", ".png");

    private readonly Option<string?> _predictions = Parsing.File(
        "--predictions", "Write path, label, predicted class, correct, score, and the next four classes of each test image.", ".csv");

    private readonly VectorOptions _vectors = new(console, output);

    /// <param name="command">Gets the arguments and options.</param>
    /// <param name="trainedProbe">The option that replaces TRAIN; null if there is none.</param>
    public void AddTo(Command command, Option<string?>? trainedProbe = null)
    {
        command.Arguments.Add(_train);
        command.Arguments.Add(_test);
        foreach (Option option in new Option[] { _labelColumn, _split, _seed, _unlabeled, _json, _confusion, _predictions })
            command.Options.Add(option);
        _vectors.AddTo(command);
        command.Validators.Add(result => Check(result, trainedProbe));
    }

    /// <summary>What the options say.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="hasProbe">Whether a trained classifier replaces TRAIN.</param>
    public ClassifySettings Settings(ParseResult parsed, bool hasProbe)
    {
        string first = parsed.GetValue(_train)!;
        VectorSettings vectors = _vectors.Settings(parsed);
        return new ClassifySettings
        {
            Train = hasProbe ? null : first,
            Test = hasProbe ? first : parsed.GetValue(_test),
            LabelColumn = parsed.GetValue(_labelColumn),
            Split = parsed.GetValue(_split),
            Seed = parsed.GetValue(_seed),
            Unlabeled = parsed.GetValue(_unlabeled),
            Vectors = vectors,
            Source = vectors.Standard,
            Json = parsed.GetValue(_json),
            Confusion = parsed.GetValue(_confusion),
            Predictions = parsed.GetValue(_predictions),
        };
    }

    private void Check(CommandResult result, Option<string?>? trainedProbe)
    {
        bool probe = trainedProbe is not null && result.GetValue(trainedProbe) is not null;
        bool split = result.GetResult(_split) is not null;
        bool test = result.GetResult(_test) is { Tokens.Count: > 0 };
        if (probe && (test || split))
            result.AddError("--probe: expected TEST alone, found TRAIN or --split too");
        else if (!probe && !test && !split)
        {
            result.AddError(UsageErrors.Of(
                "expected TRAIN and TEST, found TRAIN alone", "give TEST, or --split SHARE to test with a part of TRAIN"));
        }
        else if (!probe && test && split)
            result.AddError(UsageErrors.Of("expected TEST or --split, found both", "--split divides TRAIN if there is no TEST"));
        if (!result.GetValue(_unlabeled))
            return;
        if (split || result.GetValue(_predictions) is null || result.GetValue(_confusion) is not null)
            result.AddError("--unlabeled: expected TEST and --predictions FILE.csv, without --split and --confusion");
    }
}
