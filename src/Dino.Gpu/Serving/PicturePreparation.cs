using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Serving;

/// <summary>Makes the model's inputs of the pictures of one call.</summary>
internal static class PicturePreparation
{
    /// <summary>Prepares the pictures of one batch on several threads. A failure says which picture it is of.</summary>
    /// <param name="sources">What pictures are made of.</param>
    /// <param name="prepare">Makes one.</param>
    /// <param name="first">The place of the batch's first picture among those of the call.</param>
    /// <param name="name">What the caller calls <paramref name="sources"/>.</param>
    public static RgbImage[] All<T>(
        IReadOnlyList<T> sources,
        Func<T, RgbImage> prepare,
        int first = 0,
        [CallerArgumentExpression(nameof(sources))] string? name = null)
    {
        ArgumentNullException.ThrowIfNull(sources, name);
        var images = new RgbImage[sources.Count];
        try
        {
            Parallel.For(0, images.Length, i =>
            {
                try
                {
                    images[i] = prepare(sources[i]);
                }
                catch (DinoException failure)
                {
                    throw failure.At(first + i);
                }
            });
        }
        catch (AggregateException failure)
        {
            ThrowFirst(failure);
        }

        return images;
    }

    /// <summary>
    /// Throws what one picture alone would throw. Several may have failed before the loop noticed: then the first of
    /// them.
    /// </summary>
    [DoesNotReturn]
    public static void ThrowFirst(AggregateException failures) =>
        ExceptionDispatchInfo.Throw(failures.InnerExceptions.OrderBy(failure => (failure as DinoException)?.Index ?? -1).First());

    /// <summary>A gray picture, for the first pass.</summary>
    public static RgbImage Gray(int width, int height)
    {
        byte[] pixels = new byte[3 * width * height];
        pixels.AsSpan().Fill(128);
        return new RgbImage(width, height, pixels);
    }
}
