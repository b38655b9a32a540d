using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Files;

namespace Dino.Gpu.Cli.Commands;

/// <summary>What <c>dino index</c> was asked for.</summary>
/// <param name="Inputs">Images, or embeddings.</param>
/// <param name="Target">A file, a folder, or the address of a database.</param>
/// <param name="Type">Type of the values in a file.</param>
/// <param name="Source">How images become vectors.</param>
internal sealed record IndexSettings(IReadOnlyList<string> Inputs, string Target, FloatType Type, EmbeddingSourceSettings Source)
{
    /// <summary>Whether a database gets an HNSW graph.</summary>
    public bool Hnsw { get; init; }

    /// <summary>Whether other pictures are deleted from a database.</summary>
    public bool Prune { get; init; }

    /// <summary>File for the images that cannot be read; null for none.</summary>
    public string? ErrorsFile { get; init; }

    /// <summary>Whether to print JSON.</summary>
    public bool Json { get; init; }
}

/// <summary>One <c>dino index</c>: loads or makes vectors and writes them into a file, a folder or a database.</summary>
/// <param name="settings">What was asked for.</param>
/// <param name="console">Standard streams.</param>
internal sealed class IndexJob(IndexSettings settings, CliConsole console)
{
    /// <summary>Rows of a shard, as <c>dino embed</c> writes them.</summary>
    private const int ShardSize = 10_000;

    /// <returns>The exit code.</returns>
    /// <exception cref="DinoException">An input cannot be read, or the target cannot be written.</exception>
    public Task<int> RunAsync(CancellationToken cancellation) =>
        UrlInput.IsStore(settings.Target) ? new StoreIndexJob(settings, console).RunAsync(cancellation)
        : IndexFile.IsIndex(settings.Target) ? ToFileAsync(cancellation)
        : ToFolderAsync(cancellation);

    private async Task<int> ToFileAsync(CancellationToken cancellation)
    {
        string path = settings.Target;
        IReadOnlyList<string> inputs = settings.Inputs;
        OutputNames.RefuseSameFile([("-o", path)], [.. inputs, settings.Source.Weights]);
        IndexFile.EnsureWritable(path);
        using var source = new EmbeddingSource(settings.Source, console);
        IndexSummary index = IndexFile.CanGather(path, inputs)
            ? await source.GatherAsync(inputs, path, settings.Type, cancellation).ConfigureAwait(false)
            : IndexFile.Write(path, await source.LoadAsync(inputs, cancellation).ConfigureAwait(false), settings.Type, cancellation);
        string left = index.Failed == 0 ? "" : $", {index.Failed} without an embedding left out";
        console.Say($"{Quantity.Of(index.Count, "vector")} of {index.Dimension}{left} -> {path}");
        TellModel(index.Model, console);
        if (settings.Json)
        {
            var written = new WrittenIndex(JsonLinesWriter.Unicode(path), index.Count, index.Dimension, index.Failed, index.Model);
            console.WriteJson(written, CommandJson.Readable.WrittenIndex);
        }

        return source.Failed > 0 ? ExitCode.SomeImagesFailed : ExitCode.Success;
    }

    /// <summary>Says what is not known of the vectors, or not the same for all.</summary>
    /// <param name="model">What made them; null if that is not known.</param>
    /// <param name="console">Standard streams.</param>
    public static void TellModel(Provenance? model, CliConsole console)
    {
        if (model is null)
            console.Note("the embeddings do not say what made them, so search cannot check the model of its queries");
        else if (string.Join(", ", model.Differences) is { Length: > 0 } differences)
            console.Note($"the vectors differ in {differences}: what made them is recorded as '{Provenance.Mixed}' there");
    }

    private Task<int> ToFolderAsync(CancellationToken cancellation)
    {
        if (settings.Inputs.FirstOrDefault(EmbeddingTable.IsEmbeddings) is { } embedded)
        {
            throw new DinoException(
                $"a folder gets the shards of images (expected images, found embeddings: {embedded})",
                $"name a file that ends in {IndexFile.Extensions}");
        }

        var run = new EmbedSettings
        {
            Inputs = settings.Inputs,
            Weights = settings.Source.Weights,
            Embedder = settings.Source.Embedder,
            Target = OutputTarget.Parse(settings.Target, "npz"),
            Type = settings.Type,
            ShardSize = ShardSize,
            Json = settings.Json,
        };
        return new EmbedJob(run, console).RunAsync(cancellation);
    }
}
