using System.CommandLine;
using Dino.Gpu.Cli.Terminal;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino search INDEX QUERY...</c>: the most similar images.</summary>
internal static class SearchCommand
{
    public const string Examples = """
          dino search photos.npz query.jpg                     the ten nearest of an index
          dino search photos.npz holiday/ --html found.html    a folder of queries; a page of thumbnails
          dino search photos photos --exclude-self -k 5        each picture's neighbors among the others
          dino search photos.npy queries.npy --json            vectors by vectors, as JSON Lines
          dino search photos.npz q.jpg --threshold 0.8 | cut -f4

        Scores are cosines; the result is exact: that of sorting all of them in double precision. In a pipe
        a result is a line of query, rank, score and path, separated by tabs. Images are embedded as INDEX
        says it was made (weights, size, preprocessing), unless options say otherwise; other weights are
        refused. Exit codes: 0 all well, 1 failed, 2 wrong usage, 3 some images could not be read, 130
        cancelled.
        """;

    private const int MostNeighbors = 1_000_000;

    public static Command Create(CliConsole console, Option<bool> verbose, Option<bool> quiet)
    {
        var index = new Argument<string>("INDEX") { Description = "A file of 'dino index', any embeddings (a file, or the folder of a run), or a folder of images." };
        var queries = new Argument<string[]>("QUERY") { Description = VectorOptions.Description, Arity = ArgumentArity.OneOrMore };
        var k = new Option<int>("-k")
        {
            Description = "Neighbors of each query.",
            HelpName = "N",
            DefaultValueFactory = _ => 10,
            CustomParser = result => (int)Parsing.Whole(result, "-k", 1, MostNeighbors),
        };
        Option<double?> threshold = ThresholdOption.Create("Leave out what has a smaller cosine.");
        var excludeSelf = new Option<bool>("--exclude-self") { Description = "Leave out the query's own row: the same file, or without paths the row of the same number." };
        var json = new Option<bool>("--json") { Description = "JSON Lines, one object a query." };
        Option<string?> html = HtmlOption();
        var vectors = new VectorOptions();
        var command = new Command("search", "Find the images most similar to a query image, by the cosine of their embeddings.") { index, queries, k, threshold, excludeSelf, json, html };
        vectors.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            var settings = new SearchSettings
            {
                Index = parsed.GetValue(index)!,
                Queries = parsed.GetValue(queries)!,
                K = parsed.GetValue(k),
                Threshold = parsed.GetValue(threshold),
                ExcludeSelf = parsed.GetValue(excludeSelf),
                Json = parsed.GetValue(json),
                Html = parsed.GetValue(html),
                Source = model => vectors.Settings(parsed, parsed.GetValue(verbose), parsed.GetValue(quiet), model),
            };
            return new SearchJob(settings, console, parsed.InvocationConfiguration.Output).RunAsync(cancellation);
        });
        return command;
    }

    /// <summary><c>--html FILE</c></summary>
    public static Option<string?> HtmlOption() => new("--html")
    {
        Description = "A page of thumbnails too: one file that any browser opens, dark or light as the system is.",
        HelpName = "FILE",
    };
}
