using System.Buffers;
using System.Text;
using System.Text.Json;
using Dino.Gpu.Files;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Checkpoints;

/// <summary>
/// Hugging Face's <c>preprocessor_config.json</c>, which says how the pictures of a model become its input. What it
/// says is done or refused; nothing is left out silently.
/// </summary>
internal static class PreprocessorFile
{
    /// <summary>The name of the file beside the weights.</summary>
    public const string FileName = "preprocessor_config.json";

    /// <summary>Metadata key of a safetensors file that this library wrote, with the same text.</summary>
    public const string MetadataKey = "preprocessor_config";

    private const int MaxSide = 1 << 16;
    private const string TypeKey = "image_processor_type";
    private const string Square = "ViT";
    private const string SquareAndCrop = "DeiT";
    private const string ShorterSideAndCrop = "Bit";
    private const string Fractions = "DINOv3ViT";

    /// <summary>The processors of transformers whose steps these are, by what stands before "ImageProcessor".</summary>
    private static readonly string[] Processors = [Square, SquareAndCrop, ShorterSideAndCrop, "CLIP", Fractions];

    private static readonly string[] Endings = ["ImageProcessorFast", "ImageProcessorPil", "ImageProcessor", "FeatureExtractor"];

    /// <summary>Figures that change pixels, and are not honored.</summary>
    private static readonly string[] OtherFigures = ["crop_pct", "size_divisor", "interpolation"];

    /// <summary>Steps that are done, or change nothing: pictures are RGB in any case.</summary>
    private static readonly string[] Steps = ["do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb"];

    /// <summary>Pillow's numbers of its filters.</summary>
    private static readonly string[] Filters = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"];

    // What transformers takes where the file does not say: each processor has its own.
    private static readonly double[] Half = [0.5, 0.5, 0.5];
    private static readonly double[] ClipMean = [0.48145466, 0.4578275, 0.40821073];
    private static readonly double[] ClipDeviation = [0.26862954, 0.26130258, 0.27577711];

    /// <summary>Reads the file beside a checkpoint; null if there is none.</summary>
    /// <exception cref="DinoException">It cannot be read, or says what this library does not do.</exception>
    public static PreprocessorConfig? Beside(string checkpointPath) => ConfigFile.Beside(checkpointPath, FileName, Parse);

    /// <summary>The text in the metadata of a safetensors file; null if there is none.</summary>
    /// <exception cref="DinoException">As <see cref="Beside"/>.</exception>
    public static PreprocessorConfig? FromMetadata(CheckpointFile file, IReadOnlyDictionary<string, string> metadata) =>
        metadata.TryGetValue(MetadataKey, out string? json) ? ConfigFile.Parse(file, Encoding.UTF8.GetBytes(json), Parse) : null;

    /// <summary>As transformers writes it, everything said.</summary>
    public static byte[] ToJson(PreprocessorConfig config)
    {
        bool isCropped = config.ResizeWidth is not null;
        string type = config.KeepsFractions ? Fractions
            : config.Resize == ResizeMode.ShorterSide ? ShorterSideAndCrop
            : isCropped ? SquareAndCrop
            : Square;
        var bytes = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteBoolean("do_center_crop", isCropped);
            json.WriteBoolean("do_normalize", true);
            json.WriteBoolean("do_rescale", true);
            json.WriteBoolean("do_resize", config.Resize != ResizeMode.None);
            WriteNumbers(json, "image_mean", config.Mean);
            WriteNumbers(json, "image_std", config.StandardDeviation);
            json.WriteNumber("resample", Array.IndexOf(Filters, config.Filter.ToString().ToLowerInvariant()));
            json.WriteNumber("rescale_factor", config.Scale);
            // Without a type the size stays the one that the model was trained on.
            if (config.InputWidth is not null || config.Resize == ResizeMode.None || config.KeepsFractions)
                json.WriteString(TypeKey, type + (config.KeepsFractions ? "ImageProcessorFast" : "ImageProcessor"));
            if (isCropped)
                WriteSize(json, "crop_size", config.InputWidth, config.InputHeight);
            if (config.Resize == ResizeMode.ShorterSide)
                WriteShortestEdge(json, config.ResizeWidth);
            else if ((config.ResizeWidth ?? config.InputWidth) is { } width && (config.ResizeHeight ?? config.InputHeight) is { } height)
                WriteSize(json, "size", width, height);
            json.WriteEndObject();
        }

