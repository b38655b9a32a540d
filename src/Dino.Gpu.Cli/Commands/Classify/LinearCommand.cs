using System.CommandLine;
using Dino.Gpu.Classification;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino linear TRAIN TEST</c>: the paper's linear classifier on frozen features.</summary>
internal sealed class LinearCommand
{
    private const string Examples = """
        # one folder per class, embedded now
        dino linear imagenet/train imagenet/val --preprocess dino
        # learn from 80 %, test with the rest
        dino linear photos --split 0.8 --epochs 30 --lr 0.01
        # keep the classifier
        dino linear train.parquet test.parquet --save probe.safetensors
        # apply it to new images
        dino linear --probe probe.safetensors new --unlabeled --predictions p.csv
        """;

    private const string Notes = """
        The learning rate is for 256 images per step and falls along half a cosine; the paper's authors recommend trying several. The
        table shows the classifier after the last epoch, which the files take, and the best epoch.
        """;

    /// <summary>The features that the original trains on with ViT-S.</summary>
    private const string Features = "last4";

    private const int LargestCount = 1_000_000;
    private static readonly LinearProbeOptions Standard = new();

    private readonly Option<long> _epochs = Parsing.Whole(
        "--epochs", "Passes through the images.", Standard.Epochs, 1, LargestCount);

    private readonly Option<long> _batchSize = Parsing.Whole(
        "--batch-size", "Images per training step.", Standard.BatchSize, 1, LargestCount);

    private readonly Option<double> _rate = Parsing.Number(
        "--lr", "Learning rate at the start, for 256 images per step.", Standard.LearningRate, value => value > 0, "a number above 0");

    private readonly Option<double> _momentum = Parsing.Number(
        "--momentum",
        "Share of the last step that the next one keeps.",
        Standard.Momentum,
        value => value is >= 0 and < 1,
        "a number of 0 or more and below 1");

    private readonly Option<double> _decay = Parsing.Number(
        "--weight-decay", "Pull of the weights towards 0.", Standard.WeightDecay, value => value >= 0, "a number of 0 or more");

    private readonly Option<string?> _save = Parsing.File("--save", "Save the classifier as a .safetensors file.");
    private readonly Option<string?> _probe = Parsing.File("--probe", "Apply a classifier that --save wrote. There is no TRAIN then.");

    public static Command Create(CliConsole console)
    {
        var linear = new LinearCommand();
        var options = new ClassifyOptions(console, Features);
        var command = new CliCommand(
            "linear", "Evaluate embeddings by a linear classifier, trained with SGD as the paper does: top-1 and top-5.", Examples, Notes)
        {
            linear._epochs, linear._rate, linear._batchSize, linear._momentum, linear._decay, linear._save, linear._probe,
        };
        options.AddTo(command, linear._probe);
        command.Validators.Add(result =>
        {
            const string Hint = "give TRAIN instead of --probe";
            if (result.GetValue(linear._probe) is null)
                return;
            if (result.GetValue(linear._save) is not null)
                result.AddError(UsageErrors.Of("--save keeps a classifier that is trained now", Hint));
            Option[] training = [linear._epochs, linear._rate, linear._batchSize, linear._momentum, linear._decay];
            if (Array.Find(training, option => result.IsGiven(option)) is { } other)
                result.AddError(UsageErrors.Of($"{other.Name} is for training, and --probe is trained already", Hint));
        });
        command.SetAction((parsed, cancellation) =>
        {
            string? probe = parsed.GetValue(linear._probe);
            ClassifySettings common = options.Settings(parsed, hasProbe: probe is not null);
            var settings = new LinearSettings(common, linear.Training(parsed), probe, parsed.GetValue(linear._save));
            return new LinearJob(settings, console).RunAsync(cancellation);
        });
        return command;
    }

    private LinearProbeOptions Training(ParseResult parsed) => new()
    {
        Epochs = (int)parsed.GetValue(_epochs),
        BatchSize = (int)parsed.GetValue(_batchSize),
        LearningRate = parsed.GetValue(_rate),
        Momentum = parsed.GetValue(_momentum),
        WeightDecay = parsed.GetValue(_decay),
    };
}
