using System.Diagnostics;
using System.Globalization;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Runs;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino embed</c>: into one file, to standard output, or into a folder whose run can be resumed.</summary>
/// <param name="settings">What was asked for.</param>
/// <param name="console">Standard streams.</param>
internal sealed class EmbedJob(EmbedSettings settings, CliConsole console)
{
    private bool _ran; // whether the folder's run is this one

    /// <param name="cancellation">A folder's run ends in order and can be resumed; any other leaves nothing behind.</param>
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        // Cheap checks first: what would fail at the end of a long run has to fail now.
        var part = ShardSelection.From(settings.Shard, ShardSelection.ProcessEnvironment());
        OutputTarget target = settings.Target;
        RefuseSharedFile(part);
        string? file = target.IsFolder || target.IsStandardOutput ? null : target.Name;
        List<(string, string?)> outputs = [("-o", file), ("--errors", settings.ErrorsFile), ("--stats", settings.StatsFile)];
        OutputNames.RefuseSameFile(outputs, [.. settings.Inputs, settings.Weights]);
        if (target.IsFolder)
        {
            OutputNames.RefuseInRun(PartFolder(part), [settings.ErrorsFile, settings.StatsFile, .. settings.Inputs], RunFolder.IsOwn);
            RefuseMixedFolder(part);
        }

        using RunFolder? folder = target.IsFolder ? RunFolder.Open(PartFolder(part)) : null;
        target.EnsureWritable();
        if (settings.StatsFile is not null)
            FileKind.Statistics.EnsureWritable(settings.StatsFile);
        if (settings.ErrorsFile is not null)
            ErrorLog.EnsureWritable(settings.ErrorsFile);
        bool streams = folder is null && part.Count == 1 && settings.Inputs is ["-"];
        using InputList? list = streams ? null : await SettleAsync(cancellation).ConfigureAwait(false);
        if (list is not null)
        {
            RowSchema.Validate(list.Columns);
            OutputNames.RefusePictures(outputs, list.Items());
            console.TellNotes(list.Notes, settings.Quiet);
        }

        string weights = await WeightsLocator.FindAsync(settings.Weights, console, settings.Quiet, cancellation).ConfigureAwait(false);