        return bytes.WrittenSpan.ToArray();
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, IReadOnlyList<double> numbers)
    {
        json.WriteStartArray(name);
        foreach (double number in numbers)
            json.WriteNumberValue(number);
        json.WriteEndArray();
    }

    private static void WriteSize(Utf8JsonWriter json, string name, int? width, int? height)
    {
        json.WriteStartObject(name);
        WriteSide(json, "height", height);
        WriteSide(json, "width", width);
        json.WriteEndObject();
    }

    private static void WriteShortestEdge(Utf8JsonWriter json, int? side)
    {
        json.WriteStartObject("size");
        WriteSide(json, "shortest_edge", side);
        json.WriteEndObject();
    }

    private static void WriteSide(Utf8JsonWriter json, string name, int? pixels)
    {
        if (pixels is { } side)
            json.WriteNumber(name, side);
        else
            json.WriteNull(name);
    }

    private static PreprocessorConfig Parse(CheckpointFile file, JsonElement root)
    {
        if (ConfigFile.Value(root, "image_processor") is { ValueKind: JsonValueKind.Object } inner)
            root = inner; // as in a processor_config.json
        string processor = Processor(file, root);
        RefuseOtherSteps(file, root);
        bool isResized = Flag(file, root, "do_resize") ?? true;
        bool keepsProportions = !(Flag(file, root, "default_to_square") ?? processor is not (ShorterSideAndCrop or "CLIP"));
        bool isTyped = processor.Length > 0;
        bool isCropped = Flag(file, root, "do_center_crop")
            ?? (isTyped ? processor is not (Square or Fractions) : ConfigFile.Value(root, "crop_size") is not null);
        PreprocessorConfig config = Numbers(file, root, processor) with
        {
            Filter = Filter(file, root) ?? (processor is "" or Square or Fractions ? ResizeFilter.Bilinear : ResizeFilter.Bicubic),
            KeepsFractions = processor == Fractions,
        };

        Sides? usual = !isTyped ? null : processor == SquareAndCrop ? new Sides(256, 256, false) : new Sides(224, 224, keepsProportions);
        Sides? size = Size(file, root, "size", keepsProportions) ?? usual;
        Sides? usualCrop = isTyped ? new Sides(224, 224, false) : null;
        Sides? crop = isCropped ? Size(file, root, "crop_size", keepsProportions: false) ?? usualCrop : null;
        if (isCropped && crop is null)
            throw file.Error("do_center_crop is true and there is no crop_size, expected one");
        if (!isResized)
        {
            config = config with { Resize = ResizeMode.None, InputWidth = crop?.Width, InputHeight = crop?.Height };
            return config with { ResizeWidth = crop?.Width, ResizeHeight = crop?.Height };
        }

        if (crop is { } center && size is { } before)
        {
            if (center.Width > before.Width || center.Height > before.Height)
                throw file.Error($"crop_size {center} is larger than size {before}, which would pad the picture: that is not supported");
            return config with
            {
                Resize = before.IsShorterSide ? ResizeMode.ShorterSide : ResizeMode.Squash,
                ResizeWidth = before.Width,
                ResizeHeight = before.Height,
                InputWidth = center.Width,
                InputHeight = center.Height,
            };
        }

        if (crop is not null)
            throw file.Error("there is a crop_size and no size, expected both");
        return size is { IsShorterSide: true }
            ? throw file.Error("size says shortest_edge and nothing is cropped: inputs of many sizes are not supported")
            : config with { InputWidth = size?.Width, InputHeight = size?.Height };
    }

    /// <summary>Which of <see cref="Processors"/> it is for; empty where the file does not say.</summary>
    private static string Processor(CheckpointFile file, JsonElement root)
    {
        string? type = (ConfigFile.Value(root, TypeKey) ?? ConfigFile.Value(root, "feature_extractor_type"))?.ToString();
        if (type is null)
            return "";
        string ending = Endings.FirstOrDefault(one => type.EndsWith(one, StringComparison.Ordinal)) ?? "";
        string name = type[..^ending.Length];
        return Processors.Contains(name) ? name : throw file.Error(
            $"it is for {MessageText.Quote(type)}, expected one of {string.Join(", ", Processors.Select(one => one + "ImageProcessor"))}");
    }

    private static void RefuseOtherSteps(CheckpointFile file, JsonElement root)
    {
        foreach (JsonProperty property in root.EnumerateObject())
        {
            bool isOtherStep = property.Name.StartsWith("do_", StringComparison.Ordinal)
                && !Steps.Contains(property.Name) && property.Value.ValueKind == JsonValueKind.True;
            bool isOtherFigure = OtherFigures.Contains(property.Name) && property.Value.ValueKind != JsonValueKind.Null;
            if (isOtherStep || isOtherFigure)
            {
                string value = property.Value.ToString().ToLowerInvariant();
                throw file.Error($"{MessageText.Quote(property.Name)} is {value}, which is not supported");
            }
        }
    }

    private static PreprocessorConfig Numbers(CheckpointFile file, JsonElement root, string processor)
    {
        PreprocessorConfig standard = PreprocessorConfig.Standard;
        double scale = standard.Scale;
        if (ConfigFile.Value(root, "rescale_factor") is { } factor)
        {
            scale = ConfigFile.Number(file, root, "rescale_factor")!.Value;
            if (!double.IsFinite(scale) || scale == 0)
                throw ConfigFile.Wrong(file, "rescale_factor", factor, "a number other than 0");
        }

        if (Flag(file, root, "do_rescale") == false)
            scale = 1;
        if (Flag(file, root, "do_normalize") == false)
            return standard with { Scale = scale, Mean = [0, 0, 0], StandardDeviation = [1, 1, 1] };
        (IReadOnlyList<double> mean, IReadOnlyList<double> deviation) = processor switch
        {
            "" or Fractions => (standard.Mean, standard.StandardDeviation),
            ShorterSideAndCrop or "CLIP" => (ClipMean, ClipDeviation),
            _ => (Half, Half),
        };
        deviation = Channels(file, root, "image_std") ?? deviation;
        if (deviation.Contains(0))
            throw file.Error("image_std has a 0, expected numbers to divide by");
        return standard with { Scale = scale, Mean = Channels(file, root, "image_mean") ?? mean, StandardDeviation = deviation };
    }

    /// <summary>Three numbers, or one for all channels.</summary>
    private static double[]? Channels(CheckpointFile file, JsonElement root, string name)
    {
        if (ConfigFile.Value(root, name) is not { } value)
            return null;
        JsonElement[] items = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [value, value, value];
        double[] numbers = [.. items.Select(item =>
            item.ValueKind == JsonValueKind.Number && item.TryGetDouble(out double number) ? number : double.NaN)];
        return numbers.Length == 3 && Array.TrueForAll(numbers, double.IsFinite)
            ? numbers
            : throw ConfigFile.Wrong(file, name, value, "three numbers");
    }

    private static ResizeFilter? Filter(CheckpointFile file, JsonElement root)
    {
        if (ConfigFile.Value(root, "resample") is not { } value)
            return null;
        int number = ConfigFile.IsInteger(value, out int found) ? found : Array.IndexOf(Filters, value.ToString().ToLowerInvariant());
        string? name = number >= 0 && number < Filters.Length ? Filters[number] : null;
        return Enum.TryParse(name, ignoreCase: true, out ResizeFilter filter)
            ? filter
            : throw ConfigFile.Wrong(file, "resample" + (name is null ? "" : $" ({name})"), value, "2 (bilinear) or 3 (bicubic)");
    }

    private static bool? Flag(CheckpointFile file, JsonElement root, string name) => ConfigFile.Value(root, name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { } other => throw ConfigFile.Wrong(file, name, other, "true or false"),
    };

    /// <summary>A number, two equal ones, <c>{"height", "width"}</c> or <c>{"shortest_edge"}</c>.</summary>
    private static Sides? Size(CheckpointFile file, JsonElement root, string name, bool keepsProportions)
    {
        if (ConfigFile.Value(root, name) is not { } value)
            return null;
        Sides? sides = null;
        if (ConfigFile.IsInteger(value, out int side))
            sides = new Sides(side, side, keepsProportions);
        else if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 2 && ConfigFile.IsInteger(value[0], out side)
            && ConfigFile.IsInteger(value[1], out int other) && side == other)
            sides = new Sides(side, side, IsShorterSide: false);
        else if (value.ValueKind == JsonValueKind.Object)
            sides = OfObject(value);
        return sides is { Width: >= 1 and <= MaxSide, Height: >= 1 and <= MaxSide } found && !(name == "crop_size" && found.IsShorterSide)
            ? found
            : throw ConfigFile.Wrong(file, name, value, $"a height and a width of 1 to {MaxSide}");
    }

    private static Sides? OfObject(JsonElement value)
    {
        string[] said =
            [.. value.EnumerateObject().Where(side => side.Value.ValueKind != JsonValueKind.Null).Select(side => side.Name).Order()];
        return said switch
        {
            ["height", "width"] when ConfigFile.IsInteger(value.GetProperty("height"), out int height)
                && ConfigFile.IsInteger(value.GetProperty("width"), out int width) => new Sides(width, height, IsShorterSide: false),
            ["shortest_edge"] when ConfigFile.IsInteger(value.GetProperty("shortest_edge"), out int edge) => new Sides(edge, edge, true),
            _ => null,
        };
    }

    /// <summary>A size in pixels.</summary>
    private readonly record struct Sides(int Width, int Height, bool IsShorterSide)
    {
        public override string ToString() => $"{Width}x{Height}";
    }
}
