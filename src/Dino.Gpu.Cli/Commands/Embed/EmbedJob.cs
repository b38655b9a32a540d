using System.Diagnostics;
using System.Globalization;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Runs;
using Dino.Gpu.Files;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino embed</c> from its inputs to the last row: into one file, to standard output, or into a folder whose run can be gone on with.</summary>
/// <param name="settings">What was asked for.</param>
/// <param name="console">Standard streams.</param>
internal sealed class EmbedJob(EmbedSettings settings, CliConsole console)
{
    private readonly StageTimes _times = new();
    private bool _ran; // whether the folder's run is this one

    /// <param name="cancellation">A folder's run ends in order and can be gone on with; any other leaves nothing behind.</param>
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        // Cheap checks first: what would fail at the end of a long run has to fail now.
        var part = ShardSelection.From(settings.Shard, ShardSelection.ProcessEnvironment());
        RefuseSharedFile(part);
        string? file = settings.Output.IsFolder || settings.Output.IsStandardOutput ? null : settings.Output.Name;
        List<(string, string?)> outputs = [("-o", file), ("--errors", settings.ErrorsFile), ("--stats", settings.StatsFile)];
        OutputNames.RefuseSameFile(outputs, [.. settings.Inputs, settings.Weights]);
        FormatCatalog.Validate(settings.Output.Format, settings.Type, []);
        if (settings.Output.IsFolder)
        {
            OutputNames.RefuseInRun(PartFolder(part), [settings.ErrorsFile, settings.StatsFile, .. settings.Inputs], RunFolder.IsOwn);
            RefuseMixedFolder(part);
        }

        using RunFolder? folder = settings.Output.IsFolder ? RunFolder.Open(PartFolder(part)) : null;
        settings.Output.EnsureWritable();
        if (settings.StatsFile is not null)
            AtomicFile.EnsureWritable(settings.StatsFile);
        if (settings.ErrorsFile is not null)
            ErrorLog.EnsureWritable(settings.ErrorsFile);
        bool streams = folder is null && part.Count == 1 && settings.Inputs is ["-"];
        using InputList? list = streams ? null : await Task.Run(
            () => InputList.Settle(settings.Inputs, console.Input, pathColumn: settings.PathColumn, cancellation: cancellation), cancellation).WaitAsync(cancellation).ConfigureAwait(false);
        if (list is not null)
        {
            FormatCatalog.Validate(settings.Output.Format, settings.Type, list.Columns);
            OutputNames.RefusePictures(outputs, list.Items());
        }

        string weights = await WeightsLocator.FindAsync(settings.Weights, console, settings.Quiet, cancellation).ConfigureAwait(false);

