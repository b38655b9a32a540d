using System.CommandLine;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Cli.Commands;

/// <summary>The options of the commands that compare vectors: how images among their arguments become some.</summary>
internal sealed class VectorOptions
{
    /// <summary>Description of arguments that may be either.</summary>
    public const string Description =
        "Embeddings (.npy, .npz, .jsonl, .csv, .parquet or .safetensors, or the folder of a run), or images, folders, globs, .tar archives, @list.txt, which are embedded now.";

    private readonly Option<string> _output = new("--output")
    {
        Description = "Vector of an image that is embedded now: cls (the class token), mean or gem (of the patch tokens), cls+mean, cls+gem, lastN (class tokens of the last N blocks), lastN+mean, multiscale (of several scales).",
        HelpName = "WHAT",
    };

    private readonly EncoderOptions _encoder = new();

    /// <param name="pooling">What <c>--output</c> is when it is not given.</param>
    public VectorOptions(string pooling = "cls")
    {
        _output.DefaultValueFactory = _ => pooling;
        _output.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && OutputKind.Parse(result.Tokens[0].Value)?.Pooling is null)
                result.AddError($"--output: expected {OutputKind.VectorNames}, found '{result.Tokens[0].Value}'");
        });
    }

    public void AddTo(Command command)
    {
        command.Options.Add(_output);
        _encoder.AddTo(command);
    }

    /// <summary>What the options say.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="verbose">Whether <c>--verbose</c> is given.</param>
    /// <param name="quiet">Whether <c>--quiet</c> is given.</param>
    /// <param name="like">What made the vectors that images are compared with: what no option says is as it was then.</param>
    public EmbeddingSourceSettings Settings(ParseResult parsed, bool verbose, bool quiet, Provenance? like = null) => new()
    {
        Weights = _encoder.Weights(parsed) ?? (like?.Weights.StartsWith("synthetic:", StringComparison.Ordinal) == true ? like.Weights : null),
        Embedder = new EmbedderOptions
        {
            Model = like is null ? _encoder.Model(parsed) : _encoder.Model(parsed, like),
            Output = like is null || parsed.GetResult(_output) is { Implicit: false } ? parsed.GetValue(_output)! : like.Output,
            MaxPixels = _encoder.MaxPixels(parsed),
            Workers = _encoder.Workers(parsed),
            Sha256 = true, // an index records which pictures it is of, so that dedup can tell whether they are still there
        },
        Quiet = quiet,
        Verbose = verbose,
    };
}
