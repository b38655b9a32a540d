using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Pages;

/// <summary>A picture on a page.</summary>
/// <param name="Badge">A word or a rank; empty for none.</param>
/// <param name="Score">Its cosine with the first picture of the section; null for that one.</param>
/// <param name="Image">The picture.</param>
internal sealed record PageCard(string Badge, double? Score, RowInfo Image);
