using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Outputs;

/// <summary>
/// Where the rows go and how they are written: <c>-o</c> and <c>--format</c> of <c>dino embed</c>. A name with the
/// extension of a format is a file; one without
/// any extension, with a slash at its end, or of a folder that is there is a folder of shards.
/// </summary>
internal sealed class OutputTarget
{
    private readonly string? _file;

    private OutputTarget(string? file, EmbeddingFormat format, bool isFolder = false)
    {
        _file = file;
        Format = format;
        IsFolder = isFolder;
    }

    /// <summary>The format of the file, or of the shards.</summary>
    public EmbeddingFormat Format { get; }

    /// <summary>Whether <see cref="Name"/> is a folder of shards.</summary>
    public bool IsFolder { get; }

    /// <summary>The file for messages.</summary>
    public string Name => _file ?? "stdout";

    public bool IsStandardOutput => _file is null;

    /// <param name="file">Value of <c>-o</c>; null, <c>-</c> or <c>/dev/stdout</c> is standard output.</param>
    /// <param name="format">Value of <c>--format</c>, or null to go by the file's extension.</param>
    /// <param name="problem">What is wrong with the pair, in one line.</param>
    /// <param name="hasFormat">Whether the command has <c>--format</c>.</param>
    /// <returns>Null when there is a problem.</returns>
    public static OutputTarget? Parse(string? file, string? format, out string problem, bool hasFormat = true)
    {
        problem = "";
        EmbeddingFormat? named = format is null ? null : FormatCatalog.FromName(format);
        if (format is not null && named is null)
        {
            problem = $"there is no format '{format}', expected {FormatCatalog.Names}";
            return null;
        }

        if (file is { Length: 0 })
        {
            problem = "-o: expected a value, found an empty one (is a variable of the shell unset?)";
            return null;
        }

        if (file is null or "-" or "/dev/stdout")
        {
            named ??= FormatCatalog.JsonLines;
            if (named.Streams)
                return new OutputTarget(null, named);
            problem = $"--format {named.Name} needs a file: add -o FILE{named.Extensions[0]} (standard output carries JSON Lines or CSV)";
            return null;
        }

        if (Directory.Exists(file) || file[^1] is '/' or '\\' || Path.GetExtension(file).Length == 0)
            return new OutputTarget(file, named ?? FormatCatalog.Npy, isFolder: true);
        named ??= FormatCatalog.FromExtension(file);
        if (named is null)
        {
            string other = hasFormat ? $", or add --format {FormatCatalog.Names}" : "";
            problem = $"cannot tell the format of '{file}': end it in {FormatCatalog.Extensions}{other}";
            return null;
        }

        return new OutputTarget(file, named);
    }

    /// <summary>Fails before the work starts if the file could not be written after it.</summary>
    /// <exception cref="DinoException">
    /// The file cannot be written, or one that is no embeddings of this format is there.
    /// </exception>
    public void EnsureWritable()
    {
        if (_file is null || IsFolder)
            return;
        FileKind.Embeddings(Format).EnsureWritable(_file);
        if (Format == FormatCatalog.JsonLines)
            FileKind.Provenance.EnsureWritable(ProvenanceFile.PathOf(_file));
    }

    /// <summary>Opens the output.</summary>
    /// <param name="schema">What a row holds.</param>
    /// <param name="standardOutput">Used without a file; stays open.</param>
    /// <exception cref="DinoException">The file cannot be created, or the format cannot hold the schema.</exception>
    public IEmbeddingWriter Open(RowSchema schema, Stream standardOutput)
    {
        if (_file is null)
            return FormatCatalog.Create(Format, standardOutput, schema);
        IEmbeddingWriter writer = FormatCatalog.Create(Format, _file, schema);
        bool isBeside = Format == FormatCatalog.JsonLines && schema.Provenance is not null;
        return isBeside ? new WithProvenanceFile(writer, _file, schema.Provenance!) : writer;
    }
}
