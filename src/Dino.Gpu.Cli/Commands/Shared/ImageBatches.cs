using System.Globalization;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Files;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Cli.Commands;

/// <summary>
/// The frame of the commands that write files of their own for each image: the list of inputs and the model, then batch by batch decoded pictures, the next ones while
/// the model has these. Memory is that of two batches besides the names, and what is decoded at one time stays within a share of the machine's. Whoever opens it disposes it.
/// </summary>
internal sealed class ImageBatches : IDisposable
{
    /// <summary>Decoded pictures are kept until their files are written; more at once makes nothing faster.</summary>
    private const int MostAtOnce = 16;

    private readonly ImageBatchSettings _settings;
    private readonly CliConsole _console;
    private readonly InputList _list;
    private readonly ImageLoader _loader;
    private readonly HashSet<int> _failed = []; // rows that an earlier pass has told of
    private TimeSpan _elapsed;

    private ImageBatches(ImageBatchSettings settings, CliConsole console, InputList list, DinoEncoder encoder)
    {
        _settings = settings;
        _console = console;
        _list = list;
        Encoder = encoder;
        _loader = new ImageLoader(settings.Model.Decoder!, settings.Model.Orientation, encoder.Prepare, sha256: false, settings.MaxPixels, new StageTimes());
    }

    /// <summary>The model; owned.</summary>
    public DinoEncoder Encoder { get; }

    private int Threads => _settings.Model.Threads ?? Environment.ProcessorCount;

    /// <summary>Settles the list of inputs and loads the model.</summary>
    /// <exception cref="DinoException">Two images would become one file, or inputs, weights or device cannot be used.</exception>
    public static async Task<ImageBatches> OpenAsync(ImageBatchSettings settings, CliConsole console, CancellationToken cancellation)
    {
        InputList list = await Task.Run(() => InputList.Settle(settings.Inputs, console.Input, cancellation: cancellation), cancellation)
            .WaitAsync(cancellation).ConfigureAwait(false);
        DinoEncoder? encoder = null;
        try
        {
            RequireOwnNames(list);
            console.TellNotes(list.Notes, settings.Quiet);
            string weights = await WeightsLocator.FindAsync(settings.Weights, console, settings.Quiet, cancellation).ConfigureAwait(false);
            encoder = await Task.Run(() => DinoEncoder.Load(weights, settings.Model), cancellation).ConfigureAwait(false);
            if (settings.Verbose)
                console.Error.WriteLine($"dino: weights {weights}, device {encoder.Device.Id} ({encoder.Device.Name}), input {encoder.InputWidth}x{encoder.InputHeight}, {encoder.TokenCount} tokens");
            return new ImageBatches(settings, console, list, encoder);
        }
        catch
        {
            encoder?.Dispose();
            list.Dispose();
            throw;
        }
    }

    /// <summary>Makes the directory, once nothing of what will be written there can be an input.</summary>
    /// <param name="targets">The files of an image with this stem.</param>
    /// <exception cref="DinoException">An image would be overwritten, or the directory cannot be made.</exception>
    public void Claim(Func<string, IEnumerable<string>> targets)
    {
        var real = new RealPath();
        var inputs = _list.Items().Select(item => real.Of(item.Archive ?? item.Path)).ToHashSet(RealPath.Comparer);
        IEnumerable<string> files = _list.Items().SelectMany(item => targets(Stem(item)));
        if (files.FirstOrDefault(file => inputs.Contains(real.Of(file))) is { } target)
            throw new DinoException($"{target} would be overwritten: choose another directory for -o");
        if (Directory.Exists(_settings.Directory))
        {
            foreach (string file in files)
                FileKind.OfExtension(file).RequireReplaceable(file);
        }

        OutputDirectory.Create(_settings.Directory, files);
    }

