namespace Dino.Gpu.Data.Pictures;

/// <summary>What to write for each image.</summary>
/// <param name="Colors">Colors of heat maps, overlays and sheets.</param>
/// <param name="Maps">Whether to write heat maps.</param>
/// <param name="Overlay">Share of the heat map in an overlay; null for none.</param>
/// <param name="Threshold">Share of the attention that a mask keeps; null for none.</param>
/// <param name="Sheet">Whether to write the contact sheet.</param>
/// <param name="Npy">Whether to write the values.</param>
internal sealed record AttentionDrawing(ColorMap Colors, bool Maps, double? Overlay, double? Threshold, bool Sheet, bool Npy)
{
    /// <summary>Whether any PNG file is written.</summary>
    public bool HasPictures => Maps || Overlay is not null || Threshold is not null || Sheet;
}
