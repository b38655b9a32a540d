using System.CommandLine;

namespace Dino.Gpu.Cli.Help;

/// <summary>
/// The order of help: the heading of each option and command, and the options that <c>-h</c> shows. An option has the
/// same place in every command.
/// </summary>
internal static class HelpLayout
{
    /// <summary>The most options that <c>-h</c> shows.</summary>
    public const int ShortOptions = 10;

    /// <summary>The headings in the order of the help, each with its options.</summary>
    private static readonly (string Heading, string[] Names)[] OptionGroups =
    [
        ("Output", ["-o", "--output", "--format", "--normalize", "--dtype", "--sha256", "--json", "--list", "--html"]),
        ("Pictures", ["--head", "--map", "--overlay", "--alpha", "--sheet", "--npy", "--no-maps"]),
        ("Results", ["--confusion", "--predictions", "--save"]),
        ("Features", ["--what", "--layer", "--raw", "--last-blocks"]),
        ("Inputs", ["--path-column", "--shard", "--label-column", "--split", "--unlabeled", "--probe", "--reference", "--force"]),
        ("Search", ["-k", "--threshold", "--exclude-self", "--transforms"]),
        ("Databases", ["--hnsw", "--prune"]),
        ("Classifier", ["--k", "--temperature", "--epochs", "--lr", "--batch-size", "--momentum", "--weight-decay", "--seed"]),
        ("Measurement", ["--batches", "--rounds", "--model-only"]),
        ("Server", ["--host", "--port", "--grpc-port", "--tls", "--allowed-hosts", "--model-id", "--no-page", "--drain"]),
        ("Index", ["--index", "--read-only", "--pictures"]),
        ("Requests", ["--api-key-file", "--allow-urls", "--max-body", "--max-items", "--queue", "--batch-delay"]),
        ("Failures", ["--on-error", "--on-io-error", "--max-errors", "--errors", "--image-timeout"]),
        ("Long runs", ["--shard-size", "--retry", "--overwrite", "--allow-mixed", "--progress", "--stats"]),
        ("Model", ["--weights", "--branch", "--heads", "--device", "--precision", "--batch", "--threads", "--vector", "--interpolation"]),
        ("Checkpoint", ["--model", "--repository", "--file", "--revision", "--endpoint"]),
        ("Images", ["--size", "--preprocess", "--exif", "--decoder", "--decode", "--max-pixels"]),
        ("General", ["--quiet", "--verbose", "--help", "--version"]),
    ];

    /// <summary>The options that people use most, in the order of <c>-h</c>.</summary>
    private static readonly string[] Popular =
    [
        "-o", "--output", "-k", "--k", "--split", "--what", "--layer", "--head", "--overlay", "--sheet", "--epochs", "--lr",
        "--save", "--host", "--port", "--index", "--pictures", "--api-key-file", "--probe", "--threshold", "--html", "--list", "--json",
        "--batches", "--rounds", "--model-only", "--format", "--branch",
        "--endpoint", "--confusion", "--predictions", "--normalize", "--weights", "--device", "--batch", "--size", "--shard",
        "--dtype", "--overwrite", "--preprocess", "--npy", "--exclude-self", "--seed", "--progress", "--quiet", "--verbose", "--help",
    ];

    private static readonly (string Heading, string[] Names)[] CommandGroups =
    [
        ("Embeddings", ["embed", "merge"]),
        ("Search", ["index", "search", "compare", "dedup"]),
        ("Attention and features", ["attention", "features", "pca"]),
        ("Classification", ["knn", "linear"]),
        ("Server", ["serve"]),
        ("Setup", ["weights", "models", "devices", "bench", "compare-precision", "preprocess"]),
        ("Help", ["help", "completion"]),
    ];

    /// <summary>The options of a command, and those that every command has, under their headings.</summary>
    public static IEnumerable<(string Heading, IReadOnlyList<Option> Options)> Options(Command command)
    {
        Option[] all = [.. All(command)];
        foreach ((string heading, string[] names) in OptionGroups)
        {
            Option[] members = [.. names.SelectMany(name => all.Where(option => option.Name == name))];
            if (members.Length > 0)
                yield return (heading, members);
        }
    }

    /// <summary>The options that <c>-h</c> shows.</summary>
    public static IReadOnlyList<Option> ShortList(Command command)
    {
        Option[] all = [.. All(command)];
        return [.. Popular.SelectMany(name => all.Where(option => option.Name == name)).Take(ShortOptions)];
    }

    /// <summary>The subcommands under their headings. Those of a subcommand have one heading.</summary>
    public static IEnumerable<(string Heading, IReadOnlyList<Command> Commands)> Commands(Command command)
    {
        Command[] all = [.. command.Subcommands.Where(one => !one.Hidden)];
        if (command is not RootCommand)
        {
            yield return ("Commands", all);
            yield break;
        }

        foreach ((string heading, string[] names) in CommandGroups)
            yield return (heading, [.. names.SelectMany(name => all.Where(one => one.Name == name))]);
    }

    /// <summary>A command's own options, then those that every command has.</summary>
    private static IEnumerable<Option> All(Command command)
    {
        IEnumerable<Option> inherited = command.Parents.OfType<Command>().SelectMany(All).Where(option => option.Recursive);
        return command.Options.Concat(inherited).Where(option => !option.Hidden).DistinctBy(option => option.Name);
    }
}
