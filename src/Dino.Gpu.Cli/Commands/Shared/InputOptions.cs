using System.CommandLine;
using Dino.Gpu.Data.Inputs;

namespace Dino.Gpu.Cli.Commands;

/// <summary>Options of the input list that several commands share. Each call makes a new option.</summary>
internal static class InputOptions
{
    /// <summary>The images of a command that runs the model.</summary>
    public static Argument<string[]> Images() => new("INPUT")
    {
        Description = "Images, folders, globs, .tar archives, lists, or - for paths on standard input. A list is @list.txt (one path "
            + "per line, or ended by NUL), or a .csv, .jsonl or .parquet file with a column of paths. Paths in lists are relative to the "
            + "current directory.",
        Arity = ArgumentArity.OneOrMore,
    };

    /// <summary>The directory of a command that writes files for each image.</summary>
    public static Option<string> Directory() => new("-o", "--out")
    {
        Description = "Directory to write into. It is created if it is missing.",
        HelpName = "DIR",
        Required = true,
    };

    /// <summary><c>--path-column NAME</c>.</summary>
    public static Option<string?> PathColumn() => new("--path-column")
    {
        Description = "Column with the paths in .csv, .jsonl and .parquet files. The other columns are copied to the output. "
            + "[default: path, file, filename or image]",
        HelpName = "NAME",
    };

    /// <summary><c>--shard i/n|auto[/n]|none</c>, for <see cref="ShardSelection.From"/>.</summary>
    public static Option<string?> Shard()
    {
        var option = new Option<string?>("--shard")
        {
            Description = "Take part i of n of the input list, counted from 0. auto/n: i from the scheduler. none: the whole list. "
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
