using System.Globalization;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Files;

namespace Dino.Gpu.Cli.Commands;

/// <summary>
/// What the commands that write files for each image share: the list of inputs, the model, progress and summary. The
/// caller disposes it.
/// </summary>
internal sealed class ImageBatches : IDisposable
{
    private readonly ImageBatchSettings _settings;
    private readonly CliConsole _console;
    private readonly InputList _list;
    private readonly PictureBatches _batches;
    private readonly List<FailedImage> _failures = [];
    private TimeSpan _elapsed;

    private ImageBatches(ImageBatchSettings settings, CliConsole console, InputList list, DinoEncoder encoder)
    {
        _settings = settings;
        _console = console;
        _list = list;
        _batches = new PictureBatches(list, encoder, settings.Model, settings.MaxPixels);
        Encoder = encoder;
    }

    /// <summary>The share of the variance that each component explains, for the summary; null for none.</summary>
    public IReadOnlyList<double>? ExplainedVariance { get; set; }

    /// <summary>The model, which this disposes.</summary>
    public DinoEncoder Encoder { get; }

    /// <summary>Settles the list of inputs and loads the model.</summary>
    /// <exception cref="DinoException">
    /// Two images would become one file, or the inputs, the weights or the device cannot be used.
    /// </exception>
    public static async Task<ImageBatches> OpenAsync(ImageBatchSettings settings, CliConsole console, CancellationToken cancellation)
    {
        InputList list = await InputOptions.SettleAsync(settings.Inputs, console, pathColumn: null, cancellation).ConfigureAwait(false);
        DinoEncoder? encoder = null;
        try
        {
            PictureBatches.RequireOwnNames(list);
            console.TellNotes(list.Notes);
            string weights = await DownloadDisplay.FindWeightsAsync(settings.Weights, console, cancellation).ConfigureAwait(false);
            encoder = await Task.Run(() => DinoEncoder.Load(weights, settings.Model), cancellation).ConfigureAwait(false);
            console.TellNotes(encoder.Notes);
            string device = $"{encoder.Device.Id} ({encoder.Device.Name})";
            string size = $"{encoder.InputWidth}x{encoder.InputHeight}";
            console.Detail($"weights {weights}, device {device}, input {size}, {encoder.TokenCount} tokens");
            return new ImageBatches(settings, console, list, encoder);
        }
        catch
        {
            encoder?.Dispose();
            list.Dispose();
            throw;
        }
    }

    /// <inheritdoc cref="PictureBatches.Claim"/>
    public void Claim(Func<string, IEnumerable<string>> targets) => _batches.Claim(_settings.Directory, targets);

    /// <summary>Goes through all images once, with progress on stderr.</summary>
    /// <param name="process">Runs the model on a batch, and writes its files or keeps what it needs.</param>
    /// <param name="cancellation">Ends the work between two batches.</param>
    /// <exception cref="DinoException">The device failed, or a file cannot be written.</exception>
    public async Task RunAsync(Action<ImageBatch> process, CancellationToken cancellation)
    {
        using var progress = new ConsoleProgress(ProgressKind.Auto, _console, rowsOnTerminal: false)
        {
            OnFailure = (path, reason) => _failures.Add(new FailedImage(JsonLinesWriter.Unicode(path), reason)),
        };
        await _batches.RunAsync(process, progress, cancellation).ConfigureAwait(false);
        _elapsed += progress.Counter.Elapsed;
    }

    /// <summary>Prints the summary.</summary>
    /// <returns>0, or 3 when an image failed.</returns>
    public int Finish()
    {
        string failed = _batches.Failed == 0 ? "" : $", {_batches.Failed} failed";
        string seconds = _elapsed.TotalSeconds.ToString("F1", CultureInfo.InvariantCulture);
        _console.Say($"{Quantity.Of(_list.Count, "image")} in {seconds} s{failed} -> {_settings.Directory}");
        if (_settings.Json)
        {
            WrittenImages written = WrittenImages.Of(_settings.Directory, _list.Count, _failures, _elapsed) with
            {
                ExplainedVariance = ExplainedVariance,
            };
            _console.WriteJson(written, CommandJson.Readable.WrittenImages);
        }

        return _batches.Failed == 0 ? ExitCode.Success : ExitCode.SomeImagesFailed;
    }

    public void Dispose()
    {
        Encoder.Dispose();
        _list.Dispose();
    }
}
