using System.CommandLine;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Cli.Commands;

/// <summary>Options of the commands that compare vectors: how images among the arguments become vectors.</summary>
internal sealed class VectorOptions
{
    /// <summary>Description of arguments that may be embeddings or images.</summary>
    public const string Description =
        "Embeddings, or images to embed now. Embeddings are .npy, .npz, .jsonl, .csv, .parquet, .safetensors or .dinoidx files, or the "
        + "folder of a run; images are files, folders, globs, .tar archives or @list.txt.";

    /// <summary>Description of the outputs that give one vector per image.</summary>
    public const string Outputs =
        "cls: the class token, DINO's embedding. mean: the mean of the patch tokens. gem: their generalized mean (exponent 4). "
        + "cls+mean, cls+gem: both, one after the other. lastN: the class tokens of the last N blocks, such as last4. "
        + "lastN+mean, lastN+gem: these, then a mean. multiscale: the class token averaged over the scales 1, 0.71 and 0.5 of the input, "
        + "scaled to length 1; multiscale:1,0.5 for other scales.";

    private readonly Option<string> _output = new("--output")
    {
        Description = $"Vector of an image that is embedded now. {Outputs}",
        HelpName = "WHAT",
    };

    private readonly Option<bool> _force = Parsing.Switch(
        "--force", "Compare vectors that were made differently, such as by two models. They must have the same length.");

    private readonly EncoderOptions _encoder;

    /// <param name="console">Receives what <see cref="EncoderOptions"/> reports.</param>
    /// <param name="output">Default of <c>--output</c>.</param>
    public VectorOptions(CliConsole console, string output = "cls")
    {
        _encoder = new EncoderOptions(console);
        _output.DefaultValueFactory = _ => output;
        _output.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && OutputKind.Parse(result.Tokens[0].Value)?.Pooling is null)
                result.AddError($"--output: expected {OutputKind.VectorNames}, found '{result.Tokens[0].Value}'");
        });
    }

    /// <param name="command">Gets the options.</param>
    /// <param name="earlier">Whether earlier vectors may be among the arguments; if not, all precisions are compared.</param>
    public void AddTo(Command command, bool earlier = true)
    {
        command.Options.Add(_output);
        if (earlier)
            command.Options.Add(_force);
        _encoder.AddTo(command, precision: earlier);
    }

    /// <summary>What the options say.</summary>
    public VectorSettings Settings(ParseResult parsed) => new(
        new EmbeddingSourceSettings
        {
            Weights = _encoder.Weights(parsed),
            Force = parsed.GetValue(_force),
            Embedder = new EmbedderOptions
            {
                Model = _encoder.Model(parsed),
                Output = parsed.GetValue(_output)!,
                MaxPixels = _encoder.MaxPixels(parsed),
                Workers = _encoder.Workers(parsed),
                Sha256 = true, // dedup needs it to tell whether a picture is still the one that was embedded
            },
        },
        _encoder.Given(parsed) | (parsed.IsGiven(_output) ? GivenOptions.Output : 0));
}
