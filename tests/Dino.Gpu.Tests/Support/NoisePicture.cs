using Dino.Gpu.Imaging;

namespace Dino.Gpu.Tests.Support;

/// <summary>Pictures in which no two pixels have anything in common.</summary>
internal static class NoisePicture
{
    /// <summary>The same picture for the same seed.</summary>
    public static RgbImage Of(int width, int height, int seed)
    {
        byte[] pixels = new byte[3 * width * height];
        new Random(seed).NextBytes(pixels);
        return new RgbImage(width, height, pixels);
    }
}