        long start = Stopwatch.GetTimestamp();
        DinoEncoderGroup encoders = await Task.Run(() => DinoEncoderGroup.Load(weights, settings.Model), cancellation).WaitAsync(cancellation).ConfigureAwait(false);
        bool isDone = false;
        try
        {
            string devices = string.Join(" + ", encoders.Devices.Select(device => $"{device.Id} ({device.Name}, {device.Driver})"));
            string share = part.Count == 1 ? "" : $", part {part.Index} of {part.Count} ({part.Source})";
            Say($"weights {weights}, device {devices}, input {encoders.InputWidth}x{encoders.InputHeight}, batch {encoders.BatchSize}{share}, "
                + string.Create(CultureInfo.InvariantCulture, $"ready in {Stopwatch.GetElapsedTime(start).TotalSeconds:F2} s"));
            int exitCode = folder is null
                ? await ToStreamAsync(encoders, list, part, cancellation).ConfigureAwait(false)
                : await ToFolderAsync(encoders, folder, list!, part, weights, cancellation).ConfigureAwait(false);
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
            Task closing = Task.Run(encoders.Dispose, CancellationToken.None);
            if (!cancellation.IsCancellationRequested)
                await closing.ConfigureAwait(false);
        }
    }

    /// <summary>One file, or standard output.</summary>
    private async Task<int> ToStreamAsync(DinoEncoderGroup encoders, InputList? list, ShardSelection part, CancellationToken cancellation)
    {
        RowLayout layout = RowLayout.Of(settings.Pooling, settings.Normalize, encoders);
        (long first, long last) = list is null ? (0, 0) : part.Rows(list.Count);
        IEnumerable<InputItem> items = list?.Items(first, last) ?? InputList.Stream(console.Input, mayBeEmpty: settings.Output.IsStandardOutput);
        var counter = new ProgressCounter(list is null ? null : last - first);
        using ErrorLog? log = settings.ErrorsFile is null ? null : new ErrorLog(settings.ErrorsFile, firstRow: 0);
        using (IRowOutput rows = new SingleOutput(settings.Output.Open(Schema(layout, list), console.Output), log, first))
        using (IProgressDisplay progress = Display(counter))
        {
            var run = new RowSink(layout, rows, Policy, progress);
            await Pipeline(encoders, layout).RunAsync(items, run, cancellation).ConfigureAwait(false);
            rows.Complete();
        }

        return Finish(encoders, counter, layout, settings.Output.Name);
    }

    /// <summary>A folder of shards, from the beginning or from where an earlier run ended.</summary>
    private async Task<int> ToFolderAsync(DinoEncoderGroup encoders, RunFolder folder, InputList list, ShardSelection part, string weights, CancellationToken cancellation)
    {
        RowLayout layout = RowLayout.Of(settings.Pooling, settings.Normalize, encoders);
        RunRecord record = Record(encoders, list, part, weights);
        bool resumes = folder.Resumes(record, settings.Overwrite);
        _ran = true;
        // The record last: with it the folder is a run. It has the list's hash, so a list that was lost since is the same again.
        if (!resumes || !File.Exists(folder.Manifest))
            list.Save(folder.Manifest, record.FirstRow, record.LastRow);
        if (!resumes)
            record.Save(folder.Path);

        using var rows = new ShardedOutput(folder, record, Schema(layout, list), list.Items);
        long total = record.LastRow - record.FirstRow;
        long before = total - rows.Remaining;
        if (rows.Failures > settings.MaxErrors)
            throw new DinoException($"{folder.Path} has {rows.Failures} failed images so far, more than --max-errors {settings.MaxErrors}");
        if (resumes)
            Tell(before == total ? $"{folder.Path} holds all {total} rows already" : $"{folder.Path} holds {before} of {total} rows; going on from there");
        var counter = new ProgressCounter(total, before, rows.Failures);
        bool whole;
        try
        {
            using IProgressDisplay progress = Display(counter);
            var run = new RowSink(layout, rows, Policy, progress, rows.Failures);
            whole = await Pipeline(encoders, layout).RunAsync(rows.Missing.SelectMany(part => list.Items(part.First, part.Last)), run, cancellation, CancellationToken.None).ConfigureAwait(false);
            rows.Flush();
            if (whole)
                rows.Complete();
        }
        catch (DinoException failure)
        {
            throw new DinoException($"{failure.Message}; the rows before are safe in {folder.Path}, and the same command goes on from there", failure);
        }

        if (whole)
            return Finish(encoders, counter, layout, $"{folder.Path}, {record.Shards} {(record.Shards == 1 ? "shard" : "shards")}");
        Statistics(encoders, counter);
        console.Tell($"dino: stopped: {total - rows.Remaining} of {total} rows are in {folder.Path}, and the same command goes on from there");
        return ExitCode.Cancelled;
    }

    private EmbeddingPipeline Pipeline(DinoEncoderGroup encoders, RowLayout layout)
    {
        var loader = new ImageLoader(settings.Model.Decoder!, settings.Model.Orientation, encoders.PrepareForDevice, settings.Sha256, settings.MaxPixels, _times);
        return new EmbeddingPipeline(
            loader.Load,
            images => layout.Forward(encoders, images),
            new PipelineOptions(encoders.BatchSize, settings.Workers) { InFlight = InFlight(encoders), ImageTimeout = settings.ImageTimeout },
            _times);
    }

    /// <summary>With several devices one batch more at least waits, so that a device that becomes free never waits for rows to be written.</summary>
    private static int InFlight(DinoEncoderGroup encoders) => Math.Max(encoders.BatchesInFlight, encoders.Devices.Count == 1 ? 1 : encoders.Devices.Count + 1);

    private RowSchema Schema(RowLayout layout, InputList? list) => new(layout.Shape, settings.Type, settings.Sha256, list?.Columns ?? []);

    private FailurePolicy Policy => new(settings.OnError, settings.MaxErrors);

    private IProgressDisplay Display(ProgressCounter counter) => ProgressDisplay.Create(
        settings.Quiet ? ProgressKind.None : settings.Progress, counter, console, settings.Output.IsStandardOutput && console.OutputIsTerminal);

    private string PartFolder(ShardSelection part) => part.Count == 1 ? settings.Output.Name : RunFolder.PartPath(settings.Output.Name, part.Index, part.Count);

    /// <summary>Tasks of an array would write over each other's file.</summary>
    private void RefuseSharedFile(ShardSelection part)
    {
        if (part.Count > 1 && !settings.Output.IsFolder && !settings.Output.IsStandardOutput)
        {
            throw new DinoException(
                $"this is part {part.Index} of {part.Count} ({part.Source}), and every part would write {settings.Output.Name}: give a folder, such as -o out, and join the parts with 'dino merge', or say --shard none for the whole list");
        }
    }

    /// <summary>A whole run among parts, or parts in a whole run, is a task that was started without the others' numbers.</summary>
    private void RefuseMixedFolder(ShardSelection part)
    {
        string name = settings.Output.Name;
        if (!Directory.Exists(name))
            return;
        if (part.Count == 1 && RunPart.HasParts(name))
            throw new DinoException($"{name} holds parts of a run, and this would be a whole one: say which part, such as --shard 3/8, or give another folder");
        if (part.Count > 1 && RunRecord.Load(name) is not null)
            throw new DinoException($"{name} holds a whole run, and this would be part {part.Index} of {part.Count} ({part.Source}): give another folder, or --shard none for the whole");
    }

    private RunRecord Record(DinoEncoderGroup encoders, InputList list, ShardSelection part, string weights)
    {
        (long first, long last) = part.Rows(list.Count);
        return RunRecord.Of(Provenance.Of(weights, settings.Model, encoders, settings.Pooling), encoders.Devices, Options) with
        {
            Inputs = list.Sha256,
            InputRows = list.Count,
            FirstRow = first,
            LastRow = last,
            ShardIndex = part.Index,
            ShardCount = part.Count,
        };
    }

    private RunOptions Options => new()
    {
        Format = settings.Output.Format.Name,
        Type = settings.Type,
        Normalize = settings.Normalize,
        Sha256 = settings.Sha256,
        OnError = settings.OnError,
        MaxPixels = settings.MaxPixels,
        ShardSize = settings.ShardSize,
    };

    private int Finish(DinoEncoderGroup encoders, ProgressCounter counter, RowLayout layout, string where)
    {
        Statistics(encoders, counter);
        string images = counter.DoneNow == 1 ? "1 image" : $"{counter.DoneNow} images";
        string failed = counter.Failed == 0 ? "" : $", {counter.Failed} failed";
        Tell(string.Create(
            CultureInfo.InvariantCulture,
            $"{images} in {counter.Elapsed.TotalSeconds:F1} s ({counter.ImagesPerSecond:F1} images/s){failed} -> {where}, rows of ({string.Join(", ", layout.Shape)})"));
        return counter.Failed == 0 ? ExitCode.Success : ExitCode.SomeImagesFailed;
    }

    /// <summary>Where the time went, for whoever asked.</summary>
    private void Statistics(DinoEncoderGroup encoders, ProgressCounter counter)
    {
        if (settings.StatsFile is null && !settings.Verbose)
            return;
        var statistics = EmbedStatistics.Of(_times, counter, settings.Workers, InFlight(encoders));
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
