namespace Dino.Gpu.Cli.Formats;

internal static class FormatCatalog
{
    public static IEmbeddingWriter Create(string format, string path, RowSchema schema) => format == "npy" ? new NpyEmbeddingWriter(path, schema) : JsonLinesWriter.ToFile(path, schema);
}
