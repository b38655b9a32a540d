using Dino.Gpu.Data.Runs;
using System.CommandLine;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Outputs;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino merge</c>: the parts of a run into one folder or file.</summary>
internal static class MergeCommand
{
    public const string Examples = """
          dino embed photos -o out --shard 0/2                   two parts of a run, here or on two machines
          dino embed photos -o out --shard 1/2
          dino merge out -o merged                               the folder that one process would have written
          dino merge out -o photos.parquet                       one file, in any format
          dino merge a/part-00000-of-00002 b/part-00001-of-00002 -o merged
          dino merge merged -o photos.npy                        a folder of shards into one file

        A folder gets shards of the same size and format as the parts', byte for byte what one process writes. A file has the paths, carried
        columns and errors too where its format holds them; width, height and sha256 where the shards do. Parts of different runs, missing
        or unfinished ones are refused. Exit codes: 0 all well, 1 nothing written, 2 wrong usage, 130 cancelled.
        """;

    public static Command Create(CliConsole console, Option<bool> quiet)
    {
        var folders = new Argument<string[]>("DIR") { Description = "Folders of parts (part-00000-of-00008 and so on), or folders that hold them.", Arity = ArgumentArity.OneOrMore };
        var output = new Option<string>("-o", "--out")
        {
            Description = $"A folder (a name without extension, or merged/) of shards, or a file that ends in {FormatCatalog.Extensions}.",
            HelpName = "FILE|DIR",
            Required = true,
        };
        var overwrite = new Option<bool>("--overwrite") { Description = "Delete another run's shards in the folder." };
        var command = new Command("merge", "Join the parts of a run ('dino embed --shard i/n -o DIR') into one folder or file.") { folders, output, overwrite };
        command.Validators.Add(result =>
        {
            if (result.GetValue(output) is { } file && OutputTarget.Parse(file, null, out string problem, hasFormat: false) is null)
                result.AddError(problem);
        });
        command.SetAction((parsed, cancellation) =>
        {
            OutputTarget target = OutputTarget.Parse(parsed.GetValue(output), null, out _)!;
            bool isQuiet = parsed.GetValue(quiet);
            return Task.Run(() => Run(parsed.GetValue(folders)!, target, parsed.GetValue(overwrite), isQuiet, console, cancellation), cancellation);
        });
        return command;
    }

    private static int Run(
        IReadOnlyList<string> folders, OutputTarget target, bool overwrite, bool quiet, CliConsole console, CancellationToken cancellation)
    {
        MergeResult result;
        bool rowsOnTerminal = target.IsStandardOutput && console.OutputIsTerminal;
        using (var progress = new ConsoleProgress(quiet ? ProgressKind.None : ProgressKind.Auto, console, rowsOnTerminal))
            result = RunMerge.Merge(folders, target, overwrite, console.Output, progress, Tell, cancellation);
        Tell(Summary(result, target));
        return ExitCode.Success;

        void Tell(string line)
        {
            if (!quiet)
                console.Error.WriteLine($"dino: {line}");
        }
    }

    private static string Summary(MergeResult result, OutputTarget target)
    {
        if (result.WasThere)
            return $"{target.Name} holds all {result.Rows} rows already";
        string parts = result.Parts == 1 ? "1 part" : $"{result.Parts} parts";
        string failed = result.Failed == 0 ? "" : $", {result.Failed} of them failed images";
        string shards = result.Shards switch { 0 => "", 1 => ", 1 shard", _ => $", {result.Shards} shards" };
        return $"{result.Rows} rows of {parts}{failed} -> {target.Name}{shards}, rows of ({string.Join(", ", result.RowShape)})";
    }
}
