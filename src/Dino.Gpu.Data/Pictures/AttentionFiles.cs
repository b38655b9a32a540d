using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Features;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Pictures;

/// <summary>
/// The files that one image becomes: <c>STEM.attention-mean.png</c> and so on. A numbered sequence of frames stays a
/// sequence. Thread-safe.
/// </summary>
/// <param name="directory">Where they go; it exists.</param>
/// <param name="drawing">What to write.</param>
/// <param name="maps">Names and heads of the maps; a null head is the mean.</param>
/// <param name="patchSize">Pixels of a patch's side.</param>
internal sealed class AttentionFiles(
    string directory, AttentionDrawing drawing, IReadOnlyList<(string Name, int? Head)> maps, int patchSize)
{
    /// <summary>The files of an image with this stem.</summary>
    public IEnumerable<string> Targets(string stem)
    {
        foreach ((string name, _) in maps)
        {
            if (drawing.Maps)
                yield return Target(stem, $"attention-{name}.png");
            if (drawing.Overlay is not null)
                yield return Target(stem, $"overlay-{name}.png");
            if (drawing.Threshold is not null)
                yield return Target(stem, $"mask-{name}.png");
        }

        if (drawing.Sheet)
            yield return Target(stem, "attention-sheet.png");
        if (drawing.Npy)
            yield return Target(stem, "attention.npy");
    }

    /// <summary>Draws and writes the files.</summary>
    /// <param name="stem">The stem of the image's name.</param>
    /// <param name="picture">What the model saw.</param>
    /// <param name="map">Its attention.</param>
    /// <exception cref="DinoException">A file cannot be written.</exception>
    public void Write(string stem, RgbImage picture, AttentionMap map)
    {
        foreach ((string name, int? head) in maps)
        {
            ReadOnlySpan<float> grid = head is { } number ? map.Head(number) : map.Mean();
            RgbImage heatMap = AttentionPicture.HeatMap(grid, map.GridHeight, map.GridWidth, patchSize, drawing.Colors);
            if (drawing.Maps)
                PngFile.Write(Target(stem, $"attention-{name}.png"), heatMap);
            if (drawing.Overlay is { } alpha)
                PngFile.Write(Target(stem, $"overlay-{name}.png"), AttentionPicture.Overlay(picture, heatMap, alpha));
            if (drawing.Threshold is { } share)
            {
                bool[] mask = AttentionMap.Mask(grid, share);
                PngFile.Write(
                    Target(stem, $"mask-{name}.png"), AttentionPicture.Masked(picture, mask, map.GridHeight, map.GridWidth, patchSize));
            }
        }

        if (drawing.Sheet)
            PngFile.Write(Target(stem, "attention-sheet.png"), ContactSheet.Draw(picture, map, patchSize, drawing.Colors));
        if (drawing.Npy)
            WriteNpy(Target(stem, "attention.npy"), map);
    }

    /// <summary>(maps, grid height, grid width): the mean first, if there is one, then the heads.</summary>
    private void WriteNpy(string path, AttentionMap map)
    {
        using var npy = new NpyWriter(path, map.GridHeight, map.GridWidth);
        foreach ((_, int? head) in maps)
            npy.WriteRow(head is { } number ? map.Head(number) : map.Mean());
        npy.Complete();
    }

    private string Target(string stem, string ending) => Path.Combine(directory, $"{stem}.{ending}");
}
