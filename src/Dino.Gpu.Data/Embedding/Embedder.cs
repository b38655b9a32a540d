using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Embedding;

/// <summary>
/// Turns a list of inputs into rows: reads, decodes and resizes on several threads, runs the model on one or several
/// devices, and returns rows in the order of the inputs. Its memory does not depend on the number of inputs. It does
/// one piece of work at a time.
/// </summary>
public sealed class Embedder : IDisposable
{
    private readonly DinoOptions _model;
    private readonly Lazy<Provenance> _provenance; // hashes the weights, which not every output needs

    private Embedder(DinoEncoderGroup encoders, DinoOptions model, EmbedderOptions options, RowLayout layout, Lazy<Provenance> provenance)
    {
        Encoders = encoders;
        _model = model;
        Options = options;
        Layout = layout;
        _provenance = provenance;
        InFlight = Math.Max(encoders.BatchesInFlight, encoders.Devices.Count == 1 ? 1 : encoders.Devices.Count + 1);
    }

    /// <summary>How images become rows.</summary>
    public EmbedderOptions Options { get; }

    /// <summary>What makes the vectors: weights, preprocessing, output.</summary>
    public Provenance Provenance => _provenance.Value;

    /// <summary>Shape of a row: (values), (tokens, hidden) or (grid height, grid width, hidden).</summary>
    public IReadOnlyList<int> RowShape => Layout.Shape;

    /// <summary>The devices, one copy of the model on each.</summary>
    public IReadOnlyList<DeviceInfo> Devices => Encoders.Devices;

    /// <summary>The model.</summary>
    internal DinoEncoderGroup Encoders { get; }

    /// <summary>How a row is taken from a forward pass.</summary>
    internal RowLayout Layout { get; }

    /// <summary>Where the time of the work so far went.</summary>
    internal StageTimes Times { get; } = new();

    /// <summary>Files read and decoded at the same time.</summary>
    internal int Workers => Options.Workers ?? Environment.ProcessorCount;

    /// <summary>
    /// Batches in the model at the same time. With several devices, one more batch waits for the next free one.
    /// </summary>
    internal int InFlight { get; }

    /// <summary>Loads a model.</summary>
    /// <param name="weights">A checkpoint, a folder with one, or <c>synthetic[:SEED]</c>.</param>
    /// <param name="options">
    /// How images become rows; null for the class token of every image on the best device.
    /// </param>
    /// <returns>The embedder; the caller disposes it.</returns>
    /// <exception cref="DinoException">
    /// The weights or the device cannot be used, the model cannot give the output, or an option cannot be used.
    /// </exception>
    public static Embedder Load(string weights, EmbedderOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(weights);
        options ??= new EmbedderOptions();
        options.Validate();
        DinoOptions model =
            options.Model with { Decoder = options.Model.Decoder ?? ImageDecoders.Create(ImageDecoders.Names[0], options.MaxPixels) };
        DinoEncoderGroup encoders = DinoEncoderGroup.Load(weights, model);
        try
        {
            RowLayout layout = RowLayout.Of(options.Output, options.Normalize, encoders);
            var provenance = new Lazy<Provenance>(() => Provenance.Of(weights, model, encoders, options.Output, options.Normalize));
            return new Embedder(encoders, model, options, layout, provenance);
        }
        catch
        {
            encoders.Dispose();
            throw;
        }
    }

    /// <summary>Frees the devices' memory. Waits for a batch that is in the model.</summary>
    public void Dispose() => Encoders.Dispose();

    /// <summary>Embeds every input.</summary>
    /// <param name="items">The inputs; enumerated on a thread of its own, which may block.</param>
    /// <param name="sink">Takes the rows.</param>
    /// <param name="folders">Folders that inputs were found in; if one vanishes, the run ends.</param>
    /// <param name="drain">
    /// Asks for an orderly end: the batches in the model are finished and their rows handed out.
    /// </param>
    /// <param name="cancellation">Asks for an end at once.</param>
    /// <returns>Whether every input went through; false after <paramref name="drain"/>.</returns>
    internal Task<bool> RunAsync(
        IEnumerable<InputItem> items, IEmbeddingSink sink, IEnumerable<string> folders, CancellationToken drain,
        CancellationToken cancellation)
    {
        var loader = new ImageLoader(
            ImageDecoding.For(_model.Decoder!, Encoders.Preprocessor),
            _model.Orientation,
            Encoders.PrepareForDevice,
            Options.Sha256,
            Options.MaxPixels,
            Times);
        foreach (string folder in folders)
            loader.Folders.Add(folder);
        var pipeline = new EmbeddingPipeline(
            loader.Load,
            Forward,
            new PipelineOptions(Encoders.BatchSize, Workers) { InFlight = InFlight, ImageTimeout = Options.ImageTimeout },
            Times);
        return pipeline.RunAsync(items, sink, drain, cancellation);
    }

    /// <summary>Runs one batch of prepared pictures.</summary>
    private DinoOutput Forward(IReadOnlyList<RgbImage> images) => Layout.Scales is { } scales
        ? Encoders.ForwardMultiScale(images, scales)
        : Encoders.ForwardLayers(images, Layout.Needed, Layout.Layers);
}
