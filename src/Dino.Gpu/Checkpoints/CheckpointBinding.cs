using System.Globalization;
using Dino.Gpu.Files;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;

namespace Dino.Gpu.Checkpoints;

/// <summary>
/// The tensors of a file matched with the tensors of a ViT. Nothing is allocated for the model before every name and
/// shape
/// fits, so a lying file costs nothing.
/// </summary>
internal sealed class CheckpointBinding
{
    private const int MaxLayers = 1024;
    private const int MaxSide = 1 << 16;

    /// <summary>
    /// Problems that one message lists, and its length: the rest is for <see cref="CheckpointInfo"/>.
    /// </summary>
    private const int MaxListed = 3;

    /// <inheritdoc cref="MaxListed"/>
    private const int MaxMessage = 270; // the path before it and the count behind it take a part of the 300

    private const string SayHeads =
        $"so the number of heads must be said: --heads N, or {ModelConfig.FileName} with {ModelConfig.HeadsKey} beside the file";

    /// <summary>Key biases are zero where none is stored: attention does not depend on them.</summary>
    private const string KeyBias = ".attention.attention.key.bias";

    /// <summary>
    /// Both from their own code: Hugging Face's <c>ViTConfig</c> and DINO's <c>partial(nn.LayerNorm, eps=1e-6)</c>.
    /// </summary>
    private const double HuggingFaceEpsilon = 1e-12;

    /// <inheritdoc cref="HuggingFaceEpsilon"/>
    private const double DinoEpsilon = 1e-6;

    /// <summary>ViTs of up to 384 columns, and of the sizes below, have heads of 64 columns.</summary>
    private const int UsualHeadSize = 64;

    /// <inheritdoc cref="UsualHeadSize"/>
    private const int LargestSmall = 384;

    /// <summary>ViT-B, L and g. Other large models have other heads: MAE's ViT-H has 16 of 80 columns.</summary>
    private static readonly int[] UsualHiddenSizes = [768, 1024, 1536];

    private readonly CheckpointFile _file;
    private readonly TrunkNames _names;
    private readonly Dictionary<string, TensorEntry> _tensors = new(StringComparer.Ordinal);
    private readonly List<string> _unexpected = [];
    private readonly List<string> _problems = [];
    private readonly List<string> _ignored = [];
    private readonly List<(TensorSlot Slot, TensorEntry Tensor)> _pairs = [];
    private readonly int? _heads; // said by the caller
    private bool _assumesHeads;

    private CheckpointBinding(CheckpointFile file, TensorTable table, int? heads)
    {
        _file = file;
        _heads = heads;
        _names = Names(file, table);
        Collect(table);

        // The original DINO has no config.json: one that lies beside its file belongs to another model.
        ModelConfig? fromFile = ModelConfig.FromMetadata(file, table.Metadata);
        ModelConfig? beside = Layout == CheckpointLayout.HuggingFace ? ModelConfig.Beside(file.Path) : null;
        Preprocessor = AgreedPreprocessor(file, table);
        Config = Infer(fromFile, beside);
        MatchSlots();
    }

    public CheckpointLayout Layout => _names.Layout;

    /// <summary>The sizes that the tensors have.</summary>
    public VitConfig Config { get; }

    /// <summary>How pictures become the input; null where neither the file nor its folder says.</summary>
    public PreprocessorConfig? Preprocessor { get; }

    /// <summary>Every missing, unexpected and misshapen tensor, and every contradiction of the config.</summary>
    public IReadOnlyList<string> Problems => _problems;

    /// <summary>Keys outside the ViT: heads, other models, an optimizer's state.</summary>
    public IReadOnlyList<string> Ignored => _ignored;

    /// <summary>
    /// Matches the tensors with the model's, and keeps what does not fit among <see cref="Problems"/>.
    /// </summary>
    /// <exception cref="DinoException">The checkpoint is of another model altogether.</exception>
    public static CheckpointBinding Match(CheckpointFile file, TensorTable table, int? heads = null) => new(file, table, heads);

