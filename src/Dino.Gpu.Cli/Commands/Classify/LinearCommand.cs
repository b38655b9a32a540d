using System.CommandLine;
using System.CommandLine.Parsing;
using Dino.Gpu.Classification;
using Dino.Gpu.Cli.Terminal;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino linear TRAIN TEST</c>: the paper's linear classifier on frozen features.</summary>
internal sealed class LinearCommand
{
    public const string Examples = """
          dino linear imagenet/train imagenet/val --preprocess dino       a folder a class, embedded now
          dino linear photos --split 0.8 --epochs 30 --lr 0.01            learn from 80 %, test with the rest
          dino linear train.parquet test.parquet --save probe.safetensors keep the classifier
          dino linear --probe probe.safetensors new --unlabelled --predictions p.csv

        The learning rate is for 256 images a step and falls along half a cosine; the paper's authors
        recommend to try several. The table has the classifier after the last epoch, which files are of, and
        the best epoch. Exit codes: 0 all well, 1 no result, 2 wrong usage, 3 some images failed, 130
        cancelled.
        """;

    /// <summary>What the original trains on with ViT-S.</summary>
    private const string Features = "last4";

    private const int LargestCount = 1_000_000;
    private static readonly LinearProbeOptions Standard = new();

    private readonly Option<int> _epochs = Whole("--epochs", "Times that every image is trained on.", Standard.Epochs);
    private readonly Option<int> _batchSize = Whole("--batch-size", "Images of a training step.", Standard.BatchSize);
    private readonly Option<double> _rate = Number("--lr", "Learning rate at the start, for 256 images a step.", Standard.LearningRate, value => value > 0, "a number above 0");
    private readonly Option<double> _momentum = Number("--momentum", "Share of the last step that goes on.", Standard.Momentum, value => value is >= 0 and < 1, "a number from 0 up to, not including, 1");
    private readonly Option<double> _decay = Number("--weight-decay", "Pull of the weights towards 0.", Standard.WeightDecay, value => value >= 0, "a number from 0 on");
    private readonly Option<string?> _save = new("--save") { Description = "Keep the classifier in a .safetensors file.", HelpName = "FILE" };
    private readonly Option<string?> _probe = new("--probe") { Description = "Apply a classifier that was kept; there is no TRAIN then.", HelpName = "FILE" };

    public static Command Create(CliConsole console, Option<bool> verbose, Option<bool> quiet)
    {
        var linear = new LinearCommand();
        var options = new ClassifyOptions(Features);
        var command = new Command("linear", "Judge embeddings by a linear classifier, trained with SGD as the paper does: top-1 and top-5.")
        {
            linear._epochs, linear._rate, linear._batchSize, linear._momentum, linear._decay, linear._save, linear._probe,
        };
        options.AddTo(command, linear._probe);
        command.Validators.Add(result =>
        {
            if (result.GetValue(linear._probe) is not null && result.GetValue(linear._save) is not null)
                result.AddError("--save keeps a classifier that was trained now: give TRAIN instead of --probe");
        });
        command.SetAction((parsed, cancellation) =>
        {
            LinearProbe? probe = parsed.GetValue(linear._probe) is { } file ? LinearProbe.Load(file) : null;
            var training = new LinearProbeOptions
            {
                Epochs = parsed.GetValue(linear._epochs),
                BatchSize = parsed.GetValue(linear._batchSize),
                LearningRate = parsed.GetValue(linear._rate),
                Momentum = parsed.GetValue(linear._momentum),
                WeightDecay = parsed.GetValue(linear._decay),
            };
            ClassifySettings common = options.Settings(parsed, probe is not null, parsed.GetValue(verbose), parsed.GetValue(quiet), probe is null ? null : ProbeModel.Of(probe));
            var settings = new LinearSettings(common, training, probe, parsed.GetValue(linear._probe), parsed.GetValue(linear._save));
            return new LinearJob(settings, console).RunAsync(parsed.InvocationConfiguration.Output, cancellation);
        });
        return command;
    }

    private static Option<int> Whole(string name, string description, int standard) => new(name)
    {
        Description = description,
        HelpName = "N",
        DefaultValueFactory = _ => standard,
        CustomParser = result => (int)Parsing.Whole(result, name, 1, LargestCount),
    };

    private static Option<double> Number(string name, string description, double standard, Func<double, bool> fits, string expected) => new(name)
    {
        Description = description,
        HelpName = "X",
        DefaultValueFactory = _ => standard,
        CustomParser = (ArgumentResult result) => ClassifyOptions.Number(result, name, fits, expected),
    };
}
