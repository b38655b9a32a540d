using System.Runtime.InteropServices;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Pictures;
using Dino.Gpu.Data.Rows;
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
    /// <exception cref="RequestFailure">
    /// This model has no such head or layer, there are no such colors, or two choices exclude each other.
    /// </exception>
    public static AttentionChoice Of(string? head, int? layer, string? map, double? overlay, IDinoEncoder encoder)
    {
        int heads = encoder.Config.HeadCount;
        int layers = encoder.Config.LayerCount;
        if (HeadChoice.Parse(head ?? "mean") is not { } choice || choice.Head >= heads)
        {
            throw RequestFailure.Invalid(
                $"head: expected mean, rollout, all or a number from 0 to {heads - 1}, found {EmbeddingsRequest.Short(head ?? "")}",
                "head");
        }

        if (choice.Rollout && layer is not null)
            throw RequestFailure.Invalid("layer: the head rollout uses all layers", "layer", "omit layer");
        if (choice.All && overlay is not null)
            throw RequestFailure.Invalid("overlay: a sheet of all heads has none", "overlay", "omit overlay, or choose one head");
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
        AttentionMap map = Run(encoder, picture);
        int patch = encoder.Config.PatchSize;
        if (Heads.All)
            return PngFile.Bytes(ContactSheet.Draw(picture, map, patch, Colors));
        ReadOnlySpan<float> grid = Grid(map, Heads.Of(map.HeadCount)[0].Head);
        RgbImage heat = AttentionPicture.HeatMap(grid, map.GridHeight, map.GridWidth, patch, Colors);
        return PngFile.Bytes(Overlay is { } alpha ? AttentionPicture.Overlay(picture, heat, alpha) : heat);
    }

    /// <summary>Runs the model.</summary>
    /// <param name="encoder">The model.</param>
    /// <param name="picture">A prepared picture.</param>
    /// <returns>
    /// A <c>.npy</c> of (maps, rows, columns) in float32, as <c>dino attention --npy</c> writes it: the mean first, then
    /// the heads.
    /// </returns>
    public byte[] Values(IDinoEncoder encoder, RgbImage picture)
    {
        AttentionMap map = Run(encoder, picture);
        IReadOnlyList<(string Name, int? Head)> chosen = Heads.Of(map.HeadCount);
        byte[] header = NpyHeader.Reserve(NpyHeader.TypeOf(FloatType.Float32), chosen.Count, [map.GridHeight, map.GridWidth]);
        int size = map.GridHeight * map.GridWidth * sizeof(float);
        byte[] npy = new byte[header.Length + chosen.Count * size];
        header.CopyTo(npy, 0);
        for (int i = 0; i < chosen.Count; i++)
            MemoryMarshal.AsBytes(Grid(map, chosen[i].Head)).CopyTo(npy.AsSpan(header.Length + i * size));
        return npy;
    }

    private AttentionMap Run(IDinoEncoder encoder, RgbImage picture) =>
        Heads.Rollout ? encoder.AttentionRollouts([picture])[0] : encoder.AttentionMaps([picture], Layer)[0];

    /// <summary>(rows, columns) of a head; of the mean for null.</summary>
    private static ReadOnlySpan<float> Grid(AttentionMap map, int? head) => head is { } one ? map.Head(one) : map.Mean();
}
