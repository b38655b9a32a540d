using Dino.Gpu.Imaging;
using SkiaSharp;

namespace Dino.Gpu.Data.Imaging;

/// <summary>The decoders that <c>--decoder</c> chooses from.</summary>
internal static class ImageDecoders
{
    /// <summary>The values of <c>--decoder</c>.</summary>
    public static IReadOnlyList<string> Names { get; } = ["auto", "skia", "stb"];

    /// <summary>
    /// The decoder of that name; <c>auto</c> is skia where its native library can be loaded, else stb.
    /// </summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="maxPixels">Most pixels that a picture may have.</param>
    /// <param name="mode">Whether JPEGs may be decoded smaller, which only skia does.</param>
    /// <exception cref="DinoException">
    /// Another name, <c>skia</c> without its native library, or a fast decoder that is not skia.
    /// </exception>
    public static IImageDecoder Create(string name, long maxPixels = ImageHeader.MaxPixels, DecodeMode mode = DecodeMode.Exact)
    {
        bool fast = mode == DecodeMode.Fast;
        if (!Names.Contains(name))
            throw new DinoException($"unknown decoder: expected {string.Join(", ", Names)}, found '{name}'");
        Exception? failure = name == "stb" ? null : SkiaFailure();
        if (failure is not null && (name == "skia" || fast))
        {
            throw new DinoException(
                $"the skia decoder cannot be used: its native library does not load ({FirstLine(failure)})",
                fast ? "use --decode exact" : "use --decoder stb",
                failure);
        }

        if (name != "stb" && failure is null)
            return new SkiaImageDecoder { MaxPixels = maxPixels, Fast = fast };
        return fast
            ? throw new DinoException("the stb decoder has no --decode fast", "use --decoder skia")
            : new StbImageDecoder { MaxPixels = maxPixels };
    }

    /// <summary>Calls into the native library once; the exception where that is not possible.</summary>
    public static Exception? SkiaFailure()
    {
        try
        {
            using var data = SKData.CreateCopy([0]);
            return null;
        }
        catch (Exception failure) when (failure
            is DllNotFoundException or EntryPointNotFoundException or BadImageFormatException
            or TypeInitializationException or InvalidOperationException)
        {
            return failure;
        }
    }

    /// <summary>The cause of such a failure, for a message.</summary>
    public static string FirstLine(Exception failure) => (failure.InnerException ?? failure).Message.Split('\n')[0].Trim();
}
