using System.Globalization;
using System.Runtime.ExceptionServices;
using Dino.Gpu.Cli.Commands;
using Dino.Gpu.Cli.Imaging;
using Dino.Gpu.Cli.Inputs;
using Dino.Gpu.Cli.Output;
using Dino.Gpu.Cli.Progress;
using Dino.Gpu.Features;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Cli.Attention;

/// <summary>One <c>dino attention</c>: batch by batch, images are decoded, go through the model, and are drawn and written. Memory is that of one batch.</summary>
/// <param name="settings">What was asked for.</param>
/// <param name="console">Standard streams.</param>
internal sealed class AttentionJob(AttentionSettings settings, CliConsole console)
{
    /// <summary>Decoded pictures are kept until their maps are drawn over them; more at once makes nothing faster.</summary>
    private const int MostAtOnce = 16;

    /// <returns>0, or 3 when an image failed.</returns>
    /// <exception cref="DinoException">Two images would become one file, an image would be overwritten, or something cannot be read or written.</exception>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        if (settings.Drawing.HasPictures)
            PngFile.RequireEncoder("use --npy --no-maps");
        using var list = InputList.Settle(settings.Inputs, console.Input, cancellation: cancellation);
        RequireOwnNames(list);
        string weights = await WeightsLocator.FindAsync(settings.Weights, console, settings.Quiet, cancellation).ConfigureAwait(false);
        using var encoder = await Task.Run(() => DinoEncoder.Load(weights, settings.Model), cancellation).ConfigureAwait(false);
        int layers = encoder.Config.LayerCount;
        if (settings.Layer < -layers || settings.Layer >= layers)
            throw new DinoException($"--layer {settings.Layer}: this model has layers 0 to {layers - 1}, or -1 to -{layers} from the end");
        var files = new AttentionFiles(settings.Directory, settings.Drawing, settings.Heads.Of(encoder.Config.HeadCount), encoder.Config.PatchSize);
        RequireInputsSafe(list, files);
        OutputDirectory.Create(settings.Directory);
        if (settings.Verbose)
            console.Error.WriteLine($"dino: weights {weights}, device {encoder.Device.Id} ({encoder.Device.Name}), input {encoder.InputWidth}x{encoder.InputHeight}, {encoder.TokenCount} tokens");

        var counter = new ProgressCounter(list.Count);
        using (IProgressDisplay progress = ProgressDisplay.Create(settings.Quiet ? ProgressKind.None : ProgressKind.Auto, counter, console, rowsOnTerminal: false))
        {
            foreach (InputItem[] batch in list.Items().Chunk(Math.Min(encoder.BatchSize, MostAtOnce)))
            {
                cancellation.ThrowIfCancellationRequested();
                await Task.Run(() => Run(batch, encoder, files, progress), cancellation).ConfigureAwait(false);
            }
        }

        if (!settings.Quiet)
        {
            string images = counter.Done == 1 ? "1 image" : $"{counter.Done} images";
            string failed = counter.Failed == 0 ? "" : $", {counter.Failed} failed";
            console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"dino: {images} in {counter.Elapsed.TotalSeconds:F1} s{failed} -> {settings.Directory}"));
        }

        return counter.Failed == 0 ? ExitCode.Success : ExitCode.SomeImagesFailed;
    }

    private void Run(InputItem[] items, DinoEncoder encoder, AttentionFiles files, IProgressDisplay progress)
    {
        var pictures = new RgbImage?[items.Length];
        string?[] problems = new string?[items.Length];
        ForAll(items.Length, i =>
        {
            try
            {
                pictures[i] = encoder.Prepare(settings.Model.Decoder!.Decode(items[i].ReadBytes(), settings.Model.Orientation));
            }
            catch (DinoException failure)
            {
                problems[i] = failure.Message;
            }
        });

        int[] good = [.. Enumerable.Range(0, items.Length).Where(i => pictures[i] is not null)];
        AttentionMap[] maps = good.Length == 0 ? [] : encoder.AttentionMaps([.. good.Select(i => pictures[i]!)], settings.Layer);
        ForAll(good.Length, i => files.Write(Stem(items[good[i]]), pictures[good[i]]!, maps[i]));

        for (int i = 0; i < items.Length; i++)
        {
            if (problems[i] is { } problem)
                progress.Report($"dino: {DinoCommandLine.OneLine($"{items[i].Path}: {problem}")}");
            progress.Advance(failed: problems[i] is not null);
        }
    }

    /// <summary>Side by side; the first failure comes out as it is.</summary>
    private void ForAll(int count, Action<int> action)
    {
        try
        {
            Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = settings.Model.Threads ?? Environment.ProcessorCount }, action);
        }
        catch (AggregateException failures)
        {
            ExceptionDispatchInfo.Throw(failures.InnerExceptions[0]);
        }
    }

    /// <summary>Every image has a stem of its own. A file system may not tell cases apart, so stems that differ in nothing else are one everywhere.</summary>
    private static void RequireOwnNames(InputList list)
    {
        var paths = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (InputItem item in list.Items())
        {
            if (!paths.TryAdd(Stem(item), item.Path))
                throw new DinoException($"{paths[Stem(item)]} and {item.Path} would both become {Stem(item)}.attention...: rename one, or write them to two directories");
        }
    }

    private static void RequireInputsSafe(InputList list, AttentionFiles files)
    {
        var inputs = list.Items().Select(item => Path.GetFullPath(item.Archive ?? item.Path)).ToHashSet(StringComparer.Ordinal);
        foreach (InputItem item in list.Items())
        {
            if (files.Targets(Stem(item)).FirstOrDefault(target => inputs.Contains(Path.GetFullPath(target))) is { } target)
                throw new DinoException($"{target} would be overwritten: choose another directory for -o");
        }
    }

    private static string Stem(InputItem item) => Path.GetFileNameWithoutExtension(item.Path);
}
