using Dino.Gpu.Imaging;
using Dino.Gpu.Model;

namespace Dino.Gpu.Benchmarks;

/// <summary>Pictures of ViT-S/16's input size, the same for the same count.</summary>
internal static class NoisePictures
{
    public static RgbImage[] Of(int count)
    {
        var random = new Random(count);
        int side = VitConfig.VitS16.TrainedImageSize;
        var images = new RgbImage[count];
        for (int i = 0; i < count; i++)
        {
            byte[] pixels = new byte[side * side * 3];
            random.NextBytes(pixels);
            images[i] = new RgbImage(side, side, pixels);
        }

        return images;
    }
}
