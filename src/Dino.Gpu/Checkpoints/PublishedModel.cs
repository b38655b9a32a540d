using Dino.Gpu.Files;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;

namespace Dino.Gpu.Checkpoints;

/// <summary>A model of the hub that this library runs: what it is called, where it is, and under which license.</summary>
internal sealed record PublishedModel
{
    private const string Apache = "Apache-2.0";
    private const string ThirdLicense = "DINOv3 License";
    private const string Owner = "facebook/";
    private const string Web = "-pretrain-lvd1689m";
    private const string Satellite = "-pretrain-sat493m";

    private static readonly PreprocessorConfig SatellitePictures = new VitConfigs(384, 12, 6).Third.UsualPreprocessor! with
    {
        Mean = [0.430, 0.411, 0.296],
        StandardDeviation = [0.213, 0.156, 0.143],
    };

    /// <summary>In the order in which they were published, the small ones first.</summary>
    public static IReadOnlyList<PublishedModel> All { get; } =
    [
        First("dino-vits16", VitConfig.VitS16),
        First("dino-vits8", VitConfig.VitS16 with { PatchSize = 8, TrainedGrid = 28 }),
        First("dino-vitb16", VitConfig.VitS16 with { HiddenSize = 768, HeadCount = 12, MlpSize = 3072 }),
        First("dino-vitb8", VitConfig.VitS16 with { HiddenSize = 768, HeadCount = 12, MlpSize = 3072, PatchSize = 8, TrainedGrid = 28 }),
        .. Second("dinov2-", config => config),
        .. Second("dinov2-with-registers-", config => config with
        {
            RegisterCount = 4,
            DefaultInterpolation = PositionInterpolation.Antialias,
        }),
        Third("dinov3-vits16", new VitConfigs(384, 12, 6).Third),
        Third("dinov3-vits16plus", new VitConfigs(384, 12, 6).Gated(1536)),
        Third("dinov3-vitb16", new VitConfigs(768, 12, 12).Third),
        Third("dinov3-vitl16", new VitConfigs(1024, 24, 16).Third),
        Third("dinov3-vith16plus", new VitConfigs(1280, 32, 20).Gated(5120)),
        Third("dinov3-vit7b16", new VitConfigs(4096, 40, 32).Gated(8192)) with { IsInParts = true, HasQkvBias = false },
        Third("dinov3-vitl16-sat", new VitConfigs(1024, 24, 16).Third, Satellite),
        Third("dinov3-vit7b16-sat", new VitConfigs(4096, 40, 32).Gated(8192), Satellite) with { IsInParts = true, HasQkvBias = false },
    ];

    /// <summary>Such as <c>dinov2-small</c>.</summary>
    public required string Name { get; init; }

    /// <summary>OWNER/NAME on the hub.</summary>
    public required string Repository { get; init; }

    /// <summary>The sizes.</summary>
    public required VitConfig Config { get; init; }

    /// <summary>License of the weights.</summary>
    public required string License { get; init; }

    /// <summary>Whether the hub gives it only to those who accepted the license there.</summary>
    public bool IsGated => License == ThirdLicense;

    /// <summary>The license, and what the hub asks for.</summary>
    public string LicenseText => !IsGated ? License
        : $"the {License}: accept it at {WeightsDownloadOptions.DefaultEndpoint}/{Repository}, then put your token into "
            + HubEnvironment.TokenVariable;

    /// <summary>What is fetched of it.</summary>
    public string FileName { get; init; } = CheckpointNames.Safetensors;

    /// <summary>Whether the hub has it in several files.</summary>
    public bool IsInParts { get; init; }

    /// <summary>
    /// How pictures become its input, where that is not the usual way of its kind; else null.
    /// </summary>
    public PreprocessorConfig? Pictures { get; init; }

    /// <summary>Whether queries and values have biases.</summary>
    private bool HasQkvBias { get; init; } = true;

    /// <summary>Values of its tensors, without heads and the mask token.</summary>
    public long ParameterCount => TensorSlots.HuggingFace(Config)
        .Where(slot => Config.Kind != ModelKind.DinoV3 || slot.Optional.Length == 0 || (HasQkvBias && !slot.Name.Contains("k_proj")))
        .Sum(slot => slot.Shape.Aggregate(1L, (product, side) => product * side));

