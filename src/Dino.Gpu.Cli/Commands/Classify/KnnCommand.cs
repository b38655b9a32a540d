using System.CommandLine;
using Dino.Gpu.Classification;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino knn TRAIN TEST</c>: the paper's weighted k-nearest-neighbor classifier.</summary>
internal static class KnnCommand
{
    private const int LargestK = 100_000;

    private const string Examples = """
        # one folder per class, embedded now
        dino knn imagenet/train imagenet/val --preprocess dino
        # learn from 80 %, test with the rest
        dino knn photos --split 0.8 --confusion confusion.png
        # paths and a column label, embedded once, used many times
        dino embed labels.csv -o train.parquet
        dino knn train.parquet test.parquet --predictions p.csv
        """;

    private const string Notes =
        "Neighbors vote for their class with exp(cosine / temperature). --confusion and --predictions take the first k.";

    public static Command Create(CliConsole console)
    {
        var ks = new Option<int[]>("--k")
        {
            Description = "Neighbors that vote, or several such numbers separated by commas.",
            HelpName = "N,N",
            DefaultValueFactory = _ => [.. KnnOptions.PublishedK],
            CustomParser = result => Parsing.WholeList(result, "--k", LargestK),
        };
        Option<double> temperature = Parsing.Number(
            "--temperature",
            "A smaller value gives nearer neighbors more weight.",
            new KnnOptions().Temperature,
            value => value > 0, "a number above 0");
        var options = new ClassifyOptions(console, "cls");
        var command = new CliCommand(
            "knn",
            "Evaluate embeddings by their nearest neighbors: top-1 and top-5 of the paper's weighted k-NN classifier.",
            Examples,
            Notes)
        {
            ks, temperature,
        };
        options.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            ClassifySettings common = options.Settings(parsed, hasProbe: false);
            var settings = new KnnSettings(common, parsed.GetValue(ks)!, parsed.GetValue(temperature));
            return new KnnJob(settings, console).RunAsync(cancellation);
        });
        return command;
    }
}
