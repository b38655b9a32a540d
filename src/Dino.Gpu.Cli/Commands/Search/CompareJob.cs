using System.Globalization;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Search;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino compare</c>.</summary>
/// <param name="names">The two images, or files with one embedding.</param>
/// <param name="vectors">How images become vectors.</param>
/// <param name="json">Whether to print JSON.</param>
/// <param name="console">Standard streams.</param>
internal sealed class CompareJob(string[] names, VectorSettings vectors, bool json, CliConsole console)
{
    /// <returns>0</returns>
    /// <exception cref="DinoException">An input cannot be read, or the two cannot be compared.</exception>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        EmbeddingTable?[] tables =
            [.. names.Select(name => EmbeddingTable.IsEmbeddings(name) ? EmbeddingTable.Load(name, cancellation) : null)];
        Provenance? earlier = tables[0]?.Model ?? tables[1]?.Model;
        using (var source = new EmbeddingSource(vectors.Like(earlier), console))
        {
            for (int i = 0; i < tables.Length; i++)
                tables[i] ??= await source.EmbedAsync([names[i]], cancellation).ConfigureAwait(false);
            for (int i = 0; i < tables.Length; i++)
            {
                if (tables[i]!.Count != 1)
                    throw new DinoException($"{names[i]} has {tables[i]!.Count} vectors, expected one", "use dino search");
            }

            source.RequireComparable(names[0], tables[0]!.Dimension, tables[0]!.Model, names[1], tables[1]!);
        }

        double cosine = NearestNeighbors.Cosine(tables[0]!.Values.Span, tables[1]!.Values.Span);
        if (json)
        {
            var compared = new ComparedImages(JsonLinesWriter.Unicode(names[0]), JsonLinesWriter.Unicode(names[1]), cosine);
            console.WriteJson(compared, CommandJson.Readable.ComparedImages);
            return ExitCode.Success;
        }

        console.Text.Write(cosine.ToString("F6", CultureInfo.InvariantCulture) + "\n");
        return ExitCode.Success;
    }
}
