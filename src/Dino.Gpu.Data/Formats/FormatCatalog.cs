using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>A format of embedding files, by the name that <c>--format</c> takes.</summary>
/// <param name="Name">Also the usual extension.</param>
/// <param name="Extensions">With the dot.</param>
/// <param name="Streams">
/// Whether it can go to standard output: it is written from beginning to end, and read line by line.
/// </param>
internal sealed record EmbeddingFormat(string Name, string[] Extensions, bool Streams)
{
    /// <summary>Whether a file says what made its vectors, inside or beside it.</summary>
    public bool HoldsProvenance { get; init; }
}

/// <summary>The formats that embeddings are written in and read from.</summary>
internal static class FormatCatalog
{
    public static readonly EmbeddingFormat Npy = new("npy", [".npy"], false);
    public static readonly EmbeddingFormat Npz = new("npz", [".npz"], false) { HoldsProvenance = true };
    public static readonly EmbeddingFormat JsonLines = new("jsonl", [".jsonl", ".ndjson"], true) { HoldsProvenance = true };
    public static readonly EmbeddingFormat Csv = new("csv", [".csv"], true);
    public static readonly EmbeddingFormat Parquet = new("parquet", [".parquet", ".pq"], false) { HoldsProvenance = true };
    public static readonly EmbeddingFormat Safetensors = new("safetensors", [".safetensors"], false) { HoldsProvenance = true };

    /// <summary>
    /// An index of dino's own format, which is searched where it lies. <c>dino index</c> writes it, and every command
    /// that reads embeddings reads it; it is no output of <c>dino embed</c>.
    /// </summary>
    public static readonly EmbeddingFormat Index = new("dinoidx", [".dinoidx"], false) { HoldsProvenance = true };

    public static IReadOnlyList<EmbeddingFormat> All { get; } = [Npy, Npz, JsonLines, Csv, Parquet, Safetensors];

    /// <summary>npy|npz|...</summary>
    public static string Names { get; } = string.Join('|', All.Select(format => format.Name));

    /// <summary>".npy, .npz, ... or .safetensors"</summary>
    public static string Extensions { get; } =
        $"{string.Join(", ", All.SkipLast(1).Select(format => format.Extensions[0]))} or {All[^1].Extensions[0]}";

    /// <summary>The format of a name; null if there is none.</summary>
    public static EmbeddingFormat? FromName(string name) => All.FirstOrDefault(format => format.Name == name);

    /// <summary>The format of a name.</summary>
    /// <exception cref="DinoException">There is none.</exception>
    public static EmbeddingFormat Named(string name) =>
        FromName(name) ?? throw new DinoException($"there is no format '{name}', expected {Names}");

    /// <summary>The format of a file's extension; null if there is none.</summary>
    public static EmbeddingFormat? FromExtension(string path)
    {
        string extension = Path.GetExtension(path).ToLowerInvariant();
        return All.FirstOrDefault(format => format.Extensions.Contains(extension));
    }

    /// <summary>The format of a file that is read by its extension; null if there is none.</summary>
    public static EmbeddingFormat? FromInput(string path) => IsTabbed(path) ? Csv : FromOutput(path);

    /// <summary>
    /// The format of a file that is written by its extension, be it an index; null if there is none.
    /// </summary>
    public static EmbeddingFormat? FromOutput(string path) => IsIndex(path) ? Index : FromExtension(path);

    /// <summary>Whether a file is an index of dino's own format, by its extension.</summary>
    public static bool IsIndex(string path) => Path.GetExtension(path).Equals(Index.Extensions[0], StringComparison.OrdinalIgnoreCase);

    /// <summary>Opens a writer of a file, which appears when it is complete.</summary>
    /// <exception cref="DinoException">
    /// The file cannot be created there, or the format cannot hold the schema.
    /// </exception>
    public static IEmbeddingWriter Create(EmbeddingFormat format, string path, RowSchema schema)
    {
        RowSchema.Validate(schema.Columns);
        return format.Name switch
        {
            "npy" => new NpyEmbeddingWriter(path, schema),
            "npz" => new NpzEmbeddingWriter(path, schema),
            "jsonl" => JsonLinesWriter.ToFile(path, schema),
            "csv" => CsvEmbeddingWriter.ToFile(path, schema),
            "parquet" => new ParquetEmbeddingWriter(path, schema),
            "dinoidx" => new IndexEmbeddingWriter(path, schema),
            _ => new SafetensorsEmbeddingWriter(path, schema),
        };
    }

    /// <summary>
    /// Opens a writer to a stream of the caller, for a format with <see cref="EmbeddingFormat.Streams"/>.
    /// </summary>
    public static IEmbeddingWriter Create(EmbeddingFormat format, Stream stream, RowSchema schema)
    {
        RowSchema.Validate(schema.Columns);
        return format == JsonLines ? JsonLinesWriter.ToStream(stream, schema)
            : format == Csv ? CsvEmbeddingWriter.ToStream(stream, schema)
            : throw new ArgumentException($"{format.Name} needs a file.");
    }

    /// <summary>Opens a file in the format of its extension.</summary>
    /// <exception cref="DinoException">
    /// The extension is unknown, or the file is missing, broken or of another format.
    /// </exception>
    public static EmbeddingFile OpenReader(string path)
    {
        EmbeddingFormat format = FromInput(path)
            ?? throw new DinoException($"cannot read {path}: expected a file of embeddings that ends in {Extensions}");
        return OpenReader(path, format);
    }

    /// <summary>Opens a file in a format, whatever its extension is.</summary>
    /// <exception cref="DinoException">The file is missing, broken or of another format.</exception>
    public static EmbeddingFile OpenReader(string path, EmbeddingFormat format) => new(path, stream => format.Name switch
    {
        "npy" => new NpyEmbeddingReader(stream),
        "npz" => new NpzEmbeddingReader(stream),
        "jsonl" => new JsonLinesReader(stream, ProvenanceFile.Read(path)),
        "csv" => new CsvEmbeddingReader(stream, IsTabbed(path) ? '\t' : ','),
        "parquet" => new ParquetEmbeddingReader(stream),
        "dinoidx" => new IndexEmbeddingReader((FileStream)stream),
        _ => new SafetensorsEmbeddingReader(stream),
    });

    /// <summary>Whether a file is CSV with tabs for commas, by its extension. It is read, and not written.</summary>
    private static bool IsTabbed(string path) => Path.GetExtension(path).Equals(".tsv", StringComparison.OrdinalIgnoreCase);
}
