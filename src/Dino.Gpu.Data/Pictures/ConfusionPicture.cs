using System.Globalization;
using Dino.Gpu.Classification;
using Dino.Gpu.Files;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Pictures;

/// <summary>
/// Draws a confusion matrix. A row is a true class, a column a predicted one, and the color of a cell is its share of
/// the row. Up to 30 classes get names and counts. More become a plain heat map, and above 1500 classes several share a
/// cell.
/// </summary>
public static class ConfusionPicture
{
    /// <summary>Classes up to which the picture has names and counts.</summary>
    private const int NamedClasses = 30;

    /// <summary>Cells of a side of a heat map.</summary>
    private const int MaxCells = 1500;

    /// <summary>Pixels that the longest name may take; longer ones are cut.</summary>
    private const int NameWidth = 220;

    /// <summary>Side of a cell that has a count.</summary>
    private const int NamedCell = 32;

    /// <summary>Least side of the whole heat map, where its cells can be enlarged.</summary>
    private const int HeatMapSide = 800;

    private const int Gap = 12;
    private const float TextSize = 15;
    private const float CountSize = 12;
    private const int LineHeight = 20;

    /// <summary>
    /// Height of capitals and digits. The baseline of a text in a cell is half of it below the middle of the cell.
    /// </summary>
    private const float TextHeight = TextSize * Lettering.CapHeight;

    /// <summary>Side of the bar that explains the colors.</summary>
    private const int BarWidth = 16;

    /// <summary>Least height of that bar, for matrices of few classes.</summary>
    private const int LeastBar = 100;

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

        string[] names = named ? [.. matrix.ClassNames.Select(name => Lettering.Shorten(name, TextSize, NameWidth))] : [];
        int nameWidth = names.Select(name => Pixels(name) + Gap).DefaultIfEmpty(0).Max();
        string title = string.Create(
            CultureInfo.InvariantCulture,
            $"top-1 {100 * matrix.Top1:F1} %, top-5 {100 * matrix.Top5:F1} %, {Quantity.Of(matrix.Count, "image")}, "
                + $"{Quantity.Of(classes, "class", "classes")}");
        string axes = "rows: true, columns: predicted, color: share of the row";
        int left = Gap + nameWidth;
        int top = Gap + 2 * LineHeight + nameWidth + Gap / 2;
        int right = left + side + Gap + BarWidth + Gap / 2 + Pixels("100 %");
        int width = Math.Max(right, Gap + Math.Max(Pixels(title), Pixels(axes))) + Gap;
        int height = top + Math.Max(side, LeastBar) + Gap;
        var image = new RgbImage(width, height, new byte[3 * width * height]);
        image.Pixels.AsSpan().Fill(255);

        Lettering.Draw(image, title, Gap, Gap + TextHeight, TextSize);
        Lettering.Draw(image, axes, Gap, Gap + LineHeight + TextHeight, TextSize, gray: 112);
        for (int i = 0; i < names.Length; i++)
        {
            float line = i * cell + (cell + TextHeight) / 2;
            Lettering.Draw(image, names[i], left - Gap / 2 - Lettering.Width(names[i], TextSize), top + line, TextSize);
            Lettering.DrawUpwards(image, names[i], left + line, top - Gap / 2, TextSize);
        }

        DrawCells(image, matrix, colors, left, top, cells, cell, perCell, named);
        DrawBar(image, colors, left + side + Gap, top, Math.Max(side, LeastBar));
        return image;
    }

    private static void DrawCells(
        RgbImage image, ConfusionMatrix matrix, ColorMap colors, int left, int top, int cells, int cell, int perCell, bool named)
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
                // Gray: no image is of this class.
                (byte Red, byte Green, byte Blue) color = totals[row] == 0 ? (LineGray, LineGray, LineGray) : colors[share];
                int x = left + column * cell, y = top + row * cell;
                Fill(image, x, y, cell - border, cell - border, color);
                if (named && count > 0)
                {
                    string text = Short(count);
                    bool dark = 0.299 * color.Red + 0.587 * color.Green + 0.114 * color.Blue < 128; // ITU-R BT.601 luma
                    float middle = (cell - border) / 2f;
                    Lettering.Draw(
                        image,
                        text,
                        x + middle - Lettering.Width(text, CountSize) / 2,
                        y + middle + CountSize * Lettering.CapHeight / 2,
                        CountSize,
                        dark ? (byte)255 : (byte)0);
                }
            }
        }
    }

    /// <summary>1 above, 0 below.</summary>
    private static void DrawBar(RgbImage image, ColorMap colors, int left, int top, int height)
    {
        for (int y = 0; y < height; y++)
            Fill(image, left, top + y, BarWidth, 1, colors[1 - (y + 0.5f) / height]);
        Lettering.Draw(image, "100 %", left + BarWidth + Gap / 2, top + TextHeight, TextSize);
        Lettering.Draw(image, "0", left + BarWidth + Gap / 2, top + height, TextSize);
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

    private static int Pixels(string text) => (int)MathF.Ceiling(Lettering.Width(text, TextSize));

    /// <summary>Four characters at most: 1234, 12k, 3M.</summary>
    private static string Short(int count)
    {
        (int number, string unit) = count < 10_000 ? (count, "") : count < 1_000_000 ? (count / 1000, "k") : (count / 1_000_000, "M");
        return number.ToString(CultureInfo.InvariantCulture) + unit;
    }
}
