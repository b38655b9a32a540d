using Dino.Gpu.Model;
using System.Globalization;
using Dino.Gpu.Files;

namespace Dino.Gpu.Checkpoints;

/// <summary>
/// The tensors of a file matched with the tensors of a ViT. Nothing is allocated for the model before every name and shape
/// fits, so a lying file costs nothing.
/// </summary>
internal sealed class CheckpointBinding
{
    private const int MaxLayers = 1024;
    private const int MaxSide = 1 << 16;
    private const string HuggingFaceMarker = "embeddings.cls_token";
    private const string DinoMarker = "cls_token";

    /// <summary>Both from their own code: Hugging Face's <c>ViTConfig</c> and DINO's <c>partial(nn.LayerNorm, eps=1e-6)</c>.</summary>
    private const double HuggingFaceEpsilon = 1e-12;

    /// <inheritdoc cref="HuggingFaceEpsilon"/>
    private const double DinoEpsilon = 1e-6;

    /// <summary>DINO ViTs of every size have heads of 64 columns.</summary>
    private const int UsualHeadSize = 64;

    private readonly CheckpointFile _file;
    private readonly Dictionary<string, TensorEntry> _tensors = new(StringComparer.Ordinal);
    private readonly List<string> _unexpected = [];
    private readonly List<string> _problems = [];
    private readonly List<(TensorSlot Slot, TensorEntry Tensor)> _pairs = [];

    private CheckpointBinding(CheckpointFile file, TensorTable table)
    {
        _file = file;
        Layout = DetectLayout(file, table);
        Collect(table);

        // The original DINO has no config.json: one that lies beside its file belongs to another model.
        ModelConfig? fromFile = ModelConfig.FromMetadata(file, table.Metadata);
        ModelConfig? beside = Layout == CheckpointLayout.HuggingFace ? ModelConfig.Beside(file.Path) : null;
        Config = Infer(fromFile, beside);
        Match();
    }

    public CheckpointLayout Layout { get; }

    /// <summary>The sizes that the tensors have.</summary>
    public VitConfig Config { get; }

    /// <exception cref="DinoException">The one error that lists every missing, unexpected and misshapen tensor and every contradiction of the config.</exception>
    public static CheckpointBinding Bind(CheckpointFile file, TensorTable table)
    {
        var binding = new CheckpointBinding(file, table);
        if (binding._problems.Count > 0)
        {
            string names = binding.Layout == CheckpointLayout.HuggingFace ? "Hugging Face" : "original DINO";
            throw file.Error($"does not fit a DINO ViT ({names} names): {string.Join("; ", binding._problems)}");
        }

        binding.CheckMemory();
        return binding;
    }

    /// <summary>Tells the layout by the class token's name, after removing prefixes.</summary>
    public static CheckpointLayout DetectLayout(CheckpointFile file, TensorTable table)
    {
        IEnumerable<string> names = table.Tensors.Select(tensor => tensor.Name);
        if (names.Any(name => StripHuggingFace(name) == HuggingFaceMarker)) return CheckpointLayout.HuggingFace;
        if (names.Any(name => StripDino(name) == DinoMarker)) return CheckpointLayout.Dino;
        string found = table.Tensors.Count == 0 ? "no tensors at all" : $"{table.Tensors.Count} tensors: {string.Join(", ", names.Take(3).Select(MessageText.Quote))}, ...";
        throw file.Error($"not a DINO ViT: neither '{HuggingFaceMarker}' (Hugging Face) nor '{DinoMarker}' (original DINO) is there, but {found}");
    }

    /// <summary>Allocates the weights and reads the tensors into place, several at a time.</summary>
    public VitWeights Load()
    {
        VitWeights weights = VitWeights.Allocate(Config);
        try
        {
            Parallel.ForEach(_pairs, pair => pair.Tensor.Read(_file, pair.Slot.Data(weights).Span));
        }
        catch (AggregateException e) when (e.InnerExceptions.OfType<DinoException>().FirstOrDefault() is { } first)
        {
            throw first;
        }

        return weights;
    }

