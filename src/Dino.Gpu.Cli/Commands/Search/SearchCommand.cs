using System.CommandLine;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino search INDEX QUERY...</c>: the most similar images.</summary>
internal static class SearchCommand
{
    private const string Examples = """
        # the ten nearest of an index
        dino search photos.npz query.jpg
        # a folder of queries; a page of thumbnails
        dino search photos.npz holiday/ --html found.html
        # each picture's neighbors among the others
        dino search photos photos --exclude-self -k 5
        # vectors by vectors, as JSON Lines
        dino search photos.npy queries.npy --json
        # in a database
        dino search 'postgres://me@localhost/gallery?table=photos' query.jpg
        # only the paths
        dino search photos.npz q.jpg --threshold 0.8 | cut -f4
        """;

    private const string Notes = """
        Scores are cosines. The result is exact: it is the same as sorting all scores in double precision. In a pipe each result is a line
        of query, rank, score and path, separated by tabs.

        Images are embedded in the way that INDEX was made (weights, size, preprocessing), unless options say otherwise. Other weights
        are refused.
        """;

    private const int MostNeighbors = 1_000_000;

    public static Command Create(CliConsole console)
    {
        var index = new Argument<string>("INDEX")
        {
            Description = "A file of 'dino index', any embeddings (a file, or the folder of a run), a folder of images, or a database: "
                + "postgres://USER@HOST/DATABASE?table=NAME or qdrant://HOST:6334/COLLECTION.",
        };
        var queries = new Argument<string[]>("QUERY") { Description = VectorOptions.Description, Arity = ArgumentArity.OneOrMore };
        Option<long> k = Parsing.Whole("-k", "Neighbors of each query.", 10, 1, MostNeighbors);
        Option<double?> threshold = SearchOptions.Threshold("Leave out results with a smaller cosine.");
        Option<bool> excludeSelf = Parsing.Switch(
            "--exclude-self", "Leave out the query's own row: the same file or, if there are no paths, the row of the same number.");
        Option<bool> json = Parsing.Json("Print JSON Lines, one object per query.");
        Option<string?> html = SearchOptions.Html();
        var vectors = new VectorOptions(console);
        var command = new CliCommand(
            "search", "Find the images most similar to a query image, by the cosine of their embeddings.", Examples, Notes)
        {
            index, queries, k, threshold, excludeSelf, json, html,
        };
        vectors.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            var settings = new SearchSettings
            {
                Index = parsed.GetValue(index)!,
                Queries = parsed.GetValue(queries)!,
                K = (int)parsed.GetValue(k),
                Threshold = parsed.GetValue(threshold),
                ExcludeSelf = parsed.GetValue(excludeSelf),
                Json = parsed.GetValue(json),
                Html = parsed.GetValue(html),
                Vectors = vectors.Settings(parsed),
            };
            return new SearchJob(settings, console).RunAsync(cancellation);
        });
        return command;
    }
}
