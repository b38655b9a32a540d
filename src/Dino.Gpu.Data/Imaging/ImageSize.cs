using System.Globalization;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Imaging;

/// <summary>A size as text: <c>224</c> or <c>320x240</c>, width first.</summary>
internal readonly record struct ImageSize(int Width, int Height)
{
    /// <summary>Reads <c>N</c> or <c>WxH</c>.</summary>
    public static bool TryParse(string text, out ImageSize size)
    {
        string[] sides = text.Split('x', 'X');
        size = default;
        if (sides.Length > 2
            || !int.TryParse(sides[0], NumberStyles.None, CultureInfo.InvariantCulture, out int width)
            || !int.TryParse(sides[^1], NumberStyles.None, CultureInfo.InvariantCulture, out int height)
            || width < 1 || height < 1 || (long)width * height > ImageHeader.MaxPixels)
            return false;
        size = new ImageSize(width, height);
        return true;
    }

    public override string ToString() => $"{Width}x{Height}";
}
