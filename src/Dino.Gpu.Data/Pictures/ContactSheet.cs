using Dino.Gpu.Features;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Pictures;

/// <summary>Pictures of one size on white, each under its label, in about twice as many columns as rows.</summary>
public static class ContactSheet
{
    /// <summary>Pixels between tiles, and around the sheet.</summary>
    internal const int Gap = 12;

    /// <summary>Pixels of a label, with the space to its picture.</summary>
    internal const int LabelHeight = 20;

    private const float TextSize = 15;

    /// <summary>From the top of a label to the line that its letters stand on.</summary>
    private const int Baseline = 13;

    /// <summary>The picture, the mean over the heads and every head: how one layer sees one picture.</summary>
    /// <param name="picture">What the model saw.</param>
    /// <param name="map">Its attention.</param>
    /// <param name="patchSize">Pixels of a patch's side.</param>
    /// <param name="colors">The colors of the heat maps.</param>
    public static RgbImage Draw(RgbImage picture, AttentionMap map, int patchSize, ColorMap colors)
    {
        ArgumentNullException.ThrowIfNull(map);
        RgbImage HeatMap(ReadOnlySpan<float> grid) => AttentionPicture.HeatMap(grid, map.GridHeight, map.GridWidth, patchSize, colors);
        List<(string Label, RgbImage Tile)> tiles =
        [
            ("picture", AttentionPicture.Crop(picture, map.GridWidth * patchSize, map.GridHeight * patchSize)),
            ("mean", HeatMap(map.Mean())),
        ];
        for (int head = 0; head < map.HeadCount; head++)
            tiles.Add((string.Create(System.Globalization.CultureInfo.InvariantCulture, $"head {head}"), HeatMap(map.Head(head))));
        return Arrange(tiles);
    }

    /// <summary>Tiles side by side and row by row: 2 rows of 4 for the 8 tiles of 6 heads.</summary>
    internal static (int Columns, int Rows) Grid(int tiles)
    {
        int rows = Math.Max(1, (int)Math.Round(Math.Sqrt(tiles / 2.0)));
        return ((tiles + rows - 1) / rows, rows);
    }

    private static RgbImage Arrange(List<(string Label, RgbImage Tile)> tiles)
    {
        (int columns, int rows) = Grid(tiles.Count);
        int width = tiles[0].Tile.Width;
        int height = tiles[0].Tile.Height;
        // Over tiny tiles labels need more room than these.
        int columnWidth = Math.Max(width, tiles.Max(tile => (int)MathF.Ceiling(Lettering.Width(tile.Label, TextSize))));
        int sheetWidth = Gap + columns * (columnWidth + Gap);
        int sheetHeight = Gap + rows * (LabelHeight + height + Gap);
        var sheet = new RgbImage(sheetWidth, sheetHeight, new byte[3 * sheetWidth * sheetHeight]);
        sheet.Pixels.AsSpan().Fill(255);
        for (int i = 0; i < tiles.Count; i++)
        {
            int left = Gap + i % columns * (columnWidth + Gap);
            int top = Gap + i / columns * (LabelHeight + height + Gap);
            Lettering.Draw(sheet, tiles[i].Label, left, top + Baseline, TextSize);
            for (int y = 0; y < height; y++)
            {
                Span<byte> to = sheet.Pixels.AsSpan(3 * ((top + LabelHeight + y) * sheetWidth + left));
                tiles[i].Tile.Pixels.AsSpan(3 * y * width, 3 * width).CopyTo(to);
            }
        }

        return sheet;
    }
}