    /// <summary>Matches the tensors with the model's.</summary>
    /// <exception cref="DinoException">
    /// They do not fit: the message lists the first missing, unexpected and misshapen tensors.
    /// </exception>
    public static CheckpointBinding Bind(CheckpointFile file, TensorTable table, int? heads = null)
    {
        var binding = new CheckpointBinding(file, table, heads);
        if (binding.Problem(table) is { } problem)
            throw problem;
        binding.CheckMemory();
        return binding;
    }

    /// <summary>What loading leaves out, in one line; null where that is nothing.</summary>
    public string? IgnoredNote =>
        _ignored.Count == 0 ? null : MessageText.Visible($"{_file.Path}: {IgnoredText(_ignored)}");

    /// <summary>Says which keys are left out, such as <c>ignored 1 key outside the ViT: 'head.weight'</c>.</summary>
    internal static string IgnoredText(IReadOnlyCollection<string> keys)
    {
        string some = string.Join(", ", keys.Take(MaxListed).Select(MessageText.Quote));
        string more = keys.Count > MaxListed ? ", ..." : "";
        return $"ignored {(keys.Count == 1 ? "1 key" : $"{keys.Count} keys")} outside the ViT: {some}{more}";
    }

    /// <summary>Why the checkpoint cannot be loaded, in one line; null if it can.</summary>
    public WeightsException? Problem(TensorTable table)
    {
        if (_problems.Count == 0)
            return null;
        if (OtherModels.OfKeys(table.Tensors.Select(tensor => tensor.Name)) is { } other)
            return _file.Error($"weights of {other}, expected a DINO ViT");
        string names = Layout == CheckpointLayout.HuggingFace ? "Hugging Face" : "original DINO";
        string message = $"does not fit a DINO ViT ({names} names): {_problems[0]}";
        int listed = 1;
        while (listed < Math.Min(_problems.Count, MaxListed)
            && _file.Path.Length + message.Length + _problems[listed].Length < MaxMessage)
            message += $"; {_problems[listed++]}";
        int others = _problems.Count - listed;
        return others == 0
            ? _file.Error(message)
            : _file.Error($"{message}; and {others} more", $"dino weights info {_file.Path} lists all of them");
    }

    /// <summary>Allocates the weights and reads the tensors into place, several at a time.</summary>
    /// <param name="watch">Follows, and may end it between two tensors.</param>
    public VitWeights Load(LoadWatch watch)
    {
        watch.Begin(_pairs.Sum(pair => sizeof(float) * pair.Tensor.ElementCount));
        VitWeights weights = VitWeights.Allocate(Config, Preprocessor, IgnoredNote is { } note ? [note] : []);
        try
        {
            Parallel.ForEach(_pairs, new ParallelOptions { CancellationToken = watch.Cancellation }, pair =>
            {
                Span<float> values = pair.Slot.Data(weights).Span;
                pair.Tensor.Read(values);
                CheckValues(pair.Slot, values);
                watch.Read(sizeof(float) * values.Length);
            });
        }
        catch (AggregateException e) when (e.InnerExceptions.OfType<DinoException>().FirstOrDefault() is { } first)
        {
            throw first;
        }

        RefuseFixedPositions(weights);
        return weights;
    }

    /// <summary>What the metadata of the file and the file beside it say, which must be the same.</summary>
    private PreprocessorConfig? AgreedPreprocessor(CheckpointFile file, TensorTable table)
    {
        var fromFile = PreprocessorFile.FromMetadata(file, table.Metadata);
        var beside = PreprocessorFile.Beside(file.Path);
        if (fromFile is not null && beside is not null && !fromFile.IsSameAs(beside))
            _problems.Add($"its metadata and {PreprocessorFile.FileName} beside it prepare pictures in two ways");
        return fromFile ?? beside;
    }

    /// <summary>Finds the class token, and with it the layout and the prefix of the ViT.</summary>
    /// <exception cref="DinoException">There is none.</exception>
    private static TrunkNames Names(CheckpointFile file, TensorTable table)
    {
        if (TrunkNames.Find(file, table) is { } trunk)
            return trunk;
        string[] names = [.. table.Tensors.Select(tensor => tensor.Name)];
        string found = names.Length == 0 ? "no tensors at all"
            : OtherModels.OfKeys(names) is { } other ? $"weights of {other}"
            : $"{names.Length} tensors: {string.Join(", ", names.Take(3).Select(MessageText.Quote))}, ...";
        throw file.Error(
            $"not a DINO ViT: neither '{TrunkNames.HuggingFaceMarker}' (Hugging Face) nor '{TrunkNames.DinoMarker}' (original DINO) "
            + $"is there, but {found}");
    }

