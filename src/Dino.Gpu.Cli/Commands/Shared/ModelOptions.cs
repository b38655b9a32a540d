using System.CommandLine;
using Dino.Gpu.Devices;
using Dino.Gpu.Model;

namespace Dino.Gpu.Cli.Commands;

/// <summary>The options of every command that runs the model.</summary>
internal sealed class ModelOptions
{
    private const int LargestBatch = 4096;
    private const int LargestThreads = 1024;

    /// <summary>What <c>--batch auto</c> is parsed to: System.CommandLine takes no null from a parser. Also what an absent option has.</summary>
    private const int AutomaticBatch = 0;

    private readonly Option<string?> _weights = new("--weights", "-w")
    {
        Description = "Checkpoint: .bin, .pth or .safetensors, or synthetic[:SEED] for seeded weights that mean nothing. "
            + "Default: DINO_WEIGHTS, then weights/, then the cache, where the real weights are fetched once.",
        HelpName = "PATH|synthetic",
    };

    private readonly Option<string> _device = new("--device", "-d")
    {
        Description = "auto, cpu, cuda[:N] or opencl[:N], as 'dino devices' lists them; embed takes several: cuda:0,cuda:1 or cuda:all.",
        HelpName = "ID",
        DefaultValueFactory = _ => "auto",
    };

    private readonly Option<string> _precision = new("--precision")
    {
        Description = "Arithmetic of the model; all but fp32 need an NVIDIA GPU of compute capability 8.0 or newer.",
        HelpName = "fp32|tf32|bf16|fp16",
        DefaultValueFactory = _ => "fp32",
    };

    private readonly Option<int> _batch = new("--batch", "-b")
    {
        Description = "Images in one pass through the model; halved where the device runs out of memory. auto: what fits a GPU well, 32 on the CPU. "
            + "Changes speed and memory, never the result. [default: auto]",
        HelpName = "auto|N",
        CustomParser = result => result.Tokens[0].Value == "auto" ? AutomaticBatch : (int)Parsing.Whole(result, "--batch", 1, LargestBatch),
    };

    private readonly Option<string> _interpolation = new("--interpolation")
    {
        Description = "Positions at other sizes: size (today's Hugging Face) or scale (original DINO, older Hugging Face).",
        HelpName = "size|scale",
        DefaultValueFactory = _ => "size",
    };

    private readonly Option<int?> _threads = new("--threads")
    {
        Description = "CPU threads for decoding, and for the model on the CPU. Default: all cores.",
        HelpName = "N",
        CustomParser = result => (int)Parsing.Whole(result, "--threads", 1, LargestThreads),
    };

    public ModelOptions()
    {
        _precision.AcceptOnlyFromAmong([.. PrecisionSupport.All.Select(PrecisionSupport.NameOf)]);
        _interpolation.AcceptOnlyFromAmong("size", "scale");
    }

    /// <param name="command">Gets the options.</param>
    /// <param name="batch">False for a command that has its own way of saying it.</param>
    public void AddTo(Command command, bool batch = true)
    {
        command.Options.Add(_weights);
        command.Options.Add(_device);
        command.Options.Add(_precision);
        if (batch)
            command.Options.Add(_batch);
        command.Options.Add(_interpolation);
        command.Options.Add(_threads);
    }

    /// <summary>Value of <c>--weights</c>, or null to look in the usual places.</summary>
    public string? Weights(ParseResult parsed) => parsed.GetValue(_weights);

    /// <summary>Files that are decoded at the same time.</summary>
    public int Workers(ParseResult parsed) => parsed.GetValue(_threads) ?? Environment.ProcessorCount;

    /// <summary>Whether <c>--interpolation</c> is there.</summary>
    public bool IsInterpolationGiven(ParseResult parsed) => parsed.GetResult(_interpolation) is { Implicit: false };

    /// <summary>Adds these options to <paramref name="options"/>.</summary>
    public DinoOptions Apply(ParseResult parsed, DinoOptions options) => options with
    {
        Device = parsed.GetValue(_device)!,
        Precision = PrecisionSupport.Parse(parsed.GetValue(_precision)!),
        BatchSize = parsed.GetValue(_batch) is var batch and not AutomaticBatch ? batch : null,
        Interpolation = parsed.GetValue(_interpolation) == "scale" ? PositionInterpolation.Scale : PositionInterpolation.Size,
        Threads = parsed.GetValue(_threads),
    };

    /// <summary>Of several devices the first, for work that takes one.</summary>
    public static string FirstDevice(string devices)
    {
        string first = devices.Split(',')[0].Trim();
        return first.EndsWith(":all", StringComparison.OrdinalIgnoreCase) ? first[..^":all".Length] : first;
    }
}
