using System.CommandLine;
using System.Globalization;
using Dino.Gpu.Classification;
using Dino.Gpu.Cli.Terminal;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino knn TRAIN TEST</c>: the paper's weighted k-nearest-neighbor classifier.</summary>
internal static class KnnCommand
{
    private const int LargestK = 100_000;

    public const string Examples = """
          dino knn imagenet/train imagenet/val --preprocess dino     a folder a class, embedded now
          dino knn photos --split 0.8 --confusion confusion.png      learn from 80 %, test with the rest
          dino embed labels.csv -o train.parquet                     paths and a column label, embedded once ...
          dino knn train.parquet test.parquet --predictions p.csv    ... and used as often as one likes

        Neighbors vote for their class with exp(cosine / temperature). Files are of the first k. Exit codes:
        0 all well, 1 no result, 2 wrong usage, 3 some images failed, 130 cancelled.
        """;

    public static Command Create(CliConsole console, Option<bool> verbose, Option<bool> quiet)
    {
        var ks = new Option<int[]>("--k")
        {
            Description = $"Neighbors that vote, several separated by commas. [default: {string.Join(',', KnnOptions.PublishedK)}]",
            HelpName = "N,N",
            CustomParser = result =>
            {
                var values = new List<int>();
                foreach (string text in result.Tokens[0].Value.Split(','))
                {
                    if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int k) || k is < 1 or > LargestK)
                    {
                        result.AddError($"--k: expected whole numbers from 1 to {LargestK}, separated by commas, found '{result.Tokens[0].Value}'");
                        return null!;
                    }

                    values.Add(k);
                }

                return [.. values];
            },
        };
        var temperature = new Option<double>("--temperature")
        {
            Description = "How much nearer neighbors count more.",
            HelpName = "T",
            DefaultValueFactory = _ => new KnnOptions().Temperature,
            CustomParser = result => ClassifyOptions.Number(result, "--temperature", value => value > 0, "a number above 0"),
        };
        var options = new ClassifyOptions("cls");
        var command = new Command("knn", "Judge embeddings by their nearest neighbors: top-1 and top-5 of the paper's weighted k-NN classifier.") { ks, temperature };
        options.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            ClassifySettings common = options.Settings(parsed, probe: false, parsed.GetValue(verbose), parsed.GetValue(quiet));
            int[] k = parsed.GetResult(ks) is null ? [.. KnnOptions.PublishedK] : parsed.GetValue(ks)!;
            return new KnnJob(new KnnSettings(common, k, parsed.GetValue(temperature)), console).RunAsync(parsed.InvocationConfiguration.Output, cancellation);
        });
        return command;
    }
}
