using System.Globalization;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Server.Requests;

namespace Dino.Gpu.Server.Model;

/// <summary>What is made of a picture, as <c>dino embed --output</c> takes it.</summary>
/// <param name="Name">Such as <c>cls</c> or <c>cls+mean</c>.</param>
/// <param name="Layout">Shape of a row, and how it is taken from a pass.</param>
/// <param name="IsEmbedding">Whether it is the class token, which goes through the queue.</param>
internal sealed record OutputChoice(string Name, RowLayout Layout, bool IsEmbedding)
{
    /// <summary>The embedding.</summary>
    public const string Standard = "cls";

    // What one request may cost: at twice the size a ViT/16 has 4 times the tokens, and attention 16 times the work.
    private const int MostScales = 4;
    private const double LargestScale = 2;

    /// <summary>The choice of a name.</summary>
    /// <exception cref="RequestFailure">There is none, or this model cannot give it.</exception>
    public static OutputChoice Of(string? name, bool normalize, IDinoEncoder encoder)
    {
        name = name?.Replace(' ', '+') ?? Standard; // a plus sign in a query is a space
        if (OutputKind.Parse(name) is not { } kind)
        {
            throw RequestFailure.Invalid(
                $"there is no output {EmbeddingsRequest.Short(name)} (expected {OutputKind.Names})", "output");
        }

        if (kind.Pooling?.LastBlocks > encoder.Config.LayerCount)
            throw RequestFailure.Invalid($"output {name}: this model has {encoder.Config.LayerCount} blocks", "output");
        if (kind.Registers && encoder.Config.RegisterCount == 0)
            throw RequestFailure.Invalid($"output {name}: this model has no register tokens", "output");
        if (kind.Scales is { } scales)
            CheckScales(scales, encoder);
        var layout = new RowLayout(
            kind, normalize, encoder.Config.HiddenSize, encoder.GridHeight, encoder.GridWidth, encoder.Config.RegisterCount);
        return new OutputChoice(name, layout, name == Standard);
    }

    private static void CheckScales(IReadOnlyList<double> scales, IDinoEncoder encoder)
    {
        if (scales.Count > MostScales)
            throw RequestFailure.Invalid($"output: too many scales (expected at most {MostScales}, found {scales.Count})", "output");
        double largest = scales.Max();
        if (largest > LargestScale)
        {
            throw RequestFailure.Invalid(
                string.Create(
                    CultureInfo.InvariantCulture, $"output: a scale is too large (expected at most {LargestScale}, found {largest})"),
                "output");
        }

        try
        {
            encoder.CheckScales(scales);
        }
        catch (DinoException failure)
        {
            throw RequestFailure.Invalid(failure.Message, "output", failure.Hint);
        }
    }
}
