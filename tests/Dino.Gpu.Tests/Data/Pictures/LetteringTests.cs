using Dino.Gpu.Data.Pictures;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Tests.Data.Pictures;

public sealed class LetteringTests
{
    private const float Size = 15;

    /// <summary>
    /// Widths come from the embedded font, not from one that is installed: 1086 and 1150 units of 2048 are Roboto's n
    /// and digits.
    /// </summary>
    [Fact]
    public void Widths_are_those_of_the_embedded_font()
    {
        Assert.Equal(2048 * 1150 / 2048f, Lettering.Width("0", 2048), 1f);
        Assert.Equal(Lettering.Width("0", Size) * 4, Lettering.Width("0123", Size), 1e-3f);
        Assert.True(Lettering.Width("iii", Size) < Lettering.Width("mmm", Size));
        Assert.Equal(0, Lettering.Width("", Size));
    }

    [Fact]
    public void Letters_stay_within_their_room()
    {
        RgbImage image = White(120, 40);
        Lettering.Draw(image, "Agjpqy Ëñ Ω Ж", 10, 20, Size);
        (int left, int top, int right, int bottom) = Ink(image);
        Assert.InRange(left, 9, 12);
        Assert.InRange(right, 80, 10 + (int)Lettering.Width("Agjpqy Ëñ Ω Ж", Size) + 1);
        Assert.InRange(top, 20 - (int)Size, 20 - (int)(Size * Lettering.CapHeight) + 1);
        Assert.InRange(bottom, 21, 20 + (int)MathF.Ceiling(Size * Lettering.Descent));
    }

    [Fact]
    public void Upward_text_is_the_same_text_turned()
    {
        RgbImage across = White(80, 30);
        RgbImage up = White(30, 80);
        Lettering.Draw(across, "turned 7", 5, 20, Size);
        Lettering.DrawUpwards(up, "turned 7", 20, 75, Size);
        int most = 0;
        double sum = 0;
        for (int y = 0; y < 30; y++)
        {
            for (int x = 0; x < 80; x++)
            {
                int difference = Math.Abs(across.Pixels[3 * (y * 80 + x)] - up.Pixels[3 * ((79 - x) * 30 + y)]);
                most = Math.Max(most, difference);
                sum += difference;
            }
        }

        Assert.InRange(most, 0, 207 / 4); // Skia takes the coverage of a pixel from four lines across it
        Assert.InRange(sum / (80 * 30), 0, 2);
    }

    [Fact]
    public void Text_beyond_the_picture_is_cut()
    {
        RgbImage image = White(20, 10);
        Lettering.Draw(image, "much too long for this", -5, 8, Size);
        Lettering.DrawUpwards(image, "above", 3, 4, Size);
        Lettering.Draw(image, "nowhere", 100, 100, Size);
        Lettering.Draw(image, "nowhere", -200, -50, Size);
        Assert.NotEqual(White(20, 10).Pixels, image.Pixels);
    }

    [Theory]
    [InlineData("cat", 100, "cat")]
    [InlineData("a class with a long name 12", 100, "…")]
    [InlineData("犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬犬", 40, "…")]
    [InlineData("abc", 1, "…")]
    public void Long_names_keep_both_ends(string name, int width, string expected)
    {
        string shortened = Lettering.Shorten(name, Size, width);
        Assert.Contains(expected, shortened);
        if (name == shortened)
            return;
        Assert.StartsWith(name[..1], shortened);
        Assert.True(shortened.Length <= 2 || Lettering.Width(shortened, Size) <= width && shortened[^1] == name[^1]);
    }

    private static RgbImage White(int width, int height)
    {
        byte[] pixels = new byte[3 * width * height];
        Array.Fill(pixels, (byte)255);
        return new RgbImage(width, height, pixels);
    }

    /// <summary>First and last columns and rows that are not white.</summary>
    private static (int Left, int Top, int Right, int Bottom) Ink(RgbImage image)
    {
        int[] inked = [.. Enumerable.Range(0, image.Width * image.Height).Where(i => image.Pixels[3 * i] < 250)];
        return (inked.Min(i => i % image.Width), inked.Min() / image.Width, inked.Max(i => i % image.Width), inked.Max() / image.Width);
    }
}
