using Dino.Gpu.Data.Formats;
using Dino.Gpu.Features;

namespace Dino.Gpu.Cli.Commands;

/// <summary>
/// The files that one image becomes: <c>STEM.tokens-layer11.npy</c> and so on, an array each, or <c>STEM.features.safetensors</c> with an array of the same name each.
/// Thread-safe.
/// </summary>
/// <param name="settings">What is written.</param>
/// <param name="layers">The layers from 0 on, ascending, each once.</param>
internal sealed class FeatureFiles(FeatureSettings settings, int[] layers)
{
    private string LastBlocks => $"last{settings.LastBlocks}";

    /// <summary>What a forward pass has to return.</summary>
    public DinoOutputs Outputs => settings.Features.Aggregate(
        settings.LastBlocks > 0 ? DinoOutputs.LayerClassTokens : 0, (outputs, feature) => outputs | PatchFeatures.OutputOf(feature));

    /// <summary>Of which layers.</summary>
    public DinoLayers Layers => new()
    {
        IntermediateLayers = layers,
        HiddenStates = [.. layers.Select(layer => layer + 1)],
        Queries = layers,
        Keys = layers,
        Values = layers,
        ClassTokens = [.. Enumerable.Range(-settings.LastBlocks, settings.LastBlocks)],
    };

    /// <summary>The files of an image with this stem.</summary>
    public IEnumerable<string> Targets(string stem)
    {
        if (settings.Safetensors)
            return [Target(stem, "features.safetensors")];
        return settings.Features.SelectMany(feature => layers.Select(layer => Name(feature, layer)))
            .Concat(settings.LastBlocks > 0 ? [LastBlocks] : [])
            .Select(name => Target(stem, name + ".npy"));
    }

    /// <summary>Writes the files of one image of a pass that returned <see cref="Outputs"/> of <see cref="Layers"/>.</summary>
    /// <param name="stem">Of the image's name.</param>
    /// <param name="output">The pass.</param>
    /// <param name="image">The image's number in it.</param>
    /// <param name="gridWidth">Patches side by side.</param>
    /// <exception cref="DinoException">A file cannot be written.</exception>
    public void Write(string stem, DinoOutput output, int image, int gridWidth)
    {
        if (settings.Safetensors)
        {
            NamedArray.WriteSafetensors(Target(stem, "features.safetensors"), [.. Arrays(output, image, gridWidth)]);
            return;
        }

        foreach (NamedArray array in Arrays(output, image, gridWidth))
            array.WriteNpy(Target(stem, array.Name + ".npy"));
    }

    private IEnumerable<NamedArray> Arrays(DinoOutput output, int image, int gridWidth)
    {
        foreach (PatchFeature feature in settings.Features)
        {
            for (int layer = 0; layer < layers.Length; layer++)
            {
                PatchFeatures grid = PatchFeatures.Of(output, feature, layer, image, gridWidth);
                yield return new NamedArray(Name(feature, layers[layer]), [grid.GridHeight, grid.GridWidth, grid.Channels], grid.Values.ToArray());
            }
        }

        if (output.LayerClassTokens is { } tokens)
        {
            (int images, int hidden) = (tokens.Shape[1], tokens.Shape[2]);
            float[] rows = [.. tokens.Data.Chunk(hidden).Where((_, row) => row % images == image).SelectMany(row => row)];
            yield return new NamedArray(LastBlocks, [settings.LastBlocks, hidden], rows);
        }
    }

    private static string Name(PatchFeature feature, int layer) => $"{feature.ToString().ToLowerInvariant()}-layer{layer}";

    private string Target(string stem, string ending) => Path.Combine(settings.Directory, $"{stem}.{ending}");
}