    /// <summary>The tensors of the ViT by name; what lies outside is ignored, whatever its type.</summary>
    private void Collect(TensorTable table)
    {
        foreach (TensorEntry tensor in table.Tensors)
        {
            if (_names.NameOf(tensor.Name) is not { } name)
                _ignored.Add(tensor.Name);
            else if (!_tensors.TryAdd(name, tensor))
                _unexpected.Add($"a second {MessageText.Quote(name)}");
        }

        _ignored.AddRange(table.NonTensors);
    }

    /// <summary>
    /// Every size from the tensors; the config adds what shapes do not show, and must agree with the rest.
    /// </summary>
    private VitConfig Infer(ModelConfig? fromFile, ModelConfig? beside)
    {
        bool huggingFace = Layout == CheckpointLayout.HuggingFace;
        string classToken = huggingFace ? TrunkNames.HuggingFaceMarker : TrunkNames.DinoMarker;
        int hidden = Side(classToken, 2, 0);
        if (hidden == 0)
            throw _file.Error($"the class token has the shape {ShapeOf(classToken)}, expected (1, 1, hidden)");
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
        double usual = huggingFace ? HuggingFaceEpsilon : DinoEpsilon;
        double epsilon = Agree(ModelConfig.EpsilonKey, fromFile?.Epsilon, beside?.Epsilon) ?? usual;
        if (!(epsilon is >= 0 and < 1))
        {
            _problems.Add(string.Create(
                CultureInfo.InvariantCulture, $"{ModelConfig.EpsilonKey} is {epsilon}, expected a small positive number"));
        }

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
        if (_heads is { } named)
        {
            if (said is not null && said != named)
                _problems.Add($"{ModelConfig.HeadsKey} is {said}, and {named} heads were asked for");
            said = named;
        }

        if (said is { } heads)
        {
            if (heads < 1 || hidden % heads != 0)
                _problems.Add($"{ModelConfig.HeadsKey} is {heads}, expected a divisor of hidden size {hidden}");
            return Math.Max(heads, 1);
        }

        string unknown = hidden % UsualHeadSize != 0 ? $"hidden size {hidden} is no multiple of {UsualHeadSize}"
            : hidden > LargestSmall && !UsualHiddenSizes.Contains(hidden) ? $"hidden size {hidden} is none of DINO's"
            : hidden == LargestSmall && _names.IsMoCo ? "MoCo's ViT-S has other heads than DINO's"
            : "";
        if (unknown.Length > 0)
        {
            // A config.json beside a file with DINO's names may be that of another model, which then has other sizes.
            ModelConfig? config = Layout == CheckpointLayout.Dino ? ModelConfig.Beside(_file.Path) : null;
            bool isOwn = config?.HiddenSize == hidden && config.Layers == LayerCount("blocks.");
            if (isOwn && config!.Heads is > 0 and var theirs && hidden % theirs == 0)
                return theirs;
            _problems.Add($"{unknown}, {SayHeads}");
        }

        _assumesHeads = true;
        return Math.Max(hidden / UsualHeadSize, 1);
    }

    /// <summary>
    /// MoCo v3 and MAE never train their positions: those are sines, with zeros for the class token. Their ViT-S has
    /// the shapes of DINO's and 12 heads of 32.
    /// </summary>
    private void RefuseFixedPositions(VitWeights weights)
    {
        bool isFixed = weights.Positions.AsSpan(0, Config.HiddenSize).IndexOfAnyExcept(0f) < 0;
        if (isFixed && _assumesHeads && Config.HiddenSize == LargestSmall)
            throw _file.Error($"its positions were not trained, as in MoCo and MAE, whose ViT-S has other heads than DINO's, {SayHeads}");
    }

