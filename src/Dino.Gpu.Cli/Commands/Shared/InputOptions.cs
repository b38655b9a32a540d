using System.CommandLine;
using Dino.Gpu.Data.Inputs;

namespace Dino.Gpu.Cli.Commands;

/// <summary>The options on what the input list is and which part of it is taken. Every call makes a new option, for one command.</summary>
internal static class InputOptions
{
    /// <summary>Description of the inputs.</summary>
    public const string Description =
        "Images, folders, globs, .tar archives, @list.txt (one path a line, or ended by NUL), .csv, .jsonl or .parquet files with a column of paths, "
        + "or - for paths on standard input. Paths in lists are relative to the current directory.";

    /// <summary><c>--path-column NAME</c>.</summary>
    public static Option<string?> PathColumn() => new("--path-column")
    {
        Description = "Column with the paths in .csv, .jsonl and .parquet files; the others are carried into the output. [default: path, file, filename or image]",
        HelpName = "NAME",
    };

    /// <summary><c>--shard i/n|auto[/n]|none</c>, for <see cref="ShardSelection.From"/>.</summary>
    public static Option<string?> Shard()
    {
        var option = new Option<string?>("--shard")
        {
            Description = "Take part i of n of the input list, from 0. auto/n: i from the scheduler. none: all of it. "
                + "[default: what Slurm arrays, Kubernetes indexed jobs (with JOB_COMPLETIONS) and AWS Batch arrays say]",
            HelpName = "i/n",
        };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } value && ShardSelection.Check(value) is { } problem)
                result.AddError(problem);
        });
        return option;
    }
}
