using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Pictures;

/// <summary>Letters for labels, 5x7 pixels each and two more below the line, so that no font has to be installed and a picture is the same everywhere.</summary>
internal static class PixelFont
{
    /// <summary>Down to the line; g, j, p, q and y go two pixels below it.</summary>
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
        ['b'] = "#.... #.... ####. #...# #...# #...# ####.",
        ['c'] = "..... ..... .#### #.... #.... #.... .####",
        ['d'] = "....# ....# .#### #...# #...# #...# .####",
        ['e'] = "..... ..... .###. #...# ##### #.... .####",
        ['f'] = "..##. .#..# .#... ###.. .#... .#... .#...",
        ['g'] = "..... ..... .#### #...# #...# #...# .#### ....# .###.",
        ['h'] = "#.... #.... ####. #...# #...# #...# #...#",
        ['i'] = "..#.. ..... .##.. ..#.. ..#.. ..#.. .###.",
        ['j'] = "...#. ..... ..##. ...#. ...#. ...#. ...#. #..#. .##..",
        ['k'] = "#.... #.... #..#. #.#.. ##... #.#.. #..#.",
        ['l'] = ".##.. ..#.. ..#.. ..#.. ..#.. ..#.. .###.",
        ['m'] = "..... ..... ####. #.#.# #.#.# #.#.# #.#.#",
        ['n'] = "..... ..... ####. #...# #...# #...# #...#",
        ['o'] = "..... ..... .###. #...# #...# #...# .###.",
        ['p'] = "..... ..... ####. #...# #...# #...# ####. #.... #....",
        ['q'] = "..... ..... .#### #...# #...# #...# .#### ....# ....#",
        ['r'] = "..... ..... #.### ##... #.... #.... #....",
        ['s'] = "..... ..... .#### #.... .###. ....# ####.",
        ['t'] = ".#... .#... ####. .#... .#... .#... ..###",
        ['u'] = "..... ..... #...# #...# #...# #...# .####",
        ['v'] = "..... ..... #...# #...# #...# .#.#. ..#..",
        ['w'] = "..... ..... #...# #...# #.#.# #.#.# .#.#.",
        ['x'] = "..... ..... #...# .#.#. ..#.. .#.#. #...#",
        ['y'] = "..... ..... #...# #...# #...# #...# .#### ....# .###.",
        ['z'] = "..... ..... ##### ...#. ..#.. .#... #####",
        ['A'] = ".###. #...# #...# ##### #...# #...# #...#",
        ['B'] = "####. #...# #...# ####. #...# #...# ####.",
        ['C'] = ".###. #...# #.... #.... #.... #...# .###.",
        ['D'] = "####. #...# #...# #...# #...# #...# ####.",
        ['E'] = "##### #.... #.... ####. #.... #.... #####",
        ['F'] = "##### #.... #.... ####. #.... #.... #....",
        ['G'] = ".###. #...# #.... #.### #...# #...# .####",
        ['H'] = "#...# #...# #...# ##### #...# #...# #...#",
        ['I'] = ".###. ..#.. ..#.. ..#.. ..#.. ..#.. .###.",
        ['J'] = "..### ...#. ...#. ...#. ...#. #..#. .##..",
        ['K'] = "#...# #..#. #.#.. ##... #.#.. #..#. #...#",
        ['L'] = "#.... #.... #.... #.... #.... #.... #####",
        ['M'] = "#...# ##.## #.#.# #.#.# #...# #...# #...#",
        ['N'] = "#...# ##..# ##..# #.#.# #..## #..## #...#",
        ['O'] = ".###. #...# #...# #...# #...# #...# .###.",
        ['P'] = "####. #...# #...# ####. #.... #.... #....",
        ['Q'] = ".###. #...# #...# #...# #.#.# #..#. .##.#",
        ['R'] = "####. #...# #...# ####. #.#.. #..#. #...#",
        ['S'] = ".#### #.... #.... .###. ....# ....# ####.",
        ['T'] = "##### ..#.. ..#.. ..#.. ..#.. ..#.. ..#..",
        ['U'] = "#...# #...# #...# #...# #...# #...# .###.",
        ['V'] = "#...# #...# #...# #...# #...# .#.#. ..#..",
        ['W'] = "#...# #...# #...# #.#.# #.#.# ##.## #...#",
        ['X'] = "#...# #...# .#.#. ..#.. .#.#. #...# #...#",
        ['Y'] = "#...# #...# .#.#. ..#.. ..#.. ..#.. ..#..",
        ['Z'] = "##### ....# ...#. ..#.. .#... #.... #####",
        [' '] = "..... ..... ..... ..... ..... ..... .....",
        ['%'] = "##..# ##..# ...#. ..#.. .#... #..## #..##",
        ['&'] = ".##.. #..#. #.#.. .#... #.#.# #..#. .##.#",
        ['\''] = "..#.. ..#.. .#... ..... ..... ..... .....",
        ['('] = "...#. ..#.. .#... .#... .#... ..#.. ...#.",
        [')'] = ".#... ..#.. ...#. ...#. ...#. ..#.. .#...",
        ['+'] = "..... ..#.. ..#.. ##### ..#.. ..#.. .....",
        [','] = "..... ..... ..... ..... .##.. ..#.. .#...",
        ['-'] = "..... ..... ..... .###. ..... ..... .....",
        ['.'] = "..... ..... ..... ..... ..... .##.. .##..",
        ['/'] = "....# ....# ...#. ..#.. .#... #.... #....",
        [':'] = "..... .##.. .##.. ..... .##.. .##.. .....",
        ['_'] = "..... ..... ..... ..... ..... ..... #####",
    };

    /// <summary>What stands for a letter that is not there.</summary>
    private const string Unknown = "##### #...# #...# #...# #...# #...# #####";

    /// <summary>Writes in dark gray, or in another gray.</summary>
    /// <param name="image">Written on; what does not fit is left out.</param>
    /// <param name="text">ASCII letters, digits and some signs; a box stands for any other.</param>
    /// <param name="left">First column.</param>
    /// <param name="top">First row.</param>
    /// <param name="scale">Side of a font's pixel.</param>
    /// <param name="gray">Brightness of the letters.</param>
    public static void Draw(RgbImage image, string text, int left, int top, int scale, byte gray = 48) =>
        Draw(text, scale, (x, y) => Set(image, left + x, top + y, gray));

    /// <summary>Writes from below to above, as one labels columns.</summary>
    /// <param name="image">Written on; what does not fit is left out.</param>
    /// <param name="text">As for <see cref="Draw(RgbImage, string, int, int, int, byte)"/>.</param>
    /// <param name="left">First column of the turned text.</param>
    /// <param name="bottom">The row below its first letter.</param>
    /// <param name="scale">Side of a font's pixel.</param>
    public static void DrawUpwards(RgbImage image, string text, int left, int bottom, int scale) =>
        Draw(text, scale, (x, y) => Set(image, left + y, bottom - 1 - x, 48));

    /// <summary>Columns of a text, without the gap after its last letter.</summary>
    public static int Width(string text, int scale) => Math.Max(0, text.Length * Advance - 1) * scale;

    private static void Draw(string text, int scale, Action<int, int> set)
    {
        for (int letter = 0; letter < text.Length; letter++)
        {
            string glyph = Glyphs.GetValueOrDefault(text[letter], Unknown); // rows of five and a space
            int rows = (glyph.Length + 1) / 6;
            for (int y = 0; y < rows * scale; y++)
            {
                for (int x = 0; x < 5 * scale; x++)
                {
                    if (glyph[y / scale * 6 + x / scale] == '#')
                        set(letter * Advance * scale + x, y);
                }
            }
        }
    }

    private static void Set(RgbImage image, int x, int y, byte gray)
    {
        if (x >= 0 && y >= 0 && x < image.Width && y < image.Height)
            image.Pixels.AsSpan(3 * (y * image.Width + x), 3).Fill(gray);
    }
}
