using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Runs;
using Dino.Gpu.Files;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino merge</c>.</summary>
/// <param name="folders">Parts, or folders that hold them.</param>
/// <param name="target">One file, or a folder of shards.</param>
/// <param name="overwrite">Whether another run's shards in the folder are deleted.</param>
/// <param name="allowMixed">Whether parts may be joined whose rows differ in their last digits.</param>
/// <param name="json">Whether to print as JSON what was written.</param>
/// <param name="console">Standard streams.</param>
internal sealed class MergeJob(
    IReadOnlyList<string> folders, OutputTarget target, bool overwrite, bool allowMixed, bool json, CliConsole console)
{
    /// <returns>0</returns>
    /// <exception cref="DinoException">The parts do not fit together, or a file cannot be read or written.</exception>
    public int Run(CancellationToken cancellation)
    {
        MergeResult result;
        using (var progress = new ConsoleProgress(ProgressKind.Auto, console, target.IsStandardOutput && console.OutputIsTerminal))
            result = RunMerge.Merge(folders, target, overwrite, allowMixed, console.Output, progress, console.Note, cancellation);
        console.Say(Summary(result));
        if (json)
            WriteJson(result);
        return ExitCode.Success;
    }

    private void WriteJson(MergeResult result) => console.WriteJson(
        new WrittenRows(
            JsonLinesWriter.Unicode(target.Name), true, result.Rows, result.Failed, target.IsFolder ? result.Shards : null, result.RowShape)
        {
            Parts = result.Parts,
        },
        CommandJson.Readable.WrittenRows);

    private string Summary(MergeResult result)
    {
        if (result.WasThere)
            return $"{target.Name} holds {Quantity.All(result.Rows, "row")} already";
        string failed = result.Failed == 0 ? "" : $", {result.Failed} of them {(result.Failed == 1 ? "a failed image" : "failed images")}";
        string shards = result.Shards == 0 ? "" : $", {Quantity.Of(result.Shards, "shard")}";
        string shape = string.Join(", ", result.RowShape);
        string rows = $"{Quantity.Of(result.Rows, "row")} of {Quantity.Of(result.Parts, "part")}";
        return $"{rows}{failed} -> {target.Name}{shards}, rows of ({shape})";
    }
}
