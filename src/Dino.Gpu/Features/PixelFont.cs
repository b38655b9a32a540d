using Dino.Gpu.Imaging;

namespace Dino.Gpu.Features;

/// <summary>The few letters that labels on a contact sheet need, 5x7 pixels each, so that no font has to be installed and the sheet is the same everywhere.</summary>
internal static class PixelFont
{
    public const int Height = 7;

    /// <summary>Five pixels and one between letters.</summary>
    public const int Advance = 6;

    private static readonly Dictionary<char, string> Glyphs = new()
    {
        ['0'] = ".###. #...# #...# #...# #...# #...# .###.",
        ['1'] = "..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###.",
        ['2'] = ".###. #...# ....# ...#. ..#.. .#... #####",
        ['3'] = ".###. #...# ....# ..##. ....# #...# .###.",
        ['4'] = "...#. ..##. .#.#. #..#. ##### ...#. ...#.",
        ['5'] = "##### #.... ####. ....# ....# #...# .###.",
        ['6'] = ".###. #.... #.... ####. #...# #...# .###.",
        ['7'] = "##### ....# ...#. ...#. ..#.. ..#.. ..#..",
        ['8'] = ".###. #...# #...# .###. #...# #...# .###.",
        ['9'] = ".###. #...# #...# .#### ....# ....# .###.",
        ['a'] = "..... ..... .###. ....# .#### #...# .####",
        ['c'] = "..... ..... .#### #.... #.... #.... .####",
        ['d'] = "....# ....# .#### #...# #...# #...# .####",
        ['e'] = "..... ..... .###. #...# ##### #.... .####",
        ['h'] = "#.... #.... ####. #...# #...# #...# #...#",
        ['i'] = "..#.. ..... .##.. ..#.. ..#.. ..#.. .###.",
        ['m'] = "..... ..... ####. #.#.# #.#.# #.#.# #.#.#",
        ['n'] = "..... ..... ####. #...# #...# #...# #...#",
        ['p'] = "..... ..... ####. #...# ####. #.... #....",
        ['r'] = "..... ..... #.### ##... #.... #.... #....",
        ['t'] = ".#... .#... ####. .#... .#... .#... ..###",
        ['u'] = "..... ..... #...# #...# #...# #...# .####",
        [' '] = "..... ..... ..... ..... ..... ..... .....",
    };

    /// <summary>Writes in dark gray.</summary>
    /// <param name="image">Written on; what does not fit is left out.</param>
    /// <param name="text">Of the letters above.</param>
    /// <param name="left">First column.</param>
    /// <param name="top">First row.</param>
    /// <param name="scale">Side of a font's pixel.</param>
    public static void Draw(RgbImage image, string text, int left, int top, int scale)
    {
        for (int letter = 0; letter < text.Length; letter++)
        {
            string glyph = Glyphs[text[letter]]; // rows of five and a space
            for (int y = 0; y < Height * scale; y++)
            {
                for (int x = 0; x < 5 * scale; x++)
                {
                    int column = left + letter * Advance * scale + x;
                    if (glyph[y / scale * 6 + x / scale] == '#' && column < image.Width && top + y < image.Height)
                        image.Pixels.AsSpan(3 * ((top + y) * image.Width + column), 3).Fill(48);
                }
            }
        }
    }
}
