using System.CommandLine;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Inputs;

namespace Dino.Gpu.Cli.Commands;

/// <summary>The input list: options that several commands share (each call makes a new one), and its settling.</summary>
internal static class InputOptions
{
    /// <summary>The images of a command that runs the model.</summary>
    public static Argument<string[]> Images() => new("INPUT")
    {
        Description = "Images, folders, globs, .tar archives, lists, or - for paths on standard input. A list is @list.txt (one path "
            + "per line, or ended by NUL), or a .csv, .tsv, .json, .jsonl (each also .gz) or .parquet file with a column of paths. "
            + "Their paths are relative to the current directory, or to the list's own folder if only that has the pictures.",
        Arity = ArgumentArity.OneOrMore,
    };

    /// <summary>The directory of a command that writes files for each image.</summary>
    public static Option<string> Directory()
    {
        var option = new Option<string>("-o", "--out")
        {
            Description = "Directory to write into. It is created if it is missing.",
            HelpName = "DIR",
            Required = true,
        };
        option.Validators.Add(Parsing.RefuseStandardStream);
        return option;
    }

    /// <summary>Settles the list of inputs. A cancellation does not wait for standard input.</summary>
    /// <param name="inputs">Files, folders, globs, lists, archives, or <c>-</c>.</param>
    /// <param name="console">Its input is what <c>-</c> reads.</param>
    /// <param name="pathColumn">The column of a list that has the paths; null for the usual names.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="DinoException">An input cannot be read, or there is no image.</exception>
    public static Task<InputList> SettleAsync(
        IReadOnlyList<string> inputs, CliConsole console, string? pathColumn, CancellationToken cancellation) =>
        Task.Run(() => InputList.Settle(inputs, console.Input, pathColumn: pathColumn, cancellation: cancellation), cancellation)
            .WaitAsync(cancellation);

    /// <summary><c>--path-column NAME</c>.</summary>
    public static Option<string?> PathColumn() => new("--path-column")
    {
        Description = "Column with the paths in a table. The other columns are copied to the output. "
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
