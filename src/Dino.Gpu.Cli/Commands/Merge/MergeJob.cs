using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Runs;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino merge</c>.</summary>
/// <param name="folders">Parts, or folders that hold them.</param>
/// <param name="target">One file, or a folder of shards.</param>
/// <param name="overwrite">Whether another run's shards in the folder are deleted.</param>
/// <param name="console">Standard streams.</param>
internal sealed class MergeJob(IReadOnlyList<string> folders, OutputTarget target, bool overwrite, CliConsole console)
{
    /// <returns>0</returns>
    /// <exception cref="DinoException">
    /// The parts do not fit together, or something cannot be read or written.
    /// </exception>
    public int Run(CancellationToken cancellation)
    {
        MergeResult result;
        using (var progress = new ConsoleProgress(ProgressKind.Auto, console, target.IsStandardOutput && console.OutputIsTerminal))
            result = RunMerge.Merge(folders, target, overwrite, console.Output, progress, console.Note, cancellation);
        console.Say(Summary(result));
        return ExitCode.Success;
    }

    private string Summary(MergeResult result)
    {
        if (result.WasThere)
            return $"{target.Name} holds all {result.Rows} rows already";
        string parts = result.Parts == 1 ? "1 part" : $"{result.Parts} parts";
        string failed = result.Failed == 0 ? "" : $", {result.Failed} of them failed images";
        string shards = result.Shards switch { 0 => "", 1 => ", 1 shard", _ => $", {result.Shards} shards" };
        return $"{result.Rows} rows of {parts}{failed} -> {target.Name}{shards}, rows of ({string.Join(", ", result.RowShape)})";
    }
}
