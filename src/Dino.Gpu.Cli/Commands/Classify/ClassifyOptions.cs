using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Cli.Commands;

/// <summary>Arguments and options that <c>dino knn</c> and <c>dino linear</c> have in common.</summary>
/// <param name="pooling">What <c>--output</c> is when it is not given.</param>
internal sealed class ClassifyOptions(string pooling)
{
    private readonly Argument<string> _train = new("TRAIN")
    {
        Description = "Labelled images in a folder a class, TRAIN/CLASS/..., or embeddings with labels: a file in any format that has paths or a label column, or the folder of a run. Images are embedded now.",
    };

    private readonly Argument<string?> _test = new("TEST") { Description = "The same, to test with; or --split.", Arity = ArgumentArity.ZeroOrOne };

    private readonly Option<string?> _labelColumn = new("--label-column")
    {
        Description = "Column of embeddings or of a list of images that has the labels. Without a column 'label' they are the names of the images' folders.",
        HelpName = "NAME",
    };

    private readonly Option<double?> _split = new("--split")
    {
        Description = "Without TEST: learn from this share of each class in TRAIN, such as 0.8, and test with the rest.",
        HelpName = "SHARE",
        CustomParser = result => Number(result, "--split", value => value is > 0 and < 1, "a share between 0 and 1"),
    };

    private readonly Option<ulong> _seed = new("--seed") { Description = "Of everything that is left to chance.", HelpName = "N", DefaultValueFactory = _ => 0 };
    private readonly Option<bool> _unlabelled = new("--unlabelled") { Description = "TEST's classes are not known: only predict, into --predictions." };
    private readonly Option<bool> _json = new("--json") { Description = "JSON instead of a table." };
    private readonly Option<string?> _confusion = new("--confusion") { Description = "Draw the confusion matrix into a PNG file.", HelpName = "FILE.png" };

    private readonly Option<string?> _predictions = new("--predictions")
    {
        Description = "Write path, label, predicted class, correct, score, and the next four classes of each test image.",
        HelpName = "FILE.csv",
    };

    private readonly VectorOptions _vectors = new(pooling);

    /// <param name="command">Gets the arguments and options.</param>
    /// <param name="trainedProbe">The option that stands in for TRAIN; null where there is none.</param>
    public void AddTo(Command command, Option<string?>? trainedProbe = null)
    {
        command.Arguments.Add(_train);
        command.Arguments.Add(_test);
        foreach (Option option in new Option[] { _labelColumn, _split, _seed, _unlabelled, _json, _confusion, _predictions })
            command.Options.Add(option);
        _vectors.AddTo(command);
        command.Validators.Add(result =>
        {
            bool probe = trainedProbe is not null && result.GetValue(trainedProbe) is not null;
            bool split = result.GetResult(_split) is not null;
            bool test = result.GetResult(_test) is { Tokens.Count: > 0 };
            if (probe && (test || split))
                result.AddError("a trained --probe takes TEST alone, without TRAIN and --split");
            else if (!probe && !test && !split)
                result.AddError("expected TRAIN and TEST, or --split SHARE to test with a part of TRAIN");
            else if (!probe && test && split)
                result.AddError("--split divides TRAIN where there is no TEST");
            if (!result.GetValue(_unlabelled))
                return;
            if (split || result.GetValue(_predictions) is null || result.GetValue(_confusion) is not null)
                result.AddError("--unlabelled takes a TEST and --predictions FILE.csv, without --confusion");
        });
    }

    /// <summary>Copies what the options say.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="probe">Whether there is a classifier already.</param>
    /// <param name="verbose">Of every command.</param>
    /// <param name="quiet">Of every command.</param>
    /// <param name="like">What made the vectors that the probe was trained on.</param>
    public ClassifySettings Settings(ParseResult parsed, bool probe, bool verbose, bool quiet, Provenance? like = null)
    {
        string first = parsed.GetValue(_train)!;
        return new ClassifySettings
        {
            Train = probe ? null : first,
            Test = probe ? first : parsed.GetValue(_test),
            LabelColumn = parsed.GetValue(_labelColumn),
            Split = parsed.GetValue(_split),
            Seed = parsed.GetValue(_seed),
            Unlabelled = parsed.GetValue(_unlabelled),
            Source = _vectors.Settings(parsed, verbose, quiet, like),
            Json = parsed.GetValue(_json),
            Confusion = parsed.GetValue(_confusion),
            Predictions = parsed.GetValue(_predictions),
        };
    }

    /// <summary>A number that passes a test, or one line that says which would.</summary>
    public static double Number(ArgumentResult result, string name, Func<double, bool> fits, string expected)
    {
        string text = result.Tokens[0].Value;
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value) && fits(value))
            return value;
        result.AddError($"{name}: expected {expected}, found '{text}'");
        return 1;
    }
}
