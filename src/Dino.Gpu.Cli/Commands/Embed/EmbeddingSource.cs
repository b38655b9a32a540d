using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Devices;

namespace Dino.Gpu.Cli.Commands;

/// <summary>How images among the arguments become vectors.</summary>
internal sealed record EmbeddingSourceSettings
{
    /// <summary>Value of <c>--weights</c>.</summary>
    public required string? Weights { get; init; }

    /// <summary>How images become vectors.</summary>
    public required EmbedderOptions Embedder { get; init; }

    /// <summary>Whether each image is embedded in its eight orientations, too.</summary>
    public bool Transforms { get; init; }

    /// <summary>Whether vectors that were made differently are compared anyway.</summary>
    public bool Force { get; init; }

    /// <summary>Device, precision, preprocessing, decoder.</summary>
    public DinoOptions Model => Embedder.Model;
}

/// <summary>
/// Vectors for the commands that compare them. They come from files of embeddings and folders of runs, or the model
/// makes them from images. The model is loaded when it is first needed, and then kept. The caller disposes it.
/// </summary>
/// <param name="settings">How images become vectors.</param>
/// <param name="console">Standard streams.</param>
internal sealed class EmbeddingSource(EmbeddingSourceSettings settings, CliConsole console) : IDisposable
{
    private readonly ComparableVectors _comparable = new(settings.Force, console.Note);
    private Embedder? _embedder;

    /// <summary>Options and the pictures that the command will write. None of them may be an input.</summary>
    public IReadOnlyList<(string Option, string? Path)> Outputs { get; init; } = [];

    /// <summary>The first device that the model runs on; null until it is loaded.</summary>
    public DeviceInfo? Device => _embedder?.Devices[0];

    /// <summary>How many images could not be read so far. Each was named on stderr.</summary>
    public long Failed { get; private set; }

    /// <summary>Sees to it that only vectors meet that can be compared.</summary>
    public ComparableVectors Comparable => _comparable;

    /// <summary>Whether the arguments are embeddings; false for images.</summary>
    /// <exception cref="DinoException">Both kinds are mixed.</exception>
    public static bool AreEmbeddings(IReadOnlyList<string> inputs)
    {
        string[] embedded = [.. inputs.Where(EmbeddingTable.IsEmbeddings)];
        if (embedded.Length > 0 && inputs.FirstOrDefault(input => !embedded.Contains(input)) is { } image)
            throw new DinoException($"expected embeddings or images, found both: {embedded[0]} has embeddings, {image} has none");
        return embedded.Length > 0;
    }

    /// <summary>The vectors of some arguments. These are all embeddings, or all images.</summary>
    /// <exception cref="DinoException">
    /// An argument cannot be read, there is no vector, the vectors cannot be compared, or both kinds are mixed.
    /// </exception>
    public async Task<EmbeddingTable> LoadAsync(IReadOnlyList<string> inputs, CancellationToken cancellation)
    {
        if (!AreEmbeddings(inputs))
            return await EmbedAsync(inputs, cancellation).ConfigureAwait(false);
        if (settings.Transforms)
            throw new DinoException($"--transforms: expected images, found embeddings: {inputs[0]}", "give the images");
        (string Path, EmbeddingTable Table)[] tables = await Task.Run(
            () => inputs.Select(path => (path, EmbeddingTable.Load(path, cancellation))).ToArray(), cancellation).ConfigureAwait(false);
        EmbeddingTable joined = _comparable.Join(tables);
        OutputNames.RefusePictures(Outputs, joined.Rows.Where(row => row.Archive is null).Select(row => row.Path));
        return joined;
    }

    /// <inheritdoc cref="IndexFile.Gather"/>
    public Task<IndexSummary> GatherAsync(IReadOnlyList<string> inputs, string path, FloatType type, CancellationToken cancellation) =>
        Task.Run(() => IndexFile.Gather(path, inputs, type, _comparable, cancellation), cancellation);

    /// <summary>
    /// The vectors of images, in their order. Unreadable images are <see cref="EmbeddingTable.Failures"/>.
    /// </summary>
    /// <exception cref="DinoException">The inputs or the model cannot be used, or no image could be read.</exception>
    public async Task<EmbeddingTable> EmbedAsync(IReadOnlyList<string> inputs, CancellationToken cancellation)
    {
        using InputList list = await InputOptions.SettleAsync(inputs, console, pathColumn: null, cancellation).ConfigureAwait(false);
        OutputNames.RefusePictures(Outputs, list.Items());
        console.TellNotes(list.Notes);
        return await EmbedAsync(NameOf(inputs), list, cancellation).ConfigureAwait(false);
    }

    /// <summary>The vectors of a list that is settled.</summary>
    /// <exception cref="DinoException">The model cannot be used, or no image could be read.</exception>
    public async Task<EmbeddingTable> EmbedAsync(string name, InputList list, CancellationToken cancellation)
    {
        Embedder embedder = await OpenAsync(cancellation).ConfigureAwait(false);
        using var progress = new ConsoleProgress(ProgressKind.Auto, console, rowsOnTerminal: false);
        EmbeddingTable table = await EmbeddingTable.EmbedAsync(
            name, list, embedder, settings.Transforms, progress, cancellation).ConfigureAwait(false);
        Failed += progress.Counter.Failed;
        return table;
    }

    /// <summary>What some arguments are called in messages.</summary>
    public static string NameOf(IReadOnlyList<string> inputs) => inputs.Count == 1 ? inputs[0] : $"{inputs[0]}...";

    /// <inheritdoc cref="ComparableVectors.Require"/>
    public void RequireComparable(string firstName, int dimension, Provenance? model, string name, EmbeddingTable table) =>
        _comparable.Require(firstName, dimension, model, name, table);

    /// <summary>The model, loaded once.</summary>
    /// <exception cref="DinoException">The weights or the device cannot be used.</exception>
    public async Task<Embedder> OpenAsync(CancellationToken cancellation)
    {
        if (_embedder is not null)
            return _embedder;
        string weights = await DownloadDisplay.FindWeightsAsync(settings.Weights, console, cancellation).ConfigureAwait(false);
        _embedder = await Task.Run(() => Embedder.Load(weights, settings.Embedder), cancellation).ConfigureAwait(false);
        console.TellNotes(_embedder.Encoders.Notes);
        string devices = string.Join(" + ", _embedder.Devices.Select(device => $"{device.Id} ({device.Name})"));
        console.Detail($"weights {weights}, device {devices}, input {_embedder.Provenance.Size}");
        return _embedder;
    }

    public void Dispose() => _embedder?.Dispose();
}
