using System.Diagnostics;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Embedding;

/// <summary>Images a second that one core decodes and resizes, beside what a GPU can take.</summary>
internal static class DecodeBenchmark
{
    /// <summary>Pictures of a size, so that one is not in the cache before it is decoded.</summary>
    private const int Pictures = 8;

    /// <summary>A picture of the web, and one of a camera.</summary>
    private static readonly (int Width, int Height)[] Sizes = [(640, 427), (1800, 1200)];

    /// <param name="preprocessor">What becomes of the pictures.</param>
    /// <param name="rounds">Rounds of each measurement; the median counts.</param>
    /// <param name="cancellation">Looked at between rounds.</param>
    public static IReadOnlyList<DecodeResult> Measure(Preprocessor preprocessor, int rounds, CancellationToken cancellation)
    {
        IImageDecoder[] decoders = ImageDecoders.SkiaFailure() is null
            ? [ImageDecoders.Create("skia"), ImageDecoders.Create("skia", mode: DecodeMode.Fast), ImageDecoders.Create("stb")]
            : [ImageDecoders.Create("stb")];
        var results = new List<DecodeResult>();
        foreach ((int width, int height) in Sizes)
        {
            byte[][] files = [.. Enumerable.Range(0, Pictures).Select(seed => GeneratedPictures.Picture(seed, width, height))];
            foreach (IImageDecoder decoder in decoders)
            {
                double seconds = Median(ImageDecoding.For(decoder, preprocessor), preprocessor, files, rounds, cancellation);
                results.Add(new DecodeResult($"{width}x{height}", decoder.Name, files.Length / seconds));
            }
        }

        return results;
    }

    /// <summary>Seconds of all files on one thread.</summary>
    private static double Median(
        IImageDecoder decoder, Preprocessor preprocessor, byte[][] files, int rounds, CancellationToken cancellation)
    {
        var times = new List<double>();
        for (int round = -1; round < rounds; round++)
        {
            cancellation.ThrowIfCancellationRequested();
            long start = Stopwatch.GetTimestamp();
            foreach (byte[] file in files)
                preprocessor.Apply(decoder.Decode(file, ExifOrientation.Apply));
            if (round >= 0) // the first is for the compiler
                times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        times.Sort();
        return times[times.Count / 2];
    }
}
