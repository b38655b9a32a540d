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
    /// <summary>
    /// Problems that one message lists, and its length: the rest is for <see cref="CheckpointInfo"/>.
    /// </summary>
    private const int MaxListed = 3;

    /// <inheritdoc cref="MaxListed"/>
    private const int MaxMessage = 270; // the path before it and the count behind it take a part of the 300

    /// <summary>What DINOv3's config.json calls the biases of query, key and value.</summary>
    private static readonly string[] BiasFlags = ["query_bias", "key_bias", "value_bias"];

    private readonly CheckpointFile _file;
    private readonly TrunkNames _names;
    private readonly Dictionary<string, TensorEntry> _tensors = new(StringComparer.Ordinal);
    private readonly List<string> _unexpected = [];
    private readonly List<string> _problems = [];
    private readonly List<string> _ignored = [];
    private readonly List<(TensorSlot Slot, TensorEntry Tensor)> _pairs = [];
    private readonly ModelSizes _sizes;
    private readonly float[]? _periods; // of RoPE, from the metadata

    private CheckpointBinding(CheckpointFile file, TensorTable table, int? heads)
    {
        _file = file;
        _names = Names(file, table);
        Collect(table);

        // The original DINO has no config.json: one that lies beside its file belongs to another model.
        ModelConfig? fromFile = ModelConfig.FromMetadata(file, table.Metadata);
        ModelConfig? beside = Layout == CheckpointLayout.HuggingFace ? ModelConfig.Beside(file.Path) : null;
        PreprocessorConfig? pictures = AgreedPreprocessor(file, table);
        _sizes = new ModelSizes(file, _names, _tensors, _problems);
        _periods = fromFile?.Periods;
        Config = _sizes.Infer(fromFile, beside, heads);
        Preprocessor = pictures ?? Config.UsualPreprocessor;
        MatchSlots(beside);
    }

    public CheckpointLayout Layout => _names.Layout;

    /// <summary>The sizes that the tensors have.</summary>
    public VitConfig Config { get; }

    /// <summary>
    /// How pictures become the input; null where neither the file nor its folder says, for the original DINO.
    /// </summary>
    public PreprocessorConfig? Preprocessor { get; }

    /// <summary>Where the periods of RoPE come from, in words; null for a model without RoPE.</summary>
    public string? Periods => Config.PositionKind != PositionKind.Rotary ? null
        : _pairs.Any(pair => pair.Slot.Name == _names.Tensors.Periods) ? "the periods of the file"
        : _periods is not null ? "the periods of its metadata"
        : string.Create(CultureInfo.InvariantCulture, $"periods up to {_sizes.RotaryBase}, computed");

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
        if (Config.Kind == ModelKind.Dino && OtherModels.OfKeys(table.Tensors.Select(tensor => tensor.Name)) is { } other)
            return _file.Error($"weights of {other}, expected a DINO ViT");
        string names = Layout == CheckpointLayout.HuggingFace ? "Hugging Face" : "original DINO";
        string message = $"does not fit a {Config.Kind.Title()} ViT ({names} names): {_problems[0]}";
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
        Prepare(weights);
        try
        {
            Parallel.ForEach(_pairs, new ParallelOptions { CancellationToken = watch.Cancellation }, pair =>
            {
                Span<float> values = pair.Slot.Data(weights).Span;
                if (pair.Slot.IsMask)
                    return;
                pair.Tensor.Read(values);
                CheckValues(pair.Slot, values);
                watch.Read(sizeof(float) * values.Length);
            });
        }
        catch (AggregateException e) when (e.InnerExceptions.OfType<DinoException>().FirstOrDefault() is { } first)
        {
            throw first;
        }

        foreach ((TensorSlot slot, TensorEntry tensor) in _pairs.Where(pair => pair.Slot.IsMask))
        {
            Mask(slot, tensor, slot.Data(weights).Span);
            watch.Read(sizeof(float) * tensor.ElementCount);
        }

        _sizes.RefuseFixedPositions(weights);
        return weights;
    }

    /// <summary>Sets what the tensors of the file do not: biases that it lacks, periods that it only describes.</summary>
    private void Prepare(VitWeights weights)
    {
        foreach (BlockWeights block in weights.Blocks)
            block.Qkv.Bias.AsSpan().Clear();
        if (!_sizes.HasClassPosition)
            weights.Positions.AsSpan(0, Config.HiddenSize).Clear();
        if (Config.PositionKind == PositionKind.Rotary)
            SaidPeriods.CopyTo(weights.RotaryPeriods, 0);
    }

    /// <summary>DINOv3's code multiplies the biases by a mask, which takes the key's away.</summary>
    private void Mask(TensorSlot slot, TensorEntry tensor, Span<float> bias)
    {
        var mask = new float[bias.Length];
        tensor.Read(mask);
        for (int i = 0; i < mask.Length; i++)
        {
            if (mask[i] is not (0 or 1))
                throw _file.Error(string.Create(CultureInfo.InvariantCulture, $"{slot.Name} has the value {mask[i]}, expected 0 or 1"));
            bias[i] = mask[i] == 0 ? 0 : bias[i];
        }
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

        if (slot.Name == _names.Tensors.Periods && Array.FindIndex(values.ToArray(), IsNoPeriod) is >= 0 and var wrong)
            throw _file.Error(ProblemOf($"{slot.Name} has", values[wrong]));

        // Of biases alone a training may leave all at zero.
        if (!slot.Name.EndsWith(".bias", StringComparison.Ordinal) && values.IndexOfAnyExcept(0f) < 0)
            throw _file.Error($"{slot.Name} is all zeros, expected trained weights", "if it was downloaded, fetch it again");
    }

    /// <summary>The periods of RoPE that count where the tensors do not have them.</summary>
    private float[] SaidPeriods => _periods ?? RopePeriods.Of(Config.HeadSize, _sizes.RotaryBase);

    /// <summary>Angles are divided by it.</summary>
    private static bool IsNoPeriod(float value) => !(value > 0 && float.IsFinite(value));

    private static string ProblemOf(string what, float value) =>
        string.Create(CultureInfo.InvariantCulture, $"{what} the value {value}, expected positive numbers");

    private void MatchSlots(ModelConfig? beside)
    {
        if (Config.LayerCount == 0) _problems.Add("it has no layers");
        if (_periods is { } periods && periods.Length != Config.HeadSize / 4)
            _problems.Add($"{ModelConfig.PeriodsKey} has {periods.Length} numbers, expected {Config.HeadSize / 4}");
        if (Config.PositionKind == PositionKind.Rotary && Array.FindIndex(SaidPeriods, IsNoPeriod) is >= 0 and var wrong)
            _problems.Add(ProblemOf("the periods of RoPE have", SaidPeriods[wrong]));
        IReadOnlyList<TensorSlot> slots = TensorSlots.For(_names.Tensors, Config, _sizes.HasClassPosition);
        HashSet<string> optional = [.. slots.Where(slot => _tensors.ContainsKey(slot.Name)).Select(slot => slot.Optional)];
        string[] modules = _names.Tensors.Qkv;
        for (int part = 0; part < modules.Length && _names.Tensors.Biases == BiasNames.AnyMayLack; part++)
            beside?.CheckFlag(BiasFlags[part], optional.Contains(modules[part] + ".bias"), _problems);
        foreach (TensorSlot slot in slots)
        {
            if (slot.Optional.Length > 0 && !optional.Contains(slot.Optional))
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
        if (WeightShapes.ProblemOf(Config) is { } problem)
            throw _file.Error(problem);
    }
}
