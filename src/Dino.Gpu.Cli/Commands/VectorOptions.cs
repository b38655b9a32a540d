using System.CommandLine;
using Dino.Gpu.Cli.Embedding;

namespace Dino.Gpu.Cli.Commands;

/// <summary>The options of the commands that compare vectors: how images among their arguments become some.</summary>
internal sealed class VectorOptions
{
    /// <summary>Description of arguments that may be either.</summary>
    public const string Description =
        "Embeddings (.npy, .npz, .jsonl, .csv, .parquet or .safetensors, or the folder of a run), or images, folders, globs, .tar archives, @list.txt, which are embedded now.";

    private readonly Option<string> _output = new("--output")
    {
        Description = "Vector of an image that is embedded now: cls (the class token), mean (of the patch tokens) or cls+mean.",
        HelpName = "WHAT",
        DefaultValueFactory = _ => "cls",
    };

    private readonly EncoderOptions _encoder = new();

    public VectorOptions() => _output.AcceptOnlyFromAmong("cls", "mean", "cls+mean");

    public void AddTo(Command command)
    {
        command.Options.Add(_output);
        _encoder.AddTo(command);
    }

    /// <summary>What the options say.</summary>
    public EmbeddingSourceSettings Settings(ParseResult parsed, bool verbose, bool quiet) => new()
    {
        Weights = _encoder.Weights(parsed),
        Model = _encoder.Model(parsed),
        Pooling = parsed.GetValue(_output)!,
        Workers = _encoder.Workers(parsed),
        Quiet = quiet,
        Verbose = verbose,
    };
}
