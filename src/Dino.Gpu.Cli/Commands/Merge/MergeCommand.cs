using System.CommandLine;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Outputs;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino merge</c>: joins the parts of a run into one folder or file.</summary>
internal static class MergeCommand
{
    private const string Examples = """
        # two parts of a run, here or on two machines
        dino embed photos -o out --shard 0/2
        dino embed photos -o out --shard 1/2
        # the folder that one process would have written
        dino merge out -o merged
        # one file, in any format
        dino merge out -o photos.parquet
        # parts from different places
        dino merge a/part-00000-of-00002 b/part-00001-of-00002 -o merged
        # a folder of shards into one file
        dino merge merged -o photos.npy
        """;

    private const string Notes = """
        A folder gets shards of the same size and format as the parts, byte for byte what one process writes. A file gets the paths, carried
        columns and errors if its format holds them, and width, height and sha256 if the shards have them. Parts of different runs, missing
        parts and unfinished parts are refused.
        """;

    public static Command Create(CliConsole console)
    {
        var folders = new Argument<string[]>("DIR")
        {
            Description = "Folders of parts (part-00000-of-00008 and so on), or folders that hold them.",
            Arity = ArgumentArity.OneOrMore,
        };
        var output = new Option<string>("-o", "--out")
        {
            Description = "Folder or file to write. A folder (a name without extension, or merged/) gets shards; "
                + $"a file ends in {FormatCatalog.Extensions}.",
            HelpName = "FILE|DIR",
            Required = true,
        };
        var overwrite = new Option<bool>("--overwrite") { Description = "Delete another run's shards in the folder." };
        Option<bool> allowMixed = Parsing.Switch("--allow-mixed", "Join parts whose rows differ in their last digits.");
        Option<bool> json = Parsing.Json();
        var command = new CliCommand(
            "merge", "Join the parts of a run ('dino embed --shard i/n -o DIR') into one folder or file.", Examples, Notes)
        {
            folders, output, overwrite, allowMixed, json,
        };
        OutputTarget? target = null;
        command.Validators.Add(result =>
        {
            if (result.GetValue(output) is { } file)
                target = Parsing.Read(result, () => OutputTarget.Parse(file, format: null, hasFormat: false));
            if (result.GetValue(json) && target is { IsStandardOutput: true })
                result.AddError(UsageErrors.Of("--json: standard output gets the rows", "add -o FILE"));
        });
        command.SetAction((parsed, cancellation) =>
        {
            var job = new MergeJob(
                parsed.GetValue(folders)!, target!, parsed.GetValue(overwrite), parsed.GetValue(allowMixed), parsed.GetValue(json),
                console);
            return Task.Run(() => job.Run(cancellation), cancellation);
        });
        return command;
    }
}
