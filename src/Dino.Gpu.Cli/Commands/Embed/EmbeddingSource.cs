using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Files;

namespace Dino.Gpu.Cli.Commands;

/// <summary>How images among the arguments become vectors.</summary>
internal sealed record EmbeddingSourceSettings
{
    /// <summary>Value of <c>--weights</c>.</summary>
    public required string? Weights { get; init; }

    /// <summary>Device, precision, preprocessing, decoder.</summary>
    public required DinoOptions Model { get; init; }

    /// <summary>As <c>--output</c> takes it.</summary>
    public required string Pooling { get; init; }

    /// <summary>Most pixels of a picture, as the decoder has it.</summary>
    public required long MaxPixels { get; init; }

    /// <summary>Files decoded at the same time.</summary>
    public required int Workers { get; init; }

    public required bool Quiet { get; init; }

    public required bool Verbose { get; init; }
}

/// <summary>
/// Vectors for the commands that compare them: read from files of embeddings and folders of runs, or, where the arguments are images, made by the model now. The model is
/// loaded when the first image asks for it, and then kept. Whoever makes it disposes it.
/// </summary>
/// <param name="settings">How images become vectors.</param>
/// <param name="console">Standard streams.</param>
internal sealed class EmbeddingSource(EmbeddingSourceSettings settings, CliConsole console) : IDisposable
{
    private DinoEncoderGroup? _encoders;
    private Provenance? _model;

    /// <summary>Images that could not be read so far; each was named on stderr.</summary>
    public long Failed { get; private set; }

    /// <summary>The vectors of some arguments, all of them embeddings or all of them images.</summary>
    /// <exception cref="DinoException">An argument cannot be read, there is no vector, vectors cannot be compared, or arguments of both kinds are mixed.</exception>
    public async Task<EmbeddingTable> LoadAsync(IReadOnlyList<string> inputs, CancellationToken cancellation)
    {
        string[] embedded = [.. inputs.Where(EmbeddingTable.IsEmbeddings)];
        if (embedded.Length == 0)
            return await EmbedAsync(inputs, cancellation).ConfigureAwait(false);
        if (inputs.FirstOrDefault(input => !embedded.Contains(input)) is { } image)
            throw new DinoException($"{embedded[0]} has embeddings and {image} has not: give embeddings or images, not both");
        return await Task.Run(
            () => EmbeddingTable.Join([.. embedded.Select(path => (path, EmbeddingTable.Load(path, cancellation)))]), cancellation).ConfigureAwait(false);
    }

    /// <summary>The vectors of images, in their order; with one that cannot be read among <see cref="EmbeddingTable.Failures"/>.</summary>
    /// <exception cref="DinoException">The inputs or the model cannot be used, or no image could be read.</exception>
    public async Task<EmbeddingTable> EmbedAsync(IReadOnlyList<string> inputs, CancellationToken cancellation)
    {
        using InputList list = await Task.Run(() => InputList.Settle(inputs, console.Input, cancellation: cancellation), cancellation)
            .WaitAsync(cancellation).ConfigureAwait(false);
        DinoEncoderGroup encoders = await OpenAsync(cancellation).ConfigureAwait(false);
        var layout = RowLayout.Of(settings.Pooling, normalize: false, encoders);
        var counter = new ProgressCounter(list.Count);
        using IProgressDisplay progress = ProgressDisplay.Create(settings.Quiet ? ProgressKind.None : ProgressKind.Auto, counter, console, rowsOnTerminal: false);
        var rows = new TableSink(new EmbeddingTable.Builder(inputs.Count == 1 ? inputs[0] : $"{inputs[0]}...", layout.Shape, list.Columns), layout, progress);
        var times = new StageTimes();
        var loader = new ImageLoader(settings.Model.Decoder!, settings.Model.Orientation, encoders.PrepareForDevice, sha256: false, settings.MaxPixels, times);
        var pipeline = new EmbeddingPipeline(
            loader.Load,
            images => layout.Forward(encoders, images),
            new PipelineOptions(encoders.BatchSize, settings.Workers) { InFlight = encoders.BatchesInFlight },
            times);
        await pipeline.RunAsync(list.Items(), rows, cancellation).ConfigureAwait(false);
        Failed += counter.Failed;
        return rows.Table.Build(_model);
    }

    public void Dispose() => _encoders?.Dispose();

    private async Task<DinoEncoderGroup> OpenAsync(CancellationToken cancellation)
    {
        if (_encoders is not null)
            return _encoders;
        string weights = await WeightsLocator.FindAsync(settings.Weights, console, settings.Quiet, cancellation).ConfigureAwait(false);
        _encoders = await Task.Run(() => DinoEncoderGroup.Load(weights, settings.Model), cancellation).ConfigureAwait(false);
        _model = Provenance.Of(weights, settings.Model, _encoders, settings.Pooling);
        if (settings.Verbose)
            console.Error.WriteLine($"dino: weights {weights}, device {string.Join(" + ", _encoders.Devices.Select(device => $"{device.Id} ({device.Name})"))}, input {_model.Size}");
        return _encoders;
    }

    /// <summary>Rows of the pipeline into a table.</summary>
    private sealed class TableSink(EmbeddingTable.Builder table, RowLayout layout, IProgressDisplay progress) : IEmbeddingSink
    {
        private readonly float[] _row = new float[layout.Length];
        private long _next;

        public EmbeddingTable.Builder Table => table;

        public void Embedded(InputItem item, LoadedImage image, DinoOutput output, int index)
        {
            layout.Copy(output, index, _row);
            table.Add(new RowInfo { Row = _next++, Path = item.Path, Width = image.Width, Height = image.Height, Columns = item.Columns }, _row);
            progress.Advance(failed: false);
        }

        public void Failed(InputItem item, string reason)
        {
            table.Add(new RowInfo { Row = _next++, Path = item.Path, Error = reason, Columns = item.Columns }, []);
            progress.Report($"dino: {MessageText.OneLine($"{item.Path}: {reason}")}");
            progress.Advance(failed: true);
        }

        public void Flush()
        {
        }
    }
}
