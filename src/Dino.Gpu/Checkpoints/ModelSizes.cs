using System.Globalization;
using Dino.Gpu.Files;
using Dino.Gpu.Model;

namespace Dino.Gpu.Checkpoints;

/// <summary>
/// Infers what a model is made of from its tensors. The config adds what shapes do not show, and must agree with the
/// rest.
/// </summary>
/// <param name="file">The checkpoint.</param>
/// <param name="trunk">What its tensors are called.</param>
/// <param name="tensors">Those of the model.</param>
/// <param name="problems">Gets every contradiction.</param>
internal sealed class ModelSizes(
    CheckpointFile file, TrunkNames trunk, IReadOnlyDictionary<string, TensorEntry> tensors, List<string> problems)
{
    private const int MaxLayers = WeightShapes.MaxLayers;
    private const int MaxSide = WeightShapes.MaxSide;

    private const string SayHeads =
        $"so the number of heads must be said: --heads N, or {ModelConfig.FileName} with {ModelConfig.HeadsKey} beside the file";

    /// <summary>ViTs of up to 384 columns, and of the sizes below, have heads of 64 columns.</summary>
    private const int UsualHeadSize = 64;

    /// <inheritdoc cref="UsualHeadSize"/>
    private const int LargestSmall = 384;

    /// <summary>Columns of DINOv3's largest ViT, whose heads have 128.</summary>
    private const int LargestThird = 4096;

    /// <summary>DINOv2 ended its training at 518 pixels and is used at 224.</summary>
    private const int SecondTrainedSize = 518;

    /// <inheritdoc cref="SecondTrainedSize"/>
    private const int UsualInput = 224;

    /// <summary>ViT-B, L and g. Other large models have other heads: MAE's ViT-H has 16 of 80 columns.</summary>
    private static readonly int[] UsualHiddenSizes = [768, 1024, 1536];

    private readonly TensorNames _names = trunk.Tensors;

    /// <summary>Whether the number of heads is that of other models of this size.</summary>
    public bool AssumesHeads { get; private set; }

    /// <summary>Whether the table of positions has a row for the class token.</summary>
    public bool HasClassPosition { get; private set; } = true;

    /// <summary>The largest period of RoPE, where the file does not have the periods.</summary>
    public double RotaryBase { get; private set; } = RopePeriods.UsualBase;

    /// <param name="fromFile">What the metadata of the file says.</param>
    /// <param name="beside">What config.json says.</param>
    /// <param name="namedHeads">The number of heads that the caller said.</param>
    public VitConfig Infer(ModelConfig? fromFile, ModelConfig? beside, int? namedHeads)
    {
        int hidden = Side(_names.ClassToken, 2, 0);
        if (hidden == 0)
            throw file.Error($"the class token has the shape {ShapeOf(_names.ClassToken)}, expected (1, 1, hidden)");
        int patch = Side(_names.PatchEmbedding + ".weight", 3, 16);
        bool isTable = _names.Positions.Length > 0;
        int grid = isTable ? TableGrid() : Math.Max((beside?.ImageSize ?? fromFile?.ImageSize ?? UsualInput) / patch, 1);
        int layers = LayerCount();
        (int mlp, MlpKind mlpKind) = Mlp(hidden);
        int lostRegisters = _names.Kind == ModelKind.DinoV3 && beside?.Registers is >= 0 and <= MaxSide and var said ? said : 0;
        int registers = _names.Registers.Length > 0 ? Side(_names.Registers, 1, lostRegisters) : 0;
        RotaryBase = beside?.Theta ?? RotaryBase;
        if (!isTable && beside?.Theta is { } theta && fromFile?.Periods is { } periods && !RopePeriods.AreOf(periods, theta))
        {
            problems.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"{ModelConfig.FileName} says {ModelConfig.ThetaKey} {theta}, not that of {ModelConfig.PeriodsKey} in the metadata"));
        }

        double epsilon = Agree(ModelConfig.EpsilonKey, fromFile?.Epsilon, beside?.Epsilon) ?? _names.Epsilon;
        if (!WeightShapes.IsEpsilon(epsilon))
        {
            problems.Add(string.Create(
                CultureInfo.InvariantCulture, $"{ModelConfig.EpsilonKey} is {epsilon}, expected a small positive number"));
        }

        var config = new VitConfig
        {
            Kind = _names.Kind,
            HiddenSize = hidden,
            LayerCount = layers,
            HeadCount = Heads((int?)Agree(ModelConfig.HeadsKey, fromFile?.Heads, beside?.Heads), namedHeads, hidden),
            MlpSize = mlp,
            MlpKind = mlpKind,
            PatchSize = patch,
            TrainedGrid = grid,
            LayerNormEpsilon = epsilon,
            RegisterCount = registers,
            HasLayerScale = _names.LayerScale1.Length > 0 && (HasAny(_names.LayerScale1) || HasAny(_names.LayerScale2)),
            PositionKind = isTable ? PositionKind.Table : PositionKind.Rotary,
            DefaultInterpolation = _names.Kind == ModelKind.DinoV2 && registers > 0
                ? PositionInterpolation.Antialias
                : PositionInterpolation.Size,
        };
        beside?.Check(config, problems);
        return config.Kind == ModelKind.DinoV2 && config.TrainedImageSize == SecondTrainedSize
            ? config with { DefaultInputSize = UsualInput }
            : config;
    }

    private int TableGrid()
    {
        int tokens = Side(_names.Positions, 1, 1 + 14 * 14);
        int merged = (int)Math.Sqrt(tokens);
        if (_names.MayMergeClassPosition && merged * merged == tokens)
        {
            HasClassPosition = false;
            return merged;
        }

        int grid = (int)Math.Sqrt(tokens - 1);
        if (grid >= 1 && grid * grid == tokens - 1)
            return grid;
        problems.Add($"the position table has {tokens} rows, expected 1 + a square");
        return Math.Max(grid, 1);
    }

    /// <summary>Columns that the second layer reads, and whether the first has a gate.</summary>
    private (int Size, MlpKind Kind) Mlp(int hidden)
    {
        string block = $"{_names.Block}0.";
        int rows = Side($"{block}{_names.Fc1[0]}.weight", 0, 4 * hidden);
        if (_names.Fc1.Length == 2)
            return (rows, MlpKind.GatedSilu);
        bool isGated = _names.HasGate ?? rows == 2 * Side($"{block}{_names.Fc2}.weight", 1, rows);
        return isGated ? (rows / 2, MlpKind.GatedSilu) : (rows, MlpKind.Gelu);
    }

    private int Heads(int? said, int? named, int hidden)
    {
        if (named is not null)
        {
            if (said is not null && said != named)
                problems.Add($"{ModelConfig.HeadsKey} is {said}, and {named} heads were asked for");
            said = named;
        }

        if (said is { } heads)
        {
            if (heads < 1 || hidden % heads != 0)
                problems.Add($"{ModelConfig.HeadsKey} is {heads}, expected a divisor of hidden size {hidden}");
            else if (!MayHave(heads, hidden))
                problems.Add($"{ModelConfig.HeadsKey} is {heads}, heads of {hidden / heads} columns, expected a multiple of 4 for RoPE");
            return Math.Max(heads, 1);
        }

        // RoPE has a period for each four columns of a head.
        int periods = _names.Periods.Length > 0 ? Side(_names.Periods, 0, 0) : 0;
        if (periods > 0 && hidden % (4 * periods) == 0)
            return hidden / (4 * periods);
        bool isThird = _names.Kind == ModelKind.DinoV3;
        if (isThird && hidden == LargestThird)
            return hidden / (2 * UsualHeadSize);

        string unknown = hidden % UsualHeadSize != 0 ? $"hidden size {hidden} is no multiple of {UsualHeadSize}"
            : hidden > LargestSmall && !UsualHiddenSizes.Contains(hidden) && !(isThird && hidden == 1280)
                ? $"hidden size {hidden} is none of DINO's"
            : hidden == LargestSmall && trunk.IsMoCo ? "MoCo's ViT-S has other heads than DINO's"
            : "";
        if (unknown.Length > 0)
        {
            // A config.json beside a file with the original names may be that of another model, which then has other sizes.
            ModelConfig? config = trunk.Layout == CheckpointLayout.Dino ? ModelConfig.Beside(file.Path) : null;
            bool isOwn = config?.HiddenSize == hidden && config.Layers == LayerCount();
            if (isOwn && config!.Heads is > 0 and var theirs && MayHave(theirs, hidden))
                return theirs;
            problems.Add($"{unknown}, {SayHeads}");
        }

        AssumesHeads = true;
        return Math.Max(hidden / UsualHeadSize, 1);
    }

    /// <summary>
    /// Whether a model of this size may have so many heads. RoPE rotates pairs of columns, half of them by y and half
    /// by x.
    /// </summary>
    private bool MayHave(int heads, int hidden) =>
        hidden % heads == 0 && (_names.Positions.Length > 0 || hidden / heads % 4 == 0);

    /// <summary>
    /// MoCo v3 and MAE never train their positions: those are sines, with zeros for the class token. Their ViT-S has
    /// the shapes of DINO's and 12 heads of 32.
    /// </summary>
    public void RefuseFixedPositions(VitWeights weights)
    {
        VitConfig config = weights.Config;
        if (config.Kind == ModelKind.Dino && AssumesHeads && config.HiddenSize == LargestSmall
            && weights.Positions.AsSpan(0, config.HiddenSize).IndexOfAnyExcept(0f) < 0)
            throw file.Error($"its positions were not trained, as in MoCo and MAE, whose ViT-S has other heads than DINO's, {SayHeads}");
    }

    private bool HasAny(string ending) => tensors.Keys.Any(name =>
        name.StartsWith(_names.Block, StringComparison.Ordinal) && name.EndsWith("." + ending, StringComparison.Ordinal));

    private double? Agree(string name, double? fromFile, double? beside)
    {
        if (fromFile is { } a && beside is { } b && a != b)
        {
            problems.Add(string.Create(
                CultureInfo.InvariantCulture, $"{name} is {a} in the file's metadata and {b} in {ModelConfig.FileName}"));
        }

        return fromFile ?? beside;
    }

    /// <summary>
    /// One side of a tensor that tells a size; the fallback serves to list what else is wrong when the tensor is
    /// missing.
    /// </summary>
    private int Side(string name, int index, int fallback)
    {
        if (!tensors.TryGetValue(name, out TensorEntry? tensor) || tensor.Shape.Length <= index) return fallback;
        long side = tensor.Shape[index];
        return side is >= 1 and <= MaxSide
            ? (int)side
            : throw file.Error($"{MessageText.Quote(name)} has the shape {ShapeOf(name)}, expected sides of 1 to {MaxSide}");
    }

    private string ShapeOf(string name) => MessageText.Shape(tensors[name].Shape);

    /// <summary>
    /// One more than the highest number in use: a layer in the middle that lost its tensors is missing, not renumbered.
    /// </summary>
    private int LayerCount()
    {
        int count = 0;
        foreach (string name in tensors.Keys)
        {
            if (!name.StartsWith(_names.Block, StringComparison.Ordinal)) continue;
            ReadOnlySpan<char> number = name.AsSpan(_names.Block.Length);
            int end = number.IndexOf('.');
            if (end > 0 && int.TryParse(number[..end], NumberStyles.None, CultureInfo.InvariantCulture, out int layer) && layer < MaxLayers)
                count = Math.Max(count, layer + 1);
        }

        return count;
    }
}