    private static string StripHuggingFace(string name) => Strip(name, "vit.");

    private static string StripDino(string name) => Strip(Strip(name, "module."), "backbone.");

    private static string Strip(string name, string prefix) => name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : name;

    /// <summary>Hugging Face adds an untrained pooler; DINO's projection head belongs to its training. Neither is part of the embedding.</summary>
    private bool IsIgnored(string name) => Layout == CheckpointLayout.HuggingFace
        ? name is "pooler.dense.weight" or "pooler.dense.bias"
        : name.StartsWith("head.mlp.", StringComparison.Ordinal) || name.StartsWith("head.last_layer.", StringComparison.Ordinal);

    private void Collect(TensorTable table)
    {
        foreach (TensorEntry tensor in table.Tensors)
        {
            string name = Layout == CheckpointLayout.HuggingFace ? StripHuggingFace(tensor.Name) : StripDino(tensor.Name);
            if (!IsIgnored(name) && !_tensors.TryAdd(name, tensor)) _unexpected.Add($"a second {MessageText.Quote(name)}");
        }

        foreach (string name in table.NonTensors) _unexpected.Add($"{MessageText.Quote(name)}, which is not a tensor");
    }

    /// <summary>Every size from the tensors; the config adds what shapes do not show, and must agree with the rest.</summary>
    private VitConfig Infer(ModelConfig? fromFile, ModelConfig? beside)
    {
        bool huggingFace = Layout == CheckpointLayout.HuggingFace;
        int hidden = Side(huggingFace ? HuggingFaceMarker : DinoMarker, 2, 0);
        if (hidden == 0) throw _file.Error($"the class token has the shape {ShapeOf(huggingFace ? HuggingFaceMarker : DinoMarker)}, expected (1, 1, hidden)");
        int tokens = Side(huggingFace ? "embeddings.position_embeddings" : "pos_embed", 1, 1 + 14 * 14);
        int grid = (int)Math.Sqrt(tokens - 1);
        if (grid < 1 || grid * grid != tokens - 1)
        {
            _problems.Add($"the position table has {tokens} rows, expected 1 + a square");
            grid = Math.Max(grid, 1);
        }

        string prefix = huggingFace ? "encoder.layer." : "blocks.";
        int layers = LayerCount(prefix);
        int mlp = Side($"{prefix}0.{(huggingFace ? "intermediate.dense" : "mlp.fc1")}.weight", 0, 4 * hidden);
        int patch = Side(huggingFace ? "embeddings.patch_embeddings.projection.weight" : "patch_embed.proj.weight", 3, 16);

        CheckSize(beside, "hidden_size", beside?.HiddenSize, hidden);
        CheckSize(beside, "num_hidden_layers", beside?.Layers, layers);
        CheckSize(beside, "intermediate_size", beside?.MlpSize, mlp);
        CheckSize(beside, "patch_size", beside?.PatchSize, patch);
        CheckSize(beside, "image_size", beside?.ImageSize, grid * patch);
        _problems.AddRange(beside?.Unsupported ?? []);
        double epsilon = Agree(ModelConfig.EpsilonKey, fromFile?.Epsilon, beside?.Epsilon) ?? (huggingFace ? HuggingFaceEpsilon : DinoEpsilon);
        if (!(epsilon is >= 0 and < 1)) _problems.Add($"{ModelConfig.EpsilonKey} is {epsilon.ToString(CultureInfo.InvariantCulture)}, expected a small positive number");
        return new VitConfig
        {
            HiddenSize = hidden,
            LayerCount = layers,
            HeadCount = Heads((int?)Agree(ModelConfig.HeadsKey, fromFile?.Heads, beside?.Heads), hidden),
            MlpSize = mlp,
            PatchSize = patch,
            TrainedGrid = grid,
            LayerNormEpsilon = epsilon,
        };
    }

