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

/// <summary>What <c>dino embed</c> was asked for.</summary>
internal sealed record EmbedSettings
{
    /// <summary>Files, folders, globs, lists, archives, or <c>-</c>.</summary>
    public required IReadOnlyList<string> Inputs { get; init; }

    /// <summary>The column of a list that has the paths; null for the usual names.</summary>
    public string? PathColumn { get; init; }

    /// <summary>Value of <c>--shard</c>.</summary>
    public string? Shard { get; init; }

    /// <summary>Value of <c>--weights</c>.</summary>
    public string? Weights { get; init; }

    /// <summary>How images become rows.</summary>
    public required EmbedderOptions Embedder { get; init; }

    /// <summary>Where the rows go.</summary>
    public required OutputTarget Target { get; init; }

    public FloatType Type { get; init; }

    /// <summary>Rows per shard of a folder.</summary>
    public required long ShardSize { get; init; }

    /// <summary>Whether to delete another run's shards.</summary>
    public bool Overwrite { get; init; }

    public OnError OnError { get; init; }

    public long? MaxErrors { get; init; }

    public OnIoError OnIoError { get; init; }

    /// <summary>Whether a run resumes whose rows then differ in their last digits.</summary>
    public bool AllowMixed { get; init; }

    /// <summary>
    /// A finished run whose failed images are tried again; the inputs and the target then do not matter.
    /// </summary>
    public string? Retry { get; init; }

    /// <summary>File for the images that cannot be read. A folder has one of its own besides.</summary>
    public string? ErrorsFile { get; init; }

    /// <summary>File for the statistics.</summary>
    public string? StatsFile { get; init; }

    public ProgressKind Progress { get; init; }

    /// <summary>Whether to print as JSON what was written. Rows on standard output are JSON Lines anyway.</summary>
    public bool Json { get; init; }
}

/// <summary>One <c>dino embed</c>: to a file, to standard output, or to a folder, whose run can be resumed.</summary>
/// <param name="settings">What was asked for.</param>
/// <param name="console">Standard streams.</param>
internal sealed class EmbedJob(EmbedSettings settings, CliConsole console)
{
    private bool _ran; // whether the folder's run has begun or resumed

    /// <param name="cancellation">
    /// Ends the run. That of a folder ends in order and can be resumed; any other leaves nothing behind.
    /// </param>
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        if (settings.Retry is not null)
            return await RetryAsync(settings.Retry, cancellation).ConfigureAwait(false);
        // Cheap checks first: whatever would fail at the end of a long run must fail now.
        var part = ShardSelection.From(settings.Shard, ShardSelection.ProcessEnvironment());
        OutputTarget target = settings.Target;
        if (target.File is not null)
            RunPart.RefuseSharedFile(target.Name, part);
        List<(string, string?)> outputs = [("-o", target.File), ("--errors", settings.ErrorsFile), ("--stats", settings.StatsFile)];
        OutputNames.RefuseSameFile(outputs, [.. settings.Inputs, settings.Weights]);
        if (target.IsFolder)
        {
            OutputNames.RefuseInRun(PartFolder(part), [settings.ErrorsFile, settings.StatsFile, .. settings.Inputs]);
            RunPart.RefuseMixed(target.Name, part);
        }

        using RunFolder? folder = target.IsFolder ? RunFolder.Open(PartFolder(part)) : null;
        target.EnsureWritable();
        if (settings.StatsFile is not null)
            FileKind.Statistics.EnsureWritable(settings.StatsFile);
        if (settings.ErrorsFile is not null)
            ErrorLog.EnsureWritable(settings.ErrorsFile);
        bool streams = folder is null && part.Count == 1 && settings.Inputs is ["-"];
        using InputList? list = streams
            ? null
            : await InputOptions.SettleAsync(settings.Inputs, console, settings.PathColumn, cancellation).ConfigureAwait(false);
        if (list is not null)
        {
            RowSchema.Validate(list.Columns);
            OutputNames.RefusePictures(outputs, list.Items());
            console.TellNotes(list.Notes);
        }

        string weights = await DownloadDisplay.FindWeightsAsync(settings.Weights, console, cancellation).ConfigureAwait(false);

        long start = Stopwatch.GetTimestamp();
        Embedder embedder = await Task.Run(() => Embedder.Load(weights, settings.Embedder), cancellation)
            .WaitAsync(cancellation).ConfigureAwait(false);
        bool isDone = false;
        try
        {
            console.TellNotes(embedder.Encoders.Notes);
            console.Detail(Ready(embedder, weights, part, Stopwatch.GetElapsedTime(start)));
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
                // report the failure that ended the run instead
            }

