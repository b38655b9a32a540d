using System.Globalization;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;

namespace Dino.Gpu.Cli.Commands;

/// <summary>
/// One <c>dino index</c>: vectors into one <c>.npz</c> that also says what made them and, by their SHA-256, which
/// pictures they are of. It is what <c>embed --sha256</c> writes with one member more: NumPy opens it, its arrays are
/// uncompressed and read in one go, and search can embed queries the same way.
/// </summary>
internal sealed class IndexJob(IReadOnlyList<string> inputs, string path, EmbeddingSourceSettings settings, CliConsole console)
{
    /// <returns>0, or 3 when an image failed.</returns>
    /// <exception cref="DinoException">Something cannot be read or written.</exception>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        OutputNames.RefuseSameFile([("-o", path)], [.. inputs, settings.Weights]);
        FileKind.Embeddings(FormatCatalog.Npz).EnsureWritable(path);
        using var source = new EmbeddingSource(settings, console);
        EmbeddingTable table = await source.LoadAsync(inputs, cancellation).ConfigureAwait(false);
        bool hasDigests = table.Rows.Any(row => row.Sha256 is not null);
        var schema = new RowSchema([table.Dimension], FloatType.Float32, hasDigests, table.Columns) { Provenance = table.Model };
        RowSchema.Validate(table.Columns);
        using var writer = new NpzEmbeddingWriter(path, schema);
        for (int i = 0; i < table.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            writer.Write(table.Rows[i], table.Values.Span.Slice(i * table.Dimension, table.Dimension));
        }

        writer.Complete();
        string left = table.Failures.Count == 0 ? "" : $", {table.Failures.Count} without an embedding left out";
        console.Say(string.Create(CultureInfo.InvariantCulture, $"{table.Count} vectors of {table.Dimension}{left} -> {path}"));
        if (table.Model is null)
            console.Note("the embeddings do not say what made them, so search cannot check the model of its queries");
        return source.Failed > 0 ? ExitCode.SomeImagesFailed : ExitCode.Success;
    }
}
