using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Pictures;
using Dino.Gpu.Features;
using Dino.Gpu.Imaging;
using Dino.Gpu.Server.Requests;

namespace Dino.Gpu.Server.Model;

/// <summary>Which attention a request wants to see, and how it is drawn.</summary>
/// <param name="Heads">One map, or a sheet of all.</param>
/// <param name="Layer">Counted from 0, or from the end if negative.</param>
/// <param name="Colors">The colors.</param>
/// <param name="Overlay">Share of the heat map over the picture; null for the heat map alone.</param>
internal sealed record AttentionChoice(HeadChoice Heads, int Layer, ColorMap Colors, double? Overlay)
{
    /// <summary>Checks what a request asks for.</summary>
    /// <exception cref="RequestFailure">This model has no such head or layer, or there are no such colors.</exception>
    public static AttentionChoice Of(string? head, int? layer, string? map, double? overlay, IDinoEncoder encoder)
    {
        int heads = encoder.Config.HeadCount;
        int layers = encoder.Config.LayerCount;
        if (HeadChoice.Parse(head ?? "mean") is not { } choice || choice.Head >= heads)
        {
            throw RequestFailure.Invalid(
                $"head: expected mean, rollout, all or a number from 0 to {heads - 1}, found {EmbeddingsRequest.Short(head ?? "")}", "head");
        }

        if (layer < -layers || layer >= layers)
            throw RequestFailure.Invalid($"layer: expected a whole number from {-layers} to {layers - 1}, found {layer}", "layer");
        if (overlay is { } share && !(share is > 0 and <= 1))
            throw RequestFailure.Invalid("overlay: expected a share above 0 and up to 1", "overlay");
        ColorMap colors = ColorMap.All.FirstOrDefault(one => one.Name == (map ?? ColorMap.Viridis.Name))
            ?? throw RequestFailure.Invalid($"map: expected {string.Join(", ", ColorMap.All.Select(one => one.Name))}", "map");
        return new AttentionChoice(choice, layer ?? -1, colors, overlay);
    }

    /// <summary>Runs the model and draws.</summary>
    /// <param name="encoder">The model.</param>
    /// <param name="picture">A prepared picture.</param>
    /// <returns>A PNG.</returns>
    public byte[] Draw(IDinoEncoder encoder, RgbImage picture)
    {
        AttentionMap map = Heads.Rollout ? encoder.AttentionRollouts([picture])[0] : encoder.AttentionMaps([picture], Layer)[0];
        int patch = encoder.Config.PatchSize;
        if (Heads.All)
            return PngFile.Bytes(ContactSheet.Draw(picture, map, patch, Colors));
        ReadOnlySpan<float> grid = Heads.Rollout ? map.Head(0) : Heads.Head is { } head ? map.Head(head) : map.Mean();
        RgbImage heat = AttentionPicture.HeatMap(grid, map.GridHeight, map.GridWidth, patch, Colors);
        return PngFile.Bytes(Overlay is { } alpha ? AttentionPicture.Overlay(picture, heat, alpha) : heat);
    }
}
