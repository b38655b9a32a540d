using Dino.Gpu.Cli.Formats;

namespace Dino.Gpu.Cli.Output;

/// <summary>Where the rows go and how they are written: <c>-o</c> and <c>--format</c> of <c>dino embed</c>.</summary>
internal sealed class EmbeddingOutput
{
    public const string Npy = "npy";
    public const string JsonLines = "jsonl";

    private readonly string? _file;
    private readonly string _format;

    private EmbeddingOutput(string? file, string format)
    {
        _file = file;
        _format = format;
    }

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
        if (_file is not null)
            new OutputFile(_file).Dispose();
    }

    /// <summary>Opens the output.</summary>
    /// <param name="schema">What a row holds.</param>
    /// <param name="standardOutput">Used without a file; stays open.</param>
    public IEmbeddingWriter Open(RowSchema schema, Stream standardOutput) => _format switch
    {
        Npy => new NpyEmbeddingWriter(_file!, schema),
        _ when _file is null => JsonLinesWriter.ToStream(standardOutput, schema),
        _ => JsonLinesWriter.ToFile(_file, schema),
    };
}