    /// <summary>
    /// A download that stopped in a file of its full length ends in zeros, and one number that is none spoils every
    /// embedding.
    /// </summary>
    private void CheckValues(TensorSlot slot, ReadOnlySpan<float> values)
    {
        foreach (float value in values)
        {
            if (!float.IsFinite(value))
            {
                throw _file.Error(
                    $"{slot.Name} has a value that is {(float.IsNaN(value) ? "not a number" : "infinite")}, expected finite weights");
            }
        }

        // Of biases alone a training may leave all at zero.
        if (!slot.Name.EndsWith(".bias", StringComparison.Ordinal) && values.IndexOfAnyExcept(0f) < 0)
            throw _file.Error($"{slot.Name} is all zeros, expected trained weights", "if it was downloaded, fetch it again");
    }

    private double? Agree(string name, double? fromFile, double? beside)
    {
        if (fromFile is { } a && beside is { } b && a != b)
        {
            _problems.Add(string.Create(
                CultureInfo.InvariantCulture, $"{name} is {a} in the file's metadata and {b} in {ModelConfig.FileName}"));
        }

        return fromFile ?? beside;
    }

    private void CheckSize(ModelConfig? config, string name, int? said, int found)
    {
        if (said is { } size && size != found) _problems.Add($"{config!.Source} says {name} {size}, the tensors {found}");
    }

    /// <summary>
    /// One side of a tensor that tells a size; the fallback serves to list what else is wrong when the tensor is
    /// missing.
    /// </summary>
    private int Side(string name, int index, int fallback)
    {
        if (!_tensors.TryGetValue(name, out TensorEntry? tensor) || tensor.Shape.Length <= index) return fallback;
        long side = tensor.Shape[index];
        return side is >= 1 and <= MaxSide
            ? (int)side
            : throw _file.Error($"{MessageText.Quote(name)} has the shape {ShapeOf(name)}, expected sides of 1 to {MaxSide}");
    }

    private string ShapeOf(string name) => MessageText.Shape(_tensors[name].Shape);

    /// <summary>
    /// One more than the highest number in use: a layer in the middle that lost its tensors is missing, not renumbered.
    /// </summary>
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

    private void MatchSlots()
    {
        if (Config.LayerCount == 0) _problems.Add("it has no layers");
        IReadOnlyList<TensorSlot> slots = TensorSlots.For(Layout, Config);
        bool hasKeyBiases = slots.Any(slot => slot.Name.EndsWith(KeyBias, StringComparison.Ordinal) && _tensors.ContainsKey(slot.Name));
        foreach (TensorSlot slot in slots)
        {
            if (!hasKeyBiases && slot.Name.EndsWith(KeyBias, StringComparison.Ordinal))
                continue;
            if (!_tensors.Remove(slot.Name, out TensorEntry? tensor))
                _problems.Add($"missing {slot.Name} {MessageText.Shape(slot.Shape)}");
            else if (!tensor.Shape.AsSpan().SequenceEqual(slot.Shape))
                _problems.Add($"{slot.Name} is {MessageText.Shape(tensor.Shape)}, expected {MessageText.Shape(slot.Shape)}");
            else if (!tensor.Type.IsFloatingPoint())
                _problems.Add($"{slot.Name} is {tensor.Type.Name()}, expected F32, F16, BF16 or F64");
            else
                _pairs.Add((slot, tensor));
        }

        _problems.AddRange(
            _tensors.Values.Select(tensor => $"unexpected {MessageText.Quote(tensor.Name)} {MessageText.Shape(tensor.Shape)}"));
        _problems.AddRange(_unexpected.Select(text => "unexpected " + text));
    }

    /// <summary>Every tensor fits the file; together they could still claim the same bytes many times over.</summary>
    private void CheckMemory()
    {
        long claimed = _pairs.Sum(pair => pair.Tensor.ElementCount * pair.Tensor.Type.Size());
        if (claimed > _file.TotalLength)
            throw _file.Error($"its tensors claim {claimed} bytes of a file of {_file.TotalLength}: they overlap");
        if (3L * Config.HiddenSize * Config.HiddenSize > Array.MaxLength)
            throw _file.Error($"hidden size {Config.HiddenSize} is too large");
    }
}
