using System.CommandLine;
using System.Globalization;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Search;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino compare A B</c>: the cosine of two images.</summary>
internal static class CompareCommand
{
    public const string Examples = """
          dino compare cat.jpg dog.jpg
          dino compare cat.jpg cat.npy                         an image with an embedding of it
          dino compare a.jpg b.jpg --output mean --size 448

        1 for the same direction, 0 for none in common, -1 for the opposite.
        """;

    public static Command Create(CliConsole console, Option<bool> verbose, Option<bool> quiet)
    {
        var first = new Argument<string>("A") { Description = "An image, or a file with one embedding." };
        var second = new Argument<string>("B") { Description = "Another." };
        var vectors = new VectorOptions();
        var command = new Command("compare", "Print the cosine of the embeddings of two images.") { first, second };
        vectors.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            string[] names = [parsed.GetValue(first)!, parsed.GetValue(second)!];
            var tables = new EmbeddingTable?[2];
            for (int i = 0; i < 2; i++)
                tables[i] = EmbeddingTable.IsEmbeddings(names[i]) ? EmbeddingTable.Load(names[i], cancellation) : null;
            Provenance? like = tables[0]?.Model ?? tables[1]?.Model;
            using (var source = new EmbeddingSource(vectors.Settings(parsed, parsed.GetValue(verbose), parsed.GetValue(quiet), like), console))
            {
                for (int i = 0; i < 2; i++)
                    tables[i] ??= await source.EmbedAsync([names[i]], cancellation).ConfigureAwait(false);
                for (int i = 0; i < 2; i++)
                {
                    if (tables[i]!.Count != 1)
                        throw new DinoException($"{names[i]} has {tables[i]!.Count} vectors, expected one", "use dino search");
                }

                source.RequireComparable(names[0], tables[0]!.Dimension, tables[0]!.Model, names[1], tables[1]!);
            }

            double cosine = NearestNeighbors.Cosine(tables[0]!.Values.Span, tables[1]!.Values.Span);
            parsed.InvocationConfiguration.Output.Write(cosine.ToString("F6", CultureInfo.InvariantCulture) + "\n");
            return ExitCode.Success;
        });
        return command;
    }
}
