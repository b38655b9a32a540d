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
    /// <exception cref="DinoException">Another name, or <c>skia</c> without its native library.</exception>
    public static IImageDecoder Create(string name, long maxPixels = ImageHeader.MaxPixels) => name switch
    {
        "stb" => new StbImageDecoder { MaxPixels = maxPixels },
        "auto" => SkiaFailure() is null ? new SkiaImageDecoder { MaxPixels = maxPixels } : new StbImageDecoder { MaxPixels = maxPixels },
        "skia" => SkiaFailure() is not { } failure
            ? new SkiaImageDecoder { MaxPixels = maxPixels }
            : throw new DinoException(
                $"the skia decoder cannot be used: its native library does not load ({FirstLine(failure)})", "use --decoder stb", failure),
        _ => throw new DinoException($"unknown decoder: expected {string.Join(", ", Names)}, found '{name}'"),
    };

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
