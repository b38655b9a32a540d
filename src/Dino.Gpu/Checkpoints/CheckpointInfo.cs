using System.Globalization;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;

namespace Dino.Gpu.Checkpoints;

/// <summary>How a checkpoint is written, told by its content.</summary>
public enum CheckpointFormat
{
    /// <summary><c>torch.save</c> since torch 1.6: a zip archive.</summary>
    TorchZip,

    /// <summary><c>torch.save</c> before torch 1.6.</summary>
    TorchLegacy,

    /// <summary>A <c>.safetensors</c> file.</summary>
    Safetensors,
}

/// <summary>Whose names the tensors have.</summary>
public enum CheckpointLayout
{
    /// <summary>Hugging Face: <c>encoder.layer.0.attention.attention.query.weight</c>, or DINOv3's <c>layer.0</c>.</summary>
    HuggingFace,

    /// <summary>The original DINO, DINOv2 and DINOv3, and timm: <c>blocks.0.attn.qkv.weight</c>.</summary>
    Dino,
}

/// <summary>A tensor of a checkpoint under the name it has there.</summary>
/// <param name="Name">Key in the state dict, prefixes included.</param>
/// <param name="DataType">Element type as safetensors names it: F32, F16, BF16, F64, I64, ...</param>
/// <param name="Shape">Sides, outermost first.</param>
/// <param name="Bytes">Bytes of its elements in the file.</param>
public sealed record CheckpointTensor(string Name, string DataType, IReadOnlyList<long> Shape, long Bytes);

/// <summary>What is in a checkpoint: readable for any state dict, whether or not it is a DINO ViT.</summary>
public sealed record CheckpointInfo
{
    /// <summary>The file.</summary>
    public required string Path { get; init; }

    /// <summary>Length of the file in bytes, or of all files of the model.</summary>
    public required long FileBytes { get; init; }

    /// <summary>How it is written.</summary>
    public required CheckpointFormat Format { get; init; }

    /// <summary>Whose names it uses; null if it is not a DINO ViT.</summary>
    public CheckpointLayout? Layout { get; init; }

    /// <summary>Branches of a training checkpoint, <c>teacher</c> and <c>student</c>; empty otherwise.</summary>
    public required IReadOnlyList<string> Branches { get; init; }

    /// <summary>The branch that Tensors lists; null unless it is a training checkpoint.</summary>
    public string? Branch { get; init; }

    /// <summary>The model's sizes; null if the checkpoint does not fit a DINO ViT.</summary>
    public VitConfig? Config { get; init; }

    /// <summary>Why the checkpoint cannot be loaded, one line; null if it can.</summary>
    public string? Problem { get; init; }

    /// <summary>Every missing, unexpected and misshapen tensor, and every contradiction of the config.</summary>
    public IReadOnlyList<string> Problems { get; init; } = [];

    /// <summary>How pictures become the model's input; null where the checkpoint does not say.</summary>
    public PreprocessorConfig? Preprocessor { get; init; }

    /// <summary>Where the periods of RoPE come from; null for a model without RoPE.</summary>
    internal string? Periods { get; init; }

    /// <summary>Keys outside the ViT, which loading ignores: heads, other models, an optimizer's state.</summary>
    public IReadOnlyList<string> Ignored { get; init; } = [];

    /// <summary>The tensors in file order.</summary>
    public required IReadOnlyList<CheckpointTensor> Tensors { get; init; }

    /// <summary>What prepares pictures as the encoder of a checkpoint does, without loading its weights.</summary>
    /// <param name="weights">As for <see cref="WeightSource"/>; null for the published model.</param>
    /// <param name="preset">Which way.</param>
    /// <param name="width">Input width in pixels; null for what the checkpoint says.</param>
    /// <param name="height">Input height in pixels; null for what the checkpoint says.</param>
    /// <param name="options">How the checkpoint is read.</param>
    /// <exception cref="DinoException">The checkpoint cannot be read.</exception>
    internal static Preprocessor PreprocessorOf(
        string? weights, PreprocessPreset preset, int? width, int? height, CheckpointOptions options)
    {
        WeightSource? source = weights is null ? null : WeightSource.Resolve(weights);
        CheckpointInfo? info = source?.Path is { } path ? Read(path, options) : null;
        if (info is { Config: null, Problem: { } problem })
            throw new WeightsException(problem);
        VitConfig model = info?.Config ?? source?.Model?.Config ?? VitConfig.VitS16;
        int trained = model.DefaultInputSize;
        PreprocessorConfig? said = info is null ? source?.Model?.Pictures ?? model.UsualPreprocessor : info.Preprocessor;
        return preset == PreprocessPreset.HuggingFace && said is { } config
            ? new Preprocessor(config, width ?? config.InputWidth ?? trained, height ?? config.InputHeight ?? trained)
            : new Preprocessor(preset, width ?? trained, height ?? trained);
    }

    /// <summary>The format as people call it.</summary>
    internal string FormatName => Format switch
    {
        CheckpointFormat.TorchZip => "torch",
        CheckpointFormat.TorchLegacy => "torch before 1.6",
        _ => "safetensors",
    };