    private int Heads(int? said, int hidden)
    {
        if (said is { } heads)
        {
            if (heads < 1 || hidden % heads != 0) _problems.Add($"{ModelConfig.HeadsKey} is {heads}, expected a divisor of hidden size {hidden}");
            return Math.Max(heads, 1);
        }

        if (hidden % UsualHeadSize != 0)
            _problems.Add($"hidden size {hidden} is no multiple of {UsualHeadSize}, so the number of heads must be said: put {ModelConfig.FileName} with {ModelConfig.HeadsKey} beside the file");
        return Math.Max(hidden / UsualHeadSize, 1);
    }

    private double? Agree(string name, double? fromFile, double? beside)
    {
        if (fromFile is { } a && beside is { } b && a != b)
            _problems.Add(string.Create(CultureInfo.InvariantCulture, $"{name} is {a} in the file's metadata and {b} in {ModelConfig.FileName}"));
        return fromFile ?? beside;
    }

    private void CheckSize(ModelConfig? config, string name, int? said, int found)
    {
        if (said is { } size && size != found) _problems.Add($"{config!.Source} says {name} {size}, the tensors {found}");
    }

    /// <summary>One side of a tensor that tells a size; the fallback serves to list what else is wrong when the tensor is missing.</summary>
    private int Side(string name, int index, int fallback)
    {
        if (!_tensors.TryGetValue(name, out TensorEntry? tensor) || tensor.Shape.Length <= index) return fallback;
        long side = tensor.Shape[index];
        return side is >= 1 and <= MaxSide ? (int)side : throw _file.Error($"{MessageText.Quote(name)} has the shape {ShapeOf(name)}, expected sides of 1 to {MaxSide}");
    }

    private string ShapeOf(string name) => MessageText.Shape(_tensors[name].Shape);

    /// <summary>One more than the highest number in use: a layer in the middle that lost its tensors is missing, not renumbered.</summary>
    private int LayerCount(string prefix)
    {
        int count = 0;
        foreach (string name in _tensors.Keys)
        {
            if (!name.StartsWith(prefix, StringComparison.Ordinal)) continue;
            ReadOnlySpan<char> number = name.AsSpan(prefix.Length);
            int end = number.IndexOf('.');
            if (end > 0 && int.TryParse(number[..end], NumberStyles.None, CultureInfo.InvariantCulture, out int layer) && layer < MaxLayers)
                count = Math.Max(count, layer + 1);
        }

        return count;
    }

    private void Match()
    {
        if (Config.LayerCount == 0) _problems.Add("it has no layers");
        IReadOnlyList<TensorSlot> slots = TensorSlots.For(Layout, Config);
        foreach (TensorSlot slot in slots)
        {
            if (!_tensors.Remove(slot.Name, out TensorEntry? tensor))
                _problems.Add($"missing {slot.Name} {MessageText.Shape(slot.Shape)}");
            else if (!tensor.Shape.AsSpan().SequenceEqual(slot.Shape))
                _problems.Add($"{slot.Name} is {MessageText.Shape(tensor.Shape)}, expected {MessageText.Shape(slot.Shape)}");
            else if (!tensor.Type.IsFloatingPoint())
                _problems.Add($"{slot.Name} is {tensor.Type.Name()}, expected F32, F16, BF16 or F64");
            else
                _pairs.Add((slot, tensor));
        }

        _problems.AddRange(_tensors.Values.Select(tensor => $"unexpected {MessageText.Quote(tensor.Name)} {MessageText.Shape(tensor.Shape)}"));
        _problems.AddRange(_unexpected.Select(text => "unexpected " + text));
    }

    /// <summary>Every tensor fits the file; together they could still claim the same bytes many times over.</summary>
    private void CheckMemory()
    {
        long claimed = _pairs.Sum(pair => pair.Tensor.ElementCount * pair.Tensor.Type.Size());
        if (claimed > _file.Length) throw _file.Error($"its tensors claim {claimed} bytes of a file of {_file.Length}: they overlap");
        if (3L * Config.HiddenSize * Config.HiddenSize > Array.MaxLength) throw _file.Error($"hidden size {Config.HiddenSize} is too large");
    }
}
