using Dino.Gpu.Cli.Formats;

namespace Dino.Gpu.Cli.Output;

/// <summary>
/// Where the rows go and how they are written: <c>-o</c> and <c>--format</c> of <c>dino embed</c>. A name with the extension of a format is a file; one without
/// any extension, with a slash at its end, or of a folder that is there is a folder of shards.
/// </summary>
internal sealed class EmbeddingOutput
{
    public const string Npy = "npy";
    public const string JsonLines = "jsonl";

    private readonly string? _file;

    private EmbeddingOutput(string? file, string format, bool isFolder = false)
    {
        _file = file;
        Format = format;
        IsFolder = isFolder;
    }

    /// <summary>Name of the format.</summary>
    public string Format { get; }

    /// <summary>Whether <see cref="Name"/> is a folder of shards.</summary>
    public bool IsFolder { get; }

    /// <summary>The file for messages.</summary>
    public string Name => _file ?? "stdout";

    public bool IsStandardOutput => _file is null;

    /// <param name="file">Value of <c>-o</c>; null or <c>-</c> is standard output.</param>
    /// <param name="format">Value of <c>--format</c>, or null to go by the file's extension.</param>
    /// <param name="problem">What is wrong with the pair, in one line.</param>
    /// <returns>Null when there is a problem.</returns>
    public static EmbeddingOutput? Parse(string? file, string? format, out string problem)
    {
        problem = "";
        if (file is null or "-")
        {
            if (format is null or JsonLines)
                return new EmbeddingOutput(null, JsonLines);
            problem = $"--format {format} needs a file: add -o FILE.{format} (standard output carries JSON Lines)";
            return null;
        }

        if (Directory.Exists(file) || file[^1] is '/' or '\\' || Path.GetExtension(file).Length == 0)
            return new EmbeddingOutput(file, format ?? Npy, isFolder: true);
        format ??= Path.GetExtension(file).ToLowerInvariant() switch
        {
            ".npy" => Npy,
            ".jsonl" or ".ndjson" => JsonLines,
            _ => null,
        };
        if (format is null)
        {
            problem = $"cannot tell the format of '{file}': end it in .npy or .jsonl, or add --format npy|jsonl";
            return null;
        }

        return new EmbeddingOutput(file, format);
    }

    /// <summary>Fails before the work starts if the file could not be written after it.</summary>
    /// <exception cref="DinoException">The file cannot be written.</exception>
    public void EnsureWritable()
    {
        if (_file is not null && !IsFolder)
            new OutputFile(_file).Dispose();
    }

    /// <summary>Opens the output.</summary>
    /// <param name="schema">What a row holds.</param>
    /// <param name="standardOutput">Used without a file; stays open.</param>
    public IEmbeddingWriter Open(RowSchema schema, Stream standardOutput) => Format switch
    {
        Npy => new NpyEmbeddingWriter(_file!, schema),
        _ when _file is null => JsonLinesWriter.ToStream(standardOutput, schema),
        _ => JsonLinesWriter.ToFile(_file, schema),
    };
}