    /// <summary>Whose names it uses, as people call them; null if it is not a DINO ViT.</summary>
    internal string? LayoutName => Layout switch
    {
        CheckpointLayout.HuggingFace => "Hugging Face",
        CheckpointLayout.Dino => "original DINO",
        _ => null,
    };

    /// <summary>What the model is called, such as <c>dinov2-small</c>, or its family; null if it does not fit one.</summary>
    internal string? ModelName => Config is { } config ? PublishedModel.Of(config, Preprocessor)?.Name ?? config.Kind.Title() : null;

    /// <summary>What a model has that the original DINO does not.</summary>
    private IEnumerable<string> Parts(VitConfig config)
    {
        yield return ModelName!;
        if (config.RegisterCount > 0)
            yield return $"{config.RegisterCount} registers";
        if (config.HasLayerScale)
            yield return "LayerScale";
        if (config.MlpKind == MlpKind.GatedSilu)
            yield return "gated MLP (SiLU)";
        if (Periods is { } periods)
            yield return $"RoPE with {periods}";
        else if (config.DefaultInterpolation != PositionInterpolation.Size)
            yield return $"positions interpolated with {config.DefaultInterpolation.ToString().ToLowerInvariant()}";
        if (config.DefaultInputSize != config.TrainedImageSize)
            yield return $"input {config.DefaultInputSize} unless said otherwise";
    }

    /// <summary>All but the tensors, in lines.</summary>
    internal IEnumerable<string> Describe()
    {
        string names = LayoutName is { } layout ? layout + " names" : "names of another model";
        string branch = Branch is null ? "" : $", {Branch} of a training checkpoint";
        yield return string.Create(
            CultureInfo.InvariantCulture, $"{Path}: {FormatName}, {names}{branch}, {FileBytes:N0} bytes, {Tensors.Count} tensors");
        if (Config is { } config)
        {
            string blocks = $"{config.LayerCount} layers, {config.HeadCount} heads of {config.HeadSize}, MLP {config.MlpSize}";
            string epsilon = config.LayerNormEpsilon.ToString("R", CultureInfo.InvariantCulture);
            string image = $"patch {config.PatchSize}, image {config.TrainedImageSize}";
            yield return $"ViT: hidden {config.HiddenSize}, {blocks}, {image}, LayerNorm epsilon {epsilon}";
            if (config.Kind != ModelKind.Dino)
                yield return $"model: {string.Join(", ", Parts(config))}";
        }

        if (Preprocessor is { } pictures)
        {
            string size = pictures.InputWidth is { } width ? $", input {width}x{pictures.InputHeight}" : "";
            string rest = pictures.Difference.Length > 0 ? ", " + pictures.Difference : "";
            yield return $"pictures: hf{rest}{size}";
        }

        if (Ignored.Count > 0)
            yield return CheckpointBinding.IgnoredText(Ignored);

        foreach (string problem in Problems)
            yield return problem;
    }

    /// <summary>Reads names, types and shapes; the values stay in the file.</summary>
    /// <param name="path">A checkpoint in any of the formats of <see cref="CheckpointFormat"/>.</param>
    /// <param name="options">What the file does not say, such as which branch of a training checkpoint.</param>
    /// <exception cref="DinoException">The file cannot be read as a checkpoint at all.</exception>
    public static CheckpointInfo Read(string path, CheckpointOptions? options = null) => Read(path, options, withValues: false);

    /// <summary>As <see cref="Read(string, CheckpointOptions?)"/>, and tries the values: loading refuses some.</summary>
    internal static CheckpointInfo ReadWhole(string path, CheckpointOptions? options) => Read(path, options, withValues: true);

    private static CheckpointInfo Read(string path, CheckpointOptions? options, bool withValues)
    {
        ArgumentNullException.ThrowIfNull(path);
        using CheckpointFile file = CheckpointFile.Open(path);
        TensorTable table = CheckpointReader.Read(file, options?.Branch);
        CheckpointLayout? layout = null;
        VitConfig? config = null;
        PreprocessorConfig? preprocessor = null;
        string? problem = null, periods = null;
        IReadOnlyList<string> problems = [], ignored = [];
        try
        {
            CheckpointBinding binding = CheckpointBinding.Match(file, table, options?.Heads);
            layout = binding.Layout;
            preprocessor = binding.Preprocessor;
            problems = binding.Problems;
            ignored = binding.Ignored;
            problem = binding.Problem(table)?.Message;
            CheckpointBinding? bound = problem is null ? CheckpointBinding.Bind(file, table, options?.Heads) : null;
            config = bound?.Config;
            periods = bound?.Periods;
            if (withValues)
                bound?.Load(LoadWatch.None);
        }
        catch (DinoException e)
        {
            problem = e.Message;
        }

        return new CheckpointInfo
        {
            Path = path,
            FileBytes = file.TotalLength,
            Format = table.Format,
            Layout = layout,
            Branches = table.Branches,
            Branch = table.Branch,
            Config = config,
            Preprocessor = preprocessor,
            Problem = problem,
            Problems = problems,
            Periods = periods,
            Ignored = ignored,
            Tensors = [.. table.Tensors.Select(tensor =>
                new CheckpointTensor(tensor.Name, tensor.Type.Name(), tensor.Shape, tensor.ElementCount * tensor.Type.Size()))],
        };
    }
}
