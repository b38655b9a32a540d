using System.Globalization;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino index</c>: loads or makes vectors and writes them into one file to search.</summary>
/// <param name="inputs">Images, or embeddings.</param>
/// <param name="path">The index.</param>
/// <param name="type">Type of the values in it.</param>
/// <param name="settings">How images become vectors.</param>
/// <param name="json">Whether to print JSON.</param>
/// <param name="console">Standard streams.</param>
internal sealed class IndexJob(
    IReadOnlyList<string> inputs, string path, FloatType type, EmbeddingSourceSettings settings, bool json, CliConsole console)
{
    /// <returns>0, or 3 when an image failed.</returns>
    /// <exception cref="DinoException">An input cannot be read, or the file cannot be written.</exception>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        OutputNames.RefuseSameFile([("-o", path)], [.. inputs, settings.Weights]);
        IndexFile.EnsureWritable(path);
        using var source = new EmbeddingSource(settings, console);
        IndexSummary index = IndexFile.CanGather(path, inputs)
            ? await source.GatherAsync(inputs, path, type, cancellation).ConfigureAwait(false)
            : IndexFile.Write(path, await source.LoadAsync(inputs, cancellation).ConfigureAwait(false), type, cancellation);
        string left = index.Failed == 0 ? "" : $", {index.Failed} without an embedding left out";
        console.Say(string.Create(CultureInfo.InvariantCulture, $"{index.Count} vectors of {index.Dimension}{left} -> {path}"));
        if (index.Model is null)
            console.Note("the embeddings do not say what made them, so search cannot check the model of its queries");
        if (json)
        {
            var written = new WrittenIndex(JsonLinesWriter.Unicode(path), index.Count, index.Dimension, index.Failed, index.Model);
            console.WriteJson(written, CommandJson.Readable.WrittenIndex);
        }

        return source.Failed > 0 ? ExitCode.SomeImagesFailed : ExitCode.Success;
    }
}
