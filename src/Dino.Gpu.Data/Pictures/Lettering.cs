using System.Text;
using Dino.Gpu.Imaging;
using SkiaSharp;

namespace Dino.Gpu.Data.Pictures;

/// <summary>
/// Writes labels into pictures, with a font that is part of this assembly (Roboto, see <c>Font/README.md</c>). Letters
/// are drawn as filled outlines in the font's own units, so that neither the fonts nor the text settings of a machine
/// change a pixel. Thread-safe.
/// </summary>
internal static class Lettering
{
    /// <summary>Height of a capital letter, as a share of the text's size.</summary>
    public const float CapHeight = 1456f / UnitsPerEm;

    /// <summary>
    /// How far letters such as g, and marks below letters, reach under the line, as a share of the text's size.
    /// </summary>
    public const float Descent = 0.25f;

    /// <summary>The units in which the font's outlines are drawn.</summary>
    private const int UnitsPerEm = 2048;

    private static readonly Lock Gate = new();
    private static readonly Dictionary<int, Glyph> Glyphs = [];
    private static SKFont? _font;

    /// <summary>Width of a text in pixels.</summary>
    /// <param name="text">One line. A letter that the font does not have is drawn as a box.</param>
    /// <param name="size">Pixels of an em.</param>
    public static float Width(string text, float size)
    {
        lock (Gate)
            return text.EnumerateRunes().Sum(rune => Of(rune).Advance) * (size / UnitsPerEm);
    }

    /// <summary>
    /// The text, or as much of its beginning and its end as fits: class names often differ only in their last letters.
    /// </summary>
    public static string Shorten(string text, float size, float width)
    {
        if (Width(text, size) <= width)
            return text;
        Rune[] runes = [.. text.EnumerateRunes()];
        string shortened;
        int kept = runes.Length;
        do
        {
            kept--;
            shortened = $"{string.Concat(runes[..((kept + 1) / 2)]).TrimEnd()}…{string.Concat(runes[^(kept / 2)..]).TrimStart()}";
        }
        while (kept > 1 && Width(shortened, size) > width);
        return shortened;
    }

    /// <summary>Writes from left to right.</summary>
    /// <param name="image">Written on; what does not fit is left out.</param>
    /// <param name="text">One line.</param>
    /// <param name="left">Column of the first letter.</param>
    /// <param name="baseline">Row on which the letters stand.</param>
    /// <param name="size">Pixels of an em.</param>
    /// <param name="gray">Brightness of the letters.</param>
    public static void Draw(RgbImage image, string text, float left, float baseline, float size, byte gray = 48) =>
        Draw(image, text, left, baseline, size, gray, upwards: false);

    /// <summary>Writes upwards, as for the labels of narrow columns.</summary>
    /// <param name="image">Written on; what does not fit is left out.</param>
    /// <param name="text">One line.</param>
    /// <param name="baseline">Column on which the letters stand. They are to its left.</param>
    /// <param name="bottom">Row of the first letter.</param>
    /// <param name="size">Pixels of an em.</param>
    public static void DrawUpwards(RgbImage image, string text, float baseline, float bottom, float size) =>
        Draw(image, text, baseline, bottom, size, gray: 48, upwards: true);

    private static void Draw(RgbImage image, string text, float x, float y, float size, byte gray, bool upwards)
    {
        // The rectangle around the letters, with a pixel to spare on each side.
        float length = Width(text, size);
        (float left, float top, float right, float bottom) = upwards
            ? (x - size, y - length, x + size * Descent, y)
            : (x, y - size, x + length, y + size * Descent);
        int firstColumn = Math.Max(0, (int)MathF.Floor(left) - 1);
        int firstRow = Math.Max(0, (int)MathF.Floor(top) - 1);
        int width = Math.Min(image.Width, (int)MathF.Ceiling(right) + 1) - firstColumn;
        int height = Math.Min(image.Height, (int)MathF.Ceiling(bottom) + 1) - firstRow;
        if (width <= 0 || height <= 0)
            return;

        using var coverage = new SKBitmap(new SKImageInfo(width, height, SKColorType.Alpha8, SKAlphaType.Premul));
        coverage.Erase(SKColors.Transparent);
        using (var canvas = new SKCanvas(coverage))
        using (var paint = new SKPaint { IsAntialias = true, Color = SKColors.Black })
        {
            canvas.Translate(x - firstColumn, y - firstRow);
            if (upwards)
                canvas.RotateDegrees(-90);
            canvas.Scale(size / UnitsPerEm);
            lock (Gate)
            {
                foreach (Rune rune in text.EnumerateRunes())
                {
                    Glyph glyph = Of(rune);
                    if (glyph.Outline is not null)
                        canvas.DrawPath(glyph.Outline, paint);
                    canvas.Translate(glyph.Advance, 0);
                }
            }
        }

        ReadOnlySpan<byte> alpha = coverage.GetPixelSpan();
        for (int row = 0; row < height; row++)
        {
            Span<byte> pixels = image.Pixels.AsSpan(3 * ((firstRow + row) * image.Width + firstColumn), 3 * width);
            for (int i = 0; i < pixels.Length; i++)
            {
                int share = alpha[row * coverage.RowBytes + i / 3];
                pixels[i] = (byte)((pixels[i] * (255 - share) + gray * share + 127) / 255);
            }
        }
    }

    private static Glyph Of(Rune rune)
    {
        if (Glyphs.TryGetValue(rune.Value, out Glyph known))
            return known;
        _font ??= Load();
        ushort glyph = _font.GetGlyphs([rune.Value])[0]; // 0, a box, for letters that the font lacks
        return Glyphs[rune.Value] = new Glyph(_font.GetGlyphPath(glyph), _font.GetGlyphWidths([glyph])[0]);
    }

    private static SKFont Load()
    {
        using Stream file = typeof(Lettering).Assembly.GetManifestResourceStream("Roboto-Regular.subset.ttf")!;
        using SKData data = SKData.Create(file);
        return new SKFont(SKTypeface.FromData(data), UnitsPerEm) { Hinting = SKFontHinting.None, Subpixel = true, LinearMetrics = true };
    }

    /// <param name="Outline">In the font's units, on the line at 0; null for a space.</param>
    /// <param name="Advance">To the next letter, in the font's units.</param>
    private readonly record struct Glyph(SKPath? Outline, float Advance);
}