        long start = Stopwatch.GetTimestamp();
        Embedder embedder = await Task.Run(() => Embedder.Load(weights, settings.Embedder), cancellation).WaitAsync(cancellation).ConfigureAwait(false);
        bool isDone = false;
        try
        {
            Say(Ready(embedder, weights, part, Stopwatch.GetElapsedTime(start)));
            int exitCode = folder is null
                ? await ToStreamAsync(embedder, list, part, cancellation).ConfigureAwait(false)
                : await ToFolderAsync(embedder, folder, list!, part, cancellation).ConfigureAwait(false);
            isDone = true;
            return exitCode;
        }
        finally
        {
            try
            {
                if (_ran && settings.ErrorsFile is not null && File.Exists(folder!.Errors))
                    ErrorLog.Copy(ErrorLog.Union(folder.Errors, folder.ErrorsBehind), settings.ErrorsFile);
            }
            catch (DinoException) when (!isDone)
            {
                // the failure that ended the run is the one to report
            }

            // Disposal waits for the batch in flight; a cancelled run does not.
            Task closing = Task.Run(embedder.Dispose, CancellationToken.None);
            if (!cancellation.IsCancellationRequested)
                await closing.ConfigureAwait(false);
        }
    }

    private Task<InputList> SettleAsync(CancellationToken cancellation) => Task
        .Run(() => InputList.Settle(settings.Inputs, console.Input, pathColumn: settings.PathColumn, cancellation: cancellation), cancellation)
        .WaitAsync(cancellation);

    private static string Ready(Embedder embedder, string weights, ShardSelection part, TimeSpan time)
    {
        string devices = string.Join(" + ", embedder.Devices.Select(device => $"{device.Id} ({device.Name}, {device.Driver})"));
        DinoEncoderGroup model = embedder.Encoders;
        string share = part.Count == 1 ? "" : $", part {part.Index} of {part.Count} ({part.Source})";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"weights {weights}, device {devices}, input {model.InputWidth}x{model.InputHeight}, batch {model.BatchSize}{share}, ready in {time.TotalSeconds:F2} s");
    }

    /// <summary>One file, or standard output.</summary>
    private async Task<int> ToStreamAsync(Embedder embedder, InputList? list, ShardSelection part, CancellationToken cancellation)
    {
        OutputTarget target = settings.Target;
        (long first, long last) = list is null ? (0, 0) : part.Rows(list.Count);
        IEnumerable<InputItem> items = list?.Items(first, last) ?? InputList.Stream(console.Input, mayBeEmpty: target.IsStandardOutput);
        using ErrorLog? log = settings.ErrorsFile is null ? null : new ErrorLog(settings.ErrorsFile, firstRow: 0);
        using ConsoleProgress progress = Progress(onBegin: null);
        string? file = target.IsStandardOutput ? null : target.Name;
        RowSchema schema = EmbeddingRun.Schema(embedder, target.Format, settings.Type, list);
        bool kept;
        using (var rows = new SingleOutput(target.Open(schema, console.Output), log, first, file))
        {
            var policy = new FailurePolicy(settings.OnError, settings.MaxErrors);
            await EmbeddingRun.ToOutputAsync(embedder, items, list is null ? null : last - first, rows, policy, progress, cancellation).ConfigureAwait(false);
            kept = rows.KeptEarlierFile;
        }

        if (kept)
            console.Tell($"dino: every image failed: {file} stays as it was");
        return Finish(embedder, progress, kept ? "nothing written" : target.Name);
    }

    /// <summary>A folder of shards, from the beginning or from where an earlier run ended.</summary>
    private async Task<int> ToFolderAsync(Embedder embedder, RunFolder folder, InputList list, ShardSelection part, CancellationToken cancellation)
    {
        var options = new RunOptions
        {
            Format = settings.Target.Format.Name,
            Type = settings.Type,
            ShardSize = settings.ShardSize,
            OnError = settings.OnError,
            MaxErrors = settings.MaxErrors,
            Overwrite = settings.Overwrite,
            Part = part,
        };
        using ConsoleProgress progress = Progress(start =>
        {
            if (start.Resumes)
            {
                Tell(start.Done == start.Total
                    ? $"{folder.Path} holds all {start.Total} rows already"
                    : $"{folder.Path} holds {start.Done} of {start.Total} rows; resuming there");
            }
        });
        _ran = true;
        RunResult result = await EmbeddingRun.RunAsync(embedder, list, folder, options, progress, cancellation).ConfigureAwait(false);
        if (result.IsWhole)
            return Finish(embedder, progress, $"{folder.Path}, {result.Shards} {(result.Shards == 1 ? "shard" : "shards")}");
        progress.Dispose();
        Statistics(embedder, progress.Counter);
        console.Tell($"dino: stopped: {result.Rows} of {result.Total} rows are in {folder.Path}; run the same command again to resume");
        return ExitCode.Cancelled;
    }

    private ConsoleProgress Progress(Action<EmbeddingStart>? onBegin) => new(
        settings.Quiet ? ProgressKind.None : settings.Progress, console, settings.Target.IsStandardOutput && console.OutputIsTerminal, onBegin);

    private string PartFolder(ShardSelection part) =>
        part.Count == 1 ? settings.Target.Name : RunFolder.PartPath(settings.Target.Name, part.Index, part.Count);

    /// <summary>Tasks of an array would write over each other's file.</summary>
    private void RefuseSharedFile(ShardSelection part)
    {
        if (part.Count > 1 && !settings.Target.IsFolder && !settings.Target.IsStandardOutput)
        {
            throw new DinoException(
                $"this is part {part.Index} of {part.Count} ({part.Source}), and every part would write {settings.Target.Name}",
                "give a folder, such as -o out, and join the parts with 'dino merge', or say --shard none for the whole list");
        }
    }

    /// <summary>A whole run among parts, or parts in a whole run, is a task that was started without the others' numbers.</summary>
    private void RefuseMixedFolder(ShardSelection part)
    {
        string name = settings.Target.Name;
        if (!Directory.Exists(name))
            return;
        if (part.Count == 1 && RunPart.HasParts(name))
            throw new DinoException($"{name} holds parts of a run, and this would be a whole one", "say which part, such as --shard 3/8, or give another folder");
        if (part.Count > 1 && RunRecord.Load(name) is not null)
        {
            throw new DinoException(
                $"{name} holds a whole run, and this would be part {part.Index} of {part.Count} ({part.Source})",
                "give another folder, or --shard none for the whole");
        }
    }

    private int Finish(Embedder embedder, ConsoleProgress progress, string where)
    {
        progress.Dispose();
        ProgressCounter counter = progress.Counter;
        Statistics(embedder, counter);
        string images = counter.DoneNow == 1 ? "1 image" : $"{counter.DoneNow} images";
        string failed = counter.Failed == 0 ? "" : $", {counter.Failed} failed";
        string shape = string.Join(", ", embedder.RowShape);
        Tell(string.Create(
            CultureInfo.InvariantCulture,
            $"{images} in {counter.Elapsed.TotalSeconds:F1} s ({counter.ImagesPerSecond:F1} images/s){failed} -> {where}, rows of ({shape})"));
        return counter.Failed == 0 ? ExitCode.Success : ExitCode.SomeImagesFailed;
    }

    /// <summary>Where the time went, for whoever asked.</summary>
    private void Statistics(Embedder embedder, ProgressCounter counter)
    {
        if (settings.StatsFile is null && !settings.Verbose)
            return;
        var statistics = EmbedStatistics.Of(embedder.Times, counter, embedder.Workers, embedder.InFlight);
        if (settings.StatsFile is not null)
            statistics.Save(settings.StatsFile);
        Tell(statistics.ToString());
    }

    /// <summary>For whoever asked to be told more.</summary>
    private void Say(string line)
    {
        if (settings.Verbose)
            console.Tell($"dino: {line}");
    }

    private void Tell(string line)
    {
        if (!settings.Quiet)
            console.Tell($"dino: {line}");
    }
}
