using Dino.Gpu.Data.Pictures;
using Dino.Gpu.Features;
using Dino.Gpu.Imaging;


namespace Dino.Gpu.Tests.Data.Pictures;

public sealed class AttentionPictureTests
{
    /// <summary>5x3 pixels; with patches of 2 the last column and row fill none.</summary>
    private static readonly RgbImage Picture = new(5, 3, [.. Enumerable.Range(0, 45).Select(i => (byte)(5 * i))]);

    [Fact]
    public void Heat_map_has_a_square_for_each_patch()
    {
        RgbImage drawn = AttentionPicture.HeatMap([0f, 1f], 1, 2, 2, ColorMap.Gray);
        Assert.Equal((4, 2), (drawn.Width, drawn.Height));
        Assert.Equal([0, 0, 255, 255, 0, 0, 255, 255], Red(drawn));
    }

    [Fact]
    public void Overlay_mixes_heat_map_and_picture()
    {
        RgbImage heatMap = AttentionPicture.HeatMap([0f, 1f], 1, 2, 2, ColorMap.Gray);
        RgbImage drawn = AttentionPicture.Overlay(Picture, heatMap, 0.4);
        Assert.Equal((4, 2), (drawn.Width, drawn.Height));
        // Picture's reds: 0 15 30 45 | 75 90 105 120; 0.6 of them and 0.4 of 0 or 255.
        Assert.Equal([0, 9, 120, 129, 45, 54, 165, 174], Red(drawn));
        Assert.Equal(AttentionPicture.Crop(Picture, 4, 2).Pixels, AttentionPicture.Overlay(Picture, heatMap, 0).Pixels);
        Assert.Equal(heatMap.Pixels, AttentionPicture.Overlay(Picture, heatMap, 1).Pixels);
    }

    [Fact]
    public void Masking_leaves_what_is_kept_as_it_is()
    {
        RgbImage drawn = AttentionPicture.Masked(Picture, [false, true], 1, 2, 2);
        // a quarter of the luma of (0, 5, 10), (15, 20, 25), (75, 80, 85) and (90, 95, 100)
        Assert.Equal([1, 4, 30, 45, 19, 23, 105, 120], Red(drawn));
        Assert.Equal(75, Picture.Pixels[15]); // the picture itself is not drawn on
    }

    [Fact]
    public void Crop_refuses_to_make_pixels_up() => Assert.Throws<ArgumentException>(() => AttentionPicture.Crop(Picture, 6, 3));

    [Theory]
    [InlineData(8, 4, 2)] // 6 heads
    [InlineData(5, 3, 2)] // 3 heads
    [InlineData(14, 5, 3)] // 12 heads
    [InlineData(1, 1, 1)]
    public void Sheet_is_about_twice_as_wide_as_high(int tiles, int columns, int rows) =>
        Assert.Equal((columns, rows), ContactSheet.Grid(tiles));

    [Fact]
    public void Sheet_has_every_tile_in_its_place()
    {
        // Three heads: the picture, the mean and three tiles in two rows of three; every tile is 4x2.
        var map = new AttentionMap([0, 1, 1, 0, 0, 1], headCount: 3, gridHeight: 1, gridWidth: 2);
        RgbImage sheet = ContactSheet.Draw(Picture, map, 2, ColorMap.Gray);
        Assert.Equal(0, (sheet.Width - ContactSheet.Gap) % 3);
        Assert.InRange(ColumnWidth(sheet), "picture".Length * 4, 80); // as wide as the widest label, not as a tile
        Assert.Equal(ContactSheet.Gap + 2 * (ContactSheet.LabelHeight + 2 + ContactSheet.Gap), sheet.Height);
        Assert.Equal(Red(AttentionPicture.Crop(Picture, 4, 2)), Red(Tile(sheet, 0, 0)));
        Assert.Equal([0, 0, 255, 255, 0, 0, 255, 255], Red(Tile(sheet, 1, 0))); // the mean: 1/3, 2/3
        Assert.Equal([0, 0, 255, 255, 0, 0, 255, 255], Red(Tile(sheet, 2, 0)));
        Assert.Equal([255, 255, 0, 0, 255, 255, 0, 0], Red(Tile(sheet, 0, 1)));
        Assert.Equal([0, 0, 255, 255, 0, 0, 255, 255], Red(Tile(sheet, 1, 1)));
        Assert.Equal(Enumerable.Repeat((byte)255, 8), Red(Tile(sheet, 2, 1))); // nothing there
    }

    private static RgbImage Tile(RgbImage sheet, int column, int row)
    {
        int left = ContactSheet.Gap + column * (ColumnWidth(sheet) + ContactSheet.Gap);
        int top = ContactSheet.Gap + row * (ContactSheet.LabelHeight + 2 + ContactSheet.Gap) + ContactSheet.LabelHeight;
        return new RgbImage(
            4, 2, [.. Enumerable.Range(0, 2).SelectMany(y => sheet.Pixels.AsSpan(3 * ((top + y) * sheet.Width + left), 12).ToArray())]);
    }

    private static int ColumnWidth(RgbImage sheet) => (sheet.Width - ContactSheet.Gap) / 3 - ContactSheet.Gap;

    private static byte[] Red(RgbImage image) => [.. image.Pixels.Where((_, i) => i % 3 == 0)];
}
