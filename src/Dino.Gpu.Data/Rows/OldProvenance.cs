using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Dino.Gpu.Data.Rows;

/// <summary>Reads the provenance of versions up to 0.1.0, which kept the sizes of the model in a sentence.</summary>
internal static partial class OldProvenance
{
    /// <summary>Whether an object is of that kind.</summary>
    public static bool IsOne(JsonObject json) => json.ContainsKey("model") && json.ContainsKey("pooling");

    /// <exception cref="FormatException">A property is missing or has another form.</exception>
    public static Provenance Read(JsonObject json)
    {
        Match model = Model().Match(Text("model"));
        Match size = Size().Match(Text("size"));
        if (!model.Success || !size.Success)
            throw new FormatException($"model '{Text("model")}', size '{Text("size")}'");
        return new Provenance
        {
            Version = json["version"]?.GetValue<string>() ?? "",
            Weights = Text("weights"),
            HiddenSize = Number(model.Groups[1]),
            LayerCount = Number(model.Groups[2]),
            HeadCount = Number(model.Groups[3]),
            PatchSize = Number(model.Groups[4]),
            LayerNormEpsilon = double.Parse(model.Groups[5].ValueSpan, NumberStyles.Float, CultureInfo.InvariantCulture),
            Preprocess = Text("preprocess"),
            InputWidth = Number(size.Groups[1]),
            InputHeight = Number(size.Groups[2]),
            Interpolation = Text("interpolation"),
            Exif = Text("exif"),
            Decoder = Text("decoder"),
            Output = Text("pooling"),
            Normalize = json["normalize"]?.GetValue<bool>() ?? false,
            Precision = Text("precision"),
        };

        string Text(string name) => json[name]?.GetValue<string>() ?? throw new FormatException($"there is no {name}");

        static int Number(Group digits) => int.Parse(digits.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"^hidden (\d{1,6}), (\d{1,6}) layers, (\d{1,6}) heads, patch (\d{1,6}), eps (\d[\dE.+-]*)$",
        RegexOptions.CultureInvariant)]
    private static partial Regex Model();

    [GeneratedRegex(@"^(\d{1,6})x(\d{1,6})$", RegexOptions.CultureInvariant)]
    private static partial Regex Size();
}