            // Disposal waits for the batch in flight. A canceled run does not.
            Task closing = Task.Run(embedder.Dispose, CancellationToken.None);
            if (!cancellation.IsCancellationRequested)
                await closing.ConfigureAwait(false);
        }
    }

    private static string Ready(Embedder embedder, string weights, ShardSelection part, TimeSpan time)
    {
        string devices = string.Join(" + ", embedder.Devices.Select(device => $"{device.Id} ({device.Name}, {device.Driver})"));
        DinoEncoderGroup model = embedder.Encoders;
        string share = part.Count == 1 ? "" : $", part {part.Index} of {part.Count} ({part.Source})";
        string size = $"input {model.InputWidth}x{model.InputHeight}, batch {model.BatchSize}";
        string seconds = time.TotalSeconds.ToString("F2", CultureInfo.InvariantCulture);
        return $"weights {weights}, device {devices}, {size}{share}, ready in {seconds} s";
    }

    /// <summary>Writes one file, or to standard output.</summary>
    private async Task<int> ToStreamAsync(Embedder embedder, InputList? list, ShardSelection part, CancellationToken cancellation)
    {
        OutputTarget target = settings.Target;
        (long first, long last) = list is null ? (0, 0) : part.Rows(list.Count);
        IEnumerable<InputItem> items = list?.Items(first, last) ?? InputList.Stream(console.Input, mayBeEmpty: target.IsStandardOutput);
        using ErrorLog? log = settings.ErrorsFile is null ? null : new ErrorLog(settings.ErrorsFile);
        using ConsoleProgress progress = Progress(onBegin: null);
        RowSchema schema = EmbeddingRun.Schema(embedder, target.Format, settings.Type, list);
        bool isKept;
        using (var rows = new SingleOutput(target.Open(schema, console.Output), log, first, target.File))
        {
            var policy = new FailurePolicy(settings.OnError, settings.MaxErrors, settings.OnIoError);
            long? total = list is null ? null : last - first;
            await EmbeddingRun.ToOutputAsync(embedder, items, list?.Folders ?? [], total, rows, policy, progress, cancellation)
                .ConfigureAwait(false);
            isKept = rows.KeptEarlierFile;
        }

        if (isKept)
            console.Warn($"every image failed: {target.File} stays as it was");
        long done = progress.Counter.DoneNow, failed = progress.Counter.Failed;
        long written = isKept ? 0 : settings.OnError == OnError.Skip ? done - failed : done;
        var result = new RunResult(!isKept, written, done, failed, 0);
        return Finish(embedder, progress, isKept ? "nothing written" : target.Name, target.Name, result);
    }

    /// <summary>Writes a folder of shards, from the beginning or from where an earlier process stopped.</summary>
    private async Task<int> ToFolderAsync(
        Embedder embedder, RunFolder folder, InputList list, ShardSelection part, CancellationToken cancellation)
    {
        RunOptions options = Options(part);
        using ConsoleProgress progress = Progress(start =>
        {
            if (start.Resumes)
            {
                console.Say(start.Done == start.Total
                    ? $"{folder.Path} holds {Quantity.All(start.Total ?? 0, "row")} already"
                    : $"{folder.Path} holds {start.Done} of {Quantity.Of(start.Total ?? 0, "row")}; resuming there");
            }
        });
        _ran = true;
        RunResult result = await EmbeddingRun.RunAsync(embedder, list, folder, options, progress, cancellation).ConfigureAwait(false);
        if (result.IsWhole)
            return Finish(embedder, progress, $"{folder.Path}, {Quantity.Of(result.Shards, "shard")}", folder.Path, result);
        string rows = Quantity.Of(result.Total, "row");
        return Stopped(embedder, progress, $"{result.Rows} of {rows} are in {folder.Path}", folder.Path, result);
    }

    private int Stopped(Embedder embedder, ConsoleProgress progress, string state, string target, RunResult result)
    {
        progress.Dispose();
        Statistics(embedder, progress.Counter);
        WriteJson(embedder.RowShape, progress.Counter, target, result);
        console.Tell($"dino: stopped: {state}; run the same command again to resume");
        return ExitCode.Canceled;
    }

    /// <summary>The failed images of a finished run.</summary>
    private async Task<int> RetryAsync(string path, CancellationToken cancellation)
    {
        OutputNames.RefuseSameFile([("--stats", settings.StatsFile)], [settings.Weights]);
        OutputNames.RefuseInRun(path, [settings.StatsFile]);
        if (settings.StatsFile is not null)
            FileKind.Statistics.EnsureWritable(settings.StatsFile);
        using var run = RunRetry.Open(path);
        if (run.Failed == 0)
        {
            console.Say($"{path} has no failed images");
            WriteJson(run.RowShape, new ProgressCounter(0), path, run.Result(isWhole: true));
            return ExitCode.Success;
        }

        string weights = await DownloadDisplay.FindWeightsAsync(settings.Weights, console, cancellation).ConfigureAwait(false);
        using Embedder embedder = await Task.Run(() => Embedder.Load(weights, run.Options(settings.Embedder)), cancellation)
            .WaitAsync(cancellation).ConfigureAwait(false);
        console.TellNotes(embedder.Encoders.Notes);
        using ConsoleProgress progress = Progress(onBegin: null);
        RunResult result = await run.RunAsync(embedder, Options(ShardSelection.Whole), progress, cancellation).ConfigureAwait(false);
        string fail = result.Failed == 1 ? "fails" : "fail";
        if (result.IsWhole)
        {
            string state = $"{path}, {result.Failed} of its {Quantity.Of(result.Total, "image")} still {fail}";
            return Finish(embedder, progress, state, path, result);
        }

        return Stopped(embedder, progress, $"{Quantity.Of(result.Failed, "image")} of {path} still {fail}", path, result);
    }

    private RunOptions Options(ShardSelection part) => new()
    {
        Format = settings.Target.Format.Name,
        Type = settings.Type,
        ShardSize = settings.ShardSize,
        OnError = settings.OnError,
        MaxErrors = settings.MaxErrors,
        OnIoError = settings.OnIoError,
        Overwrite = settings.Overwrite,
        AllowMixed = settings.AllowMixed,
        Note = console.Note,
        Part = part,
    };

    private ConsoleProgress Progress(Action<EmbeddingStart>? onBegin)
    {
        bool toFolder = settings.Retry is not null || settings.Target.IsFolder;
        bool rowsOnTerminal = !toFolder && settings.Target.IsStandardOutput && console.OutputIsTerminal;
        return new ConsoleProgress(settings.Progress, console, rowsOnTerminal, onBegin)
        {
            AllFailures = settings.ErrorsFile ?? (toFolder ? "its errors.jsonl" : "--errors FILE"),
        };
    }

    private string PartFolder(ShardSelection part) =>
        part.Count == 1 ? settings.Target.Name : RunFolder.PartPath(settings.Target.Name, part.Index, part.Count);

    private int Finish(Embedder embedder, ConsoleProgress progress, string where, string target, RunResult result)
    {
        progress.Dispose();
        ProgressCounter counter = progress.Counter;
        Statistics(embedder, counter);
        string failed = counter.Failed == 0 ? "" : $", {counter.Failed} failed";
        string shape = string.Join(", ", embedder.RowShape);
        string time = string.Create(
            CultureInfo.InvariantCulture, $"{counter.Elapsed.TotalSeconds:F1} s ({counter.ImagesPerSecond:F1} images/s)");
        console.Say($"{Quantity.Of(counter.DoneNow, "image")} in {time}{failed} -> {where}, rows of ({shape})");
        WriteJson(embedder.RowShape, counter, target, result);
        return counter.Failed == 0 ? ExitCode.Success : ExitCode.SomeImagesFailed;
    }

    private void WriteJson(IReadOnlyList<int> shape, ProgressCounter counter, string target, RunResult result)
    {
        bool toFolder = settings.Retry is not null || settings.Target.IsFolder;
        if (!settings.Json || (!toFolder && settings.Target.IsStandardOutput))
            return;
        console.WriteJson(
            new WrittenRows(
                JsonLinesWriter.Unicode(target), result.IsWhole, result.Rows, result.Failed, toFolder ? result.Shards : null, shape)
            {
                Images = counter.DoneNow,
                Seconds = Math.Round(counter.Elapsed.TotalSeconds, 3),
                ImagesPerSecond = Math.Round(counter.ImagesPerSecond, 2),
            },
            CommandJson.Readable.WrittenRows);
    }

    /// <summary>Says where the time went, if the user asked for it.</summary>
    private void Statistics(Embedder embedder, ProgressCounter counter)
    {
        if (settings.StatsFile is null && !console.IsVerbose)
            return;
        var statistics = EmbedStatistics.Of(embedder, counter.DoneNow, counter.Failed, counter.Elapsed);
        if (settings.StatsFile is not null)
            statistics.Save(settings.StatsFile);
        console.Say(statistics.ToString());
    }
}
