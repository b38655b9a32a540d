using System.Globalization;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Vectors;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino index</c>: loads or makes vectors and writes them into one file to search.</summary>
/// <param name="inputs">Images, or embeddings.</param>
/// <param name="path">The index.</param>
/// <param name="settings">How images become vectors.</param>
/// <param name="console">Standard streams.</param>
internal sealed class IndexJob(IReadOnlyList<string> inputs, string path, EmbeddingSourceSettings settings, CliConsole console)
{
    /// <returns>0, or 3 when an image failed.</returns>
    /// <exception cref="DinoException">An input cannot be read, or the file cannot be written.</exception>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        OutputNames.RefuseSameFile([("-o", path)], [.. inputs, settings.Weights]);
        IndexFile.EnsureWritable(path);
        using var source = new EmbeddingSource(settings, console);
        EmbeddingTable table = await source.LoadAsync(inputs, cancellation).ConfigureAwait(false);
        IndexFile.Write(path, table, cancellation);
        string left = table.Failures.Count == 0 ? "" : $", {table.Failures.Count} without an embedding left out";
        console.Say(string.Create(CultureInfo.InvariantCulture, $"{table.Count} vectors of {table.Dimension}{left} -> {path}"));
        if (table.Model is null)
            console.Note("the embeddings do not say what made them, so search cannot check the model of its queries");
        return source.Failed > 0 ? ExitCode.SomeImagesFailed : ExitCode.Success;
    }
}