    /// <summary>Seeded weights in its sizes, with its pictures.</summary>
    public VitWeights Seeded(ulong seed)
    {
        VitWeights weights = SyntheticWeights.Create(Config, seed);
        return Pictures is { } pictures ? weights.With(pictures) : weights;
    }

    /// <summary>The model of a name, short or as on the hub; null where there is none.</summary>
    public static PublishedModel? Find(string name) => All.FirstOrDefault(model =>
        name == model.Name || name == model.Repository || Owner + name == model.Repository);

    /// <inheritdoc cref="Find"/>
    /// <exception cref="DinoException">There is no such model.</exception>
    public static PublishedModel Named(string name) => Find(name) ?? throw new WeightsException(
        $"there is no model '{name}' (expected one of {All.Count} names)",
        SimilarName.Of(name, All.Select(model => model.Name)) is { } similar ? $"did you mean {similar}?"
            : "'dino models' lists them; --repository takes any other");

    /// <summary>
    /// The model of these sizes and of pictures with these figures, else the first one with the usual pictures; null
    /// where there is none.
    /// </summary>
    /// <param name="config">The sizes.</param>
    /// <param name="pictures">How the checkpoint's pictures become its input; null where it does not say.</param>
    public static PublishedModel? Of(VitConfig config, PreprocessorConfig? pictures)
    {
        PublishedModel[] models = [.. All.Where(model => SizesOf(model.Config) == SizesOf(config))];
        return Array.Find(models, model => model.Pictures is { } own && pictures is not null
                && own.Mean.SequenceEqual(pictures.Mean) && own.StandardDeviation.SequenceEqual(pictures.StandardDeviation))
            ?? Array.Find(models, model => model.Pictures is null);
    }

    /// <summary>What the tensors of a model show; the rest is said by files beside it.</summary>
    private static VitConfig SizesOf(VitConfig config) => config with
    {
        TrainedGrid = config.PositionKind == PositionKind.Table ? config.TrainedGrid : 1,
        DefaultInputSize = 0,
        LayerNormEpsilon = 0,
    };

    private static PublishedModel First(string name, VitConfig config) => new()
    {
        Name = name,
        Repository = Owner + name,
        Config = config,
        License = Apache,
        FileName = CheckpointNames.Torch,
    };

    private static IEnumerable<PublishedModel> Second(string name, Func<VitConfig, VitConfig> change) =>
        new (string Size, VitConfig Config)[]
        {
            ("small", new VitConfigs(384, 12, 6).Second),
            ("base", new VitConfigs(768, 12, 12).Second),
            ("large", new VitConfigs(1024, 24, 16).Second),
            ("giant", new VitConfigs(1536, 40, 24).Second with { MlpKind = MlpKind.GatedSilu, MlpSize = 4096 }),
        }.Select(model => new PublishedModel
        {
            Name = name + model.Size,
            Repository = Owner + name + model.Size,
            Config = change(model.Config),
            License = Apache,
        });

    private static PublishedModel Third(string name, VitConfig config, string training = Web) => new()
    {
        Name = name,
        Repository = Owner + name.Replace("-sat", "", StringComparison.Ordinal) + training,
        Config = config,
        License = ThirdLicense,
        Pictures = training == Satellite ? SatellitePictures : null,
    };

    /// <summary>What the sizes of a trunk make in each family.</summary>
    private readonly record struct VitConfigs(int Hidden, int Layers, int Heads)
    {
        public VitConfig Second => new()
        {
            Kind = ModelKind.DinoV2,
            HiddenSize = Hidden,
            LayerCount = Layers,
            HeadCount = Heads,
            MlpSize = 4 * Hidden,
            PatchSize = 14,
            TrainedGrid = 37,
            DefaultInputSize = 224,
            LayerNormEpsilon = 1e-6,
            HasLayerScale = true,
        };

        public VitConfig Third => Second with
        {
            Kind = ModelKind.DinoV3,
            PatchSize = 16,
            TrainedGrid = 14,
            LayerNormEpsilon = 1e-5,
            RegisterCount = 4,
            PositionKind = PositionKind.Rotary,
        };

        public VitConfig Gated(int size) => Third with { MlpKind = MlpKind.GatedSilu, MlpSize = size };
    }
}
