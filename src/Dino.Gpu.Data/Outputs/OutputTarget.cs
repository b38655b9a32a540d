using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Outputs;

/// <summary>
/// Where the rows go, and in which format: <c>-o</c> and <c>--format</c> of <c>dino embed</c>. A name with the
/// extension of a format is a file. A name without extension, with a slash at its end, or of an existing folder is a
/// folder of shards.
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

    /// <summary>The file or folder, for messages too.</summary>
    public string Name => _file ?? "stdout";

    public bool IsStandardOutput => _file is null;

    /// <summary>The one file of the rows; null for a folder and for standard output.</summary>
    public string? File => IsFolder ? null : _file;

    /// <summary>Whether a name that is not empty is that of a folder of shards.</summary>
    public static bool NamesFolder(string file) =>
        Directory.Exists(file) || (!UrlInput.IsUrl(file) && (file[^1] is '/' or '\\' || Path.GetExtension(file).Length == 0));

    /// <summary>The target that two options name.</summary>
    /// <param name="file">Value of <c>-o</c>; null, <c>-</c> or <c>/dev/stdout</c> is standard output.</param>
    /// <param name="format">Value of <c>--format</c>, or null to go by the file's extension. A file that is named as
    /// one of another format would be read as that.</param>
    /// <param name="hasFormat">Whether the command has <c>--format</c>.</param>
    /// <exception cref="DinoException">They do not go together, or the format is not known.</exception>
    public static OutputTarget Parse(string? file, string? format, bool hasFormat = true)
    {
        EmbeddingFormat? named = format is null ? null : FormatCatalog.Named(format);
        if (file is { Length: 0 })
            throw new DinoException("-o: expected a value, found an empty one", "check that the variable of the shell is set");
        if (file is null or "-" or "/dev/stdout")
        {
            named ??= FormatCatalog.JsonLines;
            return named.Streams
                ? new OutputTarget(null, named)
                : throw new DinoException(
                    $"--format {named.Name} needs a file (standard output carries JSON Lines or CSV)", $"add -o FILE{named.Extensions[0]}");
        }

        UrlInput.RefuseOutput(file);
        if (NamesFolder(file))
            return new OutputTarget(file, named ?? FormatCatalog.Npy, isFolder: true);
        EmbeddingFormat? ofExtension = FormatCatalog.FromExtension(file);
        if (named is not null && ofExtension is not null && named != ofExtension)
        {
            throw new DinoException(
                $"--format: expected {ofExtension.Name} for '{file}', found {named.Name}",
                $"omit --format, or end the name in {named.Extensions[0]}");
        }

        named ??= ofExtension;
        if (named is null)
        {
            string other = hasFormat ? $", or add --format {FormatCatalog.Names}" : "";
            throw new DinoException($"cannot tell the format of '{file}'", $"end it in {FormatCatalog.Extensions}{other}");
        }

        return new OutputTarget(file, named);
    }

    /// <summary>Fails before the work starts if the file could not be written after it.</summary>
    /// <exception cref="DinoException">It cannot be written, or would replace a file of another kind.</exception>
    public void EnsureWritable()
    {
        if (File is null)
            return;
        FileKind.Embeddings(Format).EnsureWritable(File);
        if (Format == FormatCatalog.JsonLines)
            FileKind.Provenance.EnsureWritable(ProvenanceFile.PathOf(File));
    }

    /// <summary>Opens the output.</summary>
    /// <param name="schema">What a row holds.</param>
    /// <param name="standardOutput">Used if there is no file; stays open.</param>
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
