using SkiaSharp;

namespace Dino.Gpu.Data.Imaging;

/// <summary>
/// JPEG files of 500x375, the usual size of ImageNet's, made on the spot in a temporary folder that goes with this
/// object.
/// </summary>
internal sealed class GeneratedPictures : IDisposable
{
    private const int Width = 500;
    private const int Height = 375;
    private const int Quality = 90;

    private readonly string _folder = Directory.CreateTempSubdirectory("dino-bench-").FullName;

    public GeneratedPictures(int count)
    {
        for (int i = 0; i < count; i++)
        {
            string path = Path.Combine(_folder, $"{i:D4}.jpg");
            File.WriteAllBytes(path, Picture(i));
            Paths.Add(path);
        }
    }

    public List<string> Paths { get; } = [];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>Smooth waves with some grain, about as hard to decode as a photograph.</summary>
    /// <param name="seed">Another one is another picture.</param>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    public static byte[] Picture(int seed, int width = Width, int height = Height)
    {
        var random = new Random(seed);
        using var bitmap = new SKBitmap(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        Span<byte> pixels = bitmap.GetPixelSpan();
        double fx = random.NextDouble() / 30 + 0.01;
        double fy = random.NextDouble() / 30 + 0.01;
        for (int y = 0, i = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++, i += 4)
            {
                for (int channel = 0; channel < 3; channel++)
                    pixels[i + channel] = (byte)(127 + 80 * Math.Sin(fx * x + channel) * Math.Cos(fy * y + seed) + random.Next(-16, 17));
                pixels[i + 3] = 255;
            }
        }

        using SKData data = bitmap.Encode(SKEncodedImageFormat.Jpeg, Quality);
        return data.ToArray();
    }
}
