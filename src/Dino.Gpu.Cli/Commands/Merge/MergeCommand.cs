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
            var settings = new MergeSettings(
                parsed.GetValue(folders)!, OutputTarget.Parse(parsed.GetValue(output), null, out _)!, parsed.GetValue(overwrite), parsed.GetValue(quiet));
            return Task.Run(() => new RunMerge(settings, console).Run(cancellation), cancellation);
        });
        return command;
    }
}
