using Dino.Gpu.Data.Formats;
using Dino.Gpu.Features;

namespace Dino.Gpu.Data.Outputs;

/// <summary>
/// The files that one image becomes: <c>STEM.tokens-layer11.npy</c> and so on, one array in each, or
/// <c>STEM.features.safetensors</c> with arrays of the same names. Thread-safe.
/// </summary>
/// <param name="what">What to write for each image.</param>
/// <param name="layers">The layers, counted from 0, ascending, each once.</param>
internal sealed class FeatureFiles(FeatureSet what, int[] layers)
{
    private string LastBlocks => $"last{what.LastBlocks}";

    /// <summary>What a forward pass has to return.</summary>
    public DinoOutputs Outputs => what.Features.Aggregate(
        what.LastBlocks > 0 ? DinoOutputs.LayerClassTokens : 0, (outputs, feature) => outputs | PatchFeatures.OutputOf(feature));

    /// <summary>The layers that it has to return.</summary>
    public DinoLayers Layers => new()
    {
        IntermediateLayers = layers,
        HiddenStates = [.. layers.Select(layer => layer + 1)],
        Queries = layers,
        Keys = layers,
        Values = layers,
        RotatedQueries = layers,
        RotatedKeys = layers,
        ClassTokens = [.. Enumerable.Range(-what.LastBlocks, what.LastBlocks)],
    };

    /// <summary>The files of an image with this stem.</summary>
    public IEnumerable<string> Targets(string stem)
    {
        if (what.Safetensors)
            return [Target(stem, "features.safetensors")];
        return what.Features.SelectMany(feature => layers.Select(layer => Name(feature, layer)))
            .Concat(what.LastBlocks > 0 ? [LastBlocks] : [])
            .Select(name => Target(stem, name + ".npy"));
    }

    /// <summary>
    /// Writes the files of one image of a pass that returned <see cref="Outputs"/> of <see cref="Layers"/>.
    /// </summary>
    /// <param name="stem">The stem of the image's name.</param>
    /// <param name="output">The result of the pass.</param>
    /// <param name="image">The image's number in it.</param>
    /// <param name="gridWidth">Patches from left to right.</param>
    /// <exception cref="DinoException">A file cannot be written.</exception>
    public void Write(string stem, DinoOutput output, int image, int gridWidth)
    {
        if (what.Safetensors)
        {
            NamedArray.WriteSafetensors(Target(stem, "features.safetensors"), [.. Arrays(output, image, gridWidth)]);
            return;
        }

        foreach (NamedArray array in Arrays(output, image, gridWidth))
            array.WriteNpy(Target(stem, array.Name + ".npy"));
    }

    private IEnumerable<NamedArray> Arrays(DinoOutput output, int image, int gridWidth)
    {
        foreach (PatchFeature feature in what.Features)
        {
            for (int layer = 0; layer < layers.Length; layer++)
            {
                PatchFeatures grid = PatchFeatures.Of(output, feature, layer, image, gridWidth);
                int[] shape = [grid.GridHeight, grid.GridWidth, grid.Channels];
                yield return new NamedArray(Name(feature, layers[layer]), shape, grid.Values.ToArray());
            }
        }

        if (output.LayerClassTokens is { } tokens)
        {
            (int images, int hidden) = (tokens.Shape[1], tokens.Shape[2]);
            float[] rows = [.. tokens.Data.Chunk(hidden).Where((_, row) => row % images == image).SelectMany(row => row)];
            yield return new NamedArray(LastBlocks, [what.LastBlocks, hidden], rows);
        }
    }

    private static string Name(PatchFeature feature, int layer)
    {
        string name = feature switch
        {
            PatchFeature.RotatedQueries => "rotated-queries",
            PatchFeature.RotatedKeys => "rotated-keys",
            _ => feature.ToString().ToLowerInvariant(),
        };
        return $"{name}-layer{layer}";
    }

    private string Target(string stem, string ending) => Path.Combine(what.Directory, $"{stem}.{ending}");
}
