using System.Globalization;
using Dino.Gpu.Classification;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Pictures;

/// <summary>
/// Draws a confusion matrix: a row a true class, a column a predicted one, the color of a cell the share of its row. Up to <see cref="NamedClasses"/> classes
/// have their names and counts; more become a plain heat map, in which above <see cref="MaxCells"/> classes several share a cell.
/// </summary>
public static class ConfusionPicture
{
    /// <summary>Classes up to which the picture has names and counts.</summary>
    public const int NamedClasses = 30;

    /// <summary>Cells of a side of a heat map.</summary>
    public const int MaxCells = 1500;

    /// <summary>Letters of a name that are written.</summary>
    private const int NameLength = 24;

    /// <summary>Side of a cell that has a count.</summary>
    private const int NamedCell = 32;

    /// <summary>Least side of the whole heat map, where its cells can be enlarged.</summary>
    private const int HeatMapSide = 800;

    private const int Gap = 12;
    private const int TextScale = 2;
    private const int LineHeight = (PixelFont.Height + 3) * TextScale;

    /// <summary>Side of the bar that explains the colors.</summary>
    private const int BarWidth = 16;

    private const byte LineGray = 225;

    /// <summary>The matrix with its accuracy, names and a bar of the colors.</summary>
    /// <param name="matrix">What to draw.</param>
    /// <param name="colors">From a share of 0 to 1.</param>
    public static RgbImage Draw(ConfusionMatrix matrix, ColorMap colors)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        ArgumentNullException.ThrowIfNull(colors);
        int classes = matrix.ClassNames.Count;
        bool named = classes <= NamedClasses;
        int perCell = (classes + MaxCells - 1) / MaxCells;
        int cells = (classes + perCell - 1) / perCell;
        int cell = named ? NamedCell : Math.Max(1, HeatMapSide / cells);
        int side = cells * cell;

        string[] names = named ? [.. matrix.ClassNames.Select(Shorten)] : [];
        int nameWidth = names.Select(name => PixelFont.Width(name, TextScale) + Gap).DefaultIfEmpty(0).Max();
        string title = string.Create(
            CultureInfo.InvariantCulture, $"top-1 {100 * matrix.Top1:F1} %, top-5 {100 * matrix.Top5:F1} %, {matrix.Count} images, {classes} classes");
        string axes = "rows: true, columns: predicted, color: share of the row";
        int left = Gap + nameWidth;
        int top = Gap + 2 * LineHeight + nameWidth + Gap / 2;
        int right = left + side + Gap + BarWidth + Gap + PixelFont.Width("100 %", TextScale);
        int textScale = right < Gap + PixelFont.Width(axes, TextScale) ? 1 : TextScale;
        int width = Math.Max(right, Gap + PixelFont.Width(axes, textScale)) + Gap;
        var image = new RgbImage(width, top + Math.Max(side, 100) + Gap, new byte[3 * width * (top + Math.Max(side, 100) + Gap)]);
        image.Pixels.AsSpan().Fill(255);

        PixelFont.Draw(image, title, Gap, Gap, textScale);
        PixelFont.Draw(image, axes, Gap, Gap + LineHeight, textScale, gray: 128);
        for (int i = 0; i < names.Length; i++)
        {
            int middle = i * cell + (cell - PixelFont.Height * TextScale) / 2;
            PixelFont.Draw(image, names[i], left - Gap / 2 - PixelFont.Width(names[i], TextScale), top + middle, TextScale);
            PixelFont.DrawUpwards(image, names[i], left + middle, top - Gap / 2, TextScale);
        }

        DrawCells(image, matrix, colors, left, top, cells, cell, perCell, named);
        DrawBar(image, colors, left + side + Gap, top, Math.Max(side, 100));
        return image;
    }

    private static void DrawCells(RgbImage image, ConfusionMatrix matrix, ColorMap colors, int left, int top, int cells, int cell, int perCell, bool named)
    {
        var counts = new Dictionary<(int Row, int Column), int>();
        long[] totals = new long[cells];
        foreach ((int truth, int predicted, int count) in matrix.Cells)
        {
            (int, int) place = (truth / perCell, predicted / perCell);
            counts[place] = counts.GetValueOrDefault(place) + count;
            totals[truth / perCell] += count;
        }

        int border = named ? 1 : 0; // white between cells
        for (int row = 0; row < cells; row++)
        {
            for (int column = 0; column < cells; column++)
            {
                int count = counts.GetValueOrDefault((row, column));
                float share = totals[row] == 0 ? 0 : (float)((double)count / totals[row]);
                (byte Red, byte Green, byte Blue) color = totals[row] == 0 ? (LineGray, LineGray, LineGray) : colors[share]; // a class that no image is of
                int x = left + column * cell, y = top + row * cell;
                Fill(image, x, y, cell - border, cell - border, color);
                if (named && count > 0)
                {
                    string text = Short(count);
                    bool dark = 0.299 * color.Red + 0.587 * color.Green + 0.114 * color.Blue < 128; // ITU-R BT.601 luma
                    PixelFont.Draw(image, text, x + (cell - PixelFont.Width(text, 1)) / 2, y + (cell - PixelFont.Height) / 2, 1, dark ? (byte)255 : (byte)0);
                }
            }
        }
    }

    /// <summary>1 above, 0 below.</summary>
    private static void DrawBar(RgbImage image, ColorMap colors, int left, int top, int height)
    {
        for (int y = 0; y < height; y++)
            Fill(image, left, top + y, BarWidth, 1, colors[1 - (y + 0.5f) / height]);
        PixelFont.Draw(image, "100 %", left + BarWidth + Gap / 2, top, TextScale);
        PixelFont.Draw(image, "0", left + BarWidth + Gap / 2, top + height - PixelFont.Height * TextScale, TextScale);
    }

    private static void Fill(RgbImage image, int left, int top, int width, int height, (byte Red, byte Green, byte Blue) color)
    {
        for (int y = top; y < top + height; y++)
        {
            for (int x = left; x < left + width; x++)
            {
                Span<byte> pixel = image.Pixels.AsSpan(3 * (y * image.Width + x), 3);
                (pixel[0], pixel[1], pixel[2]) = color;
            }
        }
    }

    private static string Shorten(string name) => name.Length <= NameLength ? name : name[..(NameLength - 2)] + "..";

    /// <summary>Up to four letters: 1234, 12k, 3M.</summary>
    private static string Short(int count) => string.Create(
        CultureInfo.InvariantCulture, $"{(count < 10_000 ? count : count < 1_000_000 ? count / 1000 : count / 1_000_000)}{(count < 10_000 ? "" : count < 1_000_000 ? "k" : "M")}");
}