    /// <summary>Goes through all images once. One that cannot be read is told of and left out, in later passes without a word.</summary>
    /// <param name="process">Runs the model on a batch and writes its files, or keeps what it needs.</param>
    /// <param name="cancellation">Ends it between two batches.</param>
    /// <exception cref="DinoException">The device failed, or a file cannot be written.</exception>
    public async Task RunAsync(Action<ImageBatch> process, CancellationToken cancellation)
    {
        var counter = new ProgressCounter(_list.Count);
        using IProgressDisplay progress = ProgressDisplay.Create(_settings.Quiet ? ProgressKind.None : ProgressKind.Auto, counter, _console, rowsOnTerminal: false);
        using IEnumerator<InputItem[]> batches = _list.Items().Chunk(Math.Min(Encoder.BatchSize, MostAtOnce)).GetEnumerator();
        HashSet<int> known = [.. _failed];
        int first = 0;
        Task<Loaded[]>? next = Load(batches, first, known);
        while (next is not null)
        {
            Loaded[] batch = await next.WaitAsync(cancellation).ConfigureAwait(false);
            first += batch.Length;
            next = Load(batches, first, known);
            Loaded[] good = [.. batch.Where(image => image.Picture is not null)];
            if (good.Length > 0)
                await Task.Run(() => process(new ImageBatch([.. good.Select(image => image.Stem)], [.. good.Select(image => image.Picture!)], Threads)), cancellation).ConfigureAwait(false);
            for (int i = 0; i < batch.Length; i++)
            {
                if (batch[i].Problem is { } problem && _failed.Add(first - batch.Length + i))
                    progress.Report($"dino: {MessageText.OneLine(problem)}");
                progress.Advance(failed: batch[i].Picture is null);
            }
        }

        _elapsed += counter.Elapsed;
    }

    /// <summary>The summary, and the exit code that says whether every image went through.</summary>
    public int Finish()
    {
        if (!_settings.Quiet)
        {
            string images = _list.Count == 1 ? "1 image" : $"{_list.Count} images";
            string failed = _failed.Count == 0 ? "" : $", {_failed.Count} failed";
            _console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"dino: {images} in {_elapsed.TotalSeconds:F1} s{failed} -> {_settings.Directory}"));
        }

        return _failed.Count == 0 ? ExitCode.Success : ExitCode.SomeImagesFailed;
    }

    public void Dispose()
    {
        Encoder.Dispose();
        _list.Dispose();
    }

    /// <summary>Begins to decode the next batch; null where there is none.</summary>
    /// <param name="batches">Moved on.</param>
    /// <param name="first">Row of the batch's first image.</param>
    /// <param name="known">Rows that cannot be read, as an earlier pass found.</param>
    private Task<Loaded[]>? Load(IEnumerator<InputItem[]> batches, int first, HashSet<int> known)
    {
        if (!batches.MoveNext())
            return null;
        InputItem[] items = batches.Current;
        return Task.Run(() =>
        {
            var images = new Loaded[items.Length];
            ImageBatch.ForAll(items.Length, Threads, i => images[i] = known.Contains(first + i) ? new Loaded(Stem(items[i]), null, null) : Load(items[i]));
            return images;
        });
    }

    private Loaded Load(InputItem item)
    {
        try
        {
            return new Loaded(Stem(item), _loader.Load(item).Pixels, null);
        }
        catch (OutOfMemoryException failure)
        {
            throw DecodeMemory.At(item.Path, failure);
        }
        catch (DinoException failure)
        {
            return new Loaded(Stem(item), null, $"{item.Path}: {failure.Message}");
        }
    }

    /// <summary>Every image has a stem of its own. A file system may not tell cases apart, so stems that differ in nothing else are one everywhere.</summary>
    private static void RequireOwnNames(InputList list)
    {
        var paths = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (InputItem item in list.Items())
        {
            if (!paths.TryAdd(Stem(item), item.Path))
                throw new DinoException($"{paths[Stem(item)]} and {item.Path} would both become {Stem(item)}...: rename one, or write them to two directories");
        }
    }

    private static string Stem(InputItem item) => Path.GetFileNameWithoutExtension(item.Path);

    /// <summary>An image of a batch: a picture, or why there is none.</summary>
    private sealed record Loaded(string Stem, RgbImage? Picture, string? Problem);
}
