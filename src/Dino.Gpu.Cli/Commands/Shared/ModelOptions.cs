using System.CommandLine;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Devices;
using Dino.Gpu.Model;

namespace Dino.Gpu.Cli.Commands;

/// <summary>The options of every command that runs the model.</summary>
internal sealed class ModelOptions
{
    /// <summary>Largest <c>--batch</c>.</summary>
    public const int LargestBatch = 4096;

    private const int LargestThreads = 1024;

    /// <summary>The value of <c>--batch auto</c>, and of no option at all: a parser cannot return null.</summary>
    private const int AutomaticBatch = 0;

    private readonly Option<string?> _weights = new("--weights", "-w")
    {
        Description = "Checkpoint: a .bin, .pth or .safetensors file, a folder with one, a model in the Hugging Face cache such as "
            + "facebook/dino-vits16, or synthetic[:MODEL][:SEED] for seeded weights that mean nothing. "
            + "[default: DINO_WEIGHTS, then weights/, then the cache, into which the real weights are downloaded once]",
        HelpName = "PATH|synthetic",
    };

    private readonly CheckpointArguments _checkpoint = new();

    private readonly Option<string> _device = new("--device", "-d")
    {
        Description = "auto, cpu, cuda[:N] or opencl[:N], as 'dino devices' lists them. embed takes several: cuda:0,cuda:1 or cuda:all.",
        HelpName = "ID",
        DefaultValueFactory = _ => "auto",
    };

    private readonly ChoiceOption<Precision> _precision = new(
        "--precision",
        "Arithmetic of the model. tf32, bf16 and fp16 run on NVIDIA GPUs from compute capability 8.0 on, bf16 and int8 on CPUs with "
        + "AVX-512 for them. 'dino devices' lists what each device offers.",
        PrecisionSupport.All.Select(precision => (PrecisionSupport.NameOf(precision), precision)));

    private readonly Option<int> _batch = new("--batch", "-b")
    {
        Description = "Images in one pass through the model. It changes speed and memory, never the result. It is halved if the device "
            + "runs out of memory. auto: 32 on the CPU, what fits well on a GPU. [default: auto]",
        HelpName = "auto|N",
        CustomParser = result => result.Tokens[0].Value == "auto" ? AutomaticBatch : (int)Parsing.Whole(result, "--batch", 1, LargestBatch),
    };

    private readonly ChoiceOption<PositionInterpolation?> _interpolation = new(
        "--interpolation",
        "Position embeddings at other input sizes. size: as in Hugging Face today. scale: as in the original code and older Hugging Face. "
        + "antialias: as in DINOv2 with registers. auto: antialias there, else size. DINOv3 has no such embeddings.",
        [
            ("auto", null),
            ("size", PositionInterpolation.Size),
            ("scale", PositionInterpolation.Scale),
            ("antialias", PositionInterpolation.Antialias),
        ]);

    private readonly Option<int?> _threads = new("--threads")
    {
        Description = "CPU threads of decoding, and of the model on the CPU. [default: all cores]",
        HelpName = "N",
        CustomParser = result => (int)Parsing.Whole(result, "--threads", 1, LargestThreads),
    };

    private readonly ChoiceOption<int?> _vector = new(
        "--vector",
        "Bits of the CPU's vector registers. One width on every machine makes equal bytes. auto: the widest of this machine.",
        [("auto", null), ("128", 128), ("256", 256), ("512", 512)]);

    /// <summary>Those that decide how an image becomes a row.</summary>
    public IEnumerable<Option> Choices => [_precision, _interpolation];

    /// <param name="command">Gets the options.</param>
    /// <param name="batch">Whether <c>--batch</c> is one of them.</param>
    /// <param name="precision">Whether <c>--precision</c> is one of them.</param>
    public void AddTo(Command command, bool batch = true, bool precision = true)
    {
        command.Options.Add(_weights);
        _checkpoint.AddTo(command);
        command.Options.Add(_device);
        if (precision)
            command.Options.Add(_precision);
        if (batch)
            command.Options.Add(_batch);
        command.Options.Add(_interpolation);
        command.Options.Add(_threads);
        command.Options.Add(_vector);
    }

    /// <summary>Value of <c>--weights</c>, or null to look in the usual places.</summary>
    public string? Weights(ParseResult parsed) => parsed.GetValue(_weights);

    /// <summary>How many files are decoded at the same time.</summary>
    public int Workers(ParseResult parsed) => parsed.GetValue(_threads) ?? Environment.ProcessorCount;

    /// <summary>Those of <see cref="GivenOptions"/> that are on the command line.</summary>
    public GivenOptions Given(ParseResult parsed) => parsed.IsGiven(_interpolation) ? GivenOptions.Interpolation : GivenOptions.None;

    /// <summary>Sets what these options say in <paramref name="options"/>.</summary>
    public DinoOptions Apply(ParseResult parsed, DinoOptions options) => options with
    {
        Branch = _checkpoint.Read(parsed).Branch,
        Heads = _checkpoint.Read(parsed).Heads,
        Device = parsed.GetValue(_device)!,
        Precision = parsed.GetValue(_precision),
        BatchSize = parsed.GetValue(_batch) is var batch and not AutomaticBatch ? batch : null,
        Interpolation = parsed.GetValue(_interpolation),
        Threads = parsed.GetValue(_threads),
        VectorWidth = parsed.GetValue(_vector),
    };

    /// <summary>The first of several devices, for work that uses one.</summary>
    public static string FirstDevice(string devices)
    {
        string first = devices.Split(',')[0].Trim();
        return first.EndsWith(":all", StringComparison.OrdinalIgnoreCase) ? first[..^":all".Length] : first;
    }
}
