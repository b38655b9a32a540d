namespace Dino.Gpu.Imaging;

/// <summary>A decoder that takes a header which its caller has read already.</summary>
internal interface IHeaderDecoder : IImageDecoder
{
    /// <summary>Most pixels that a picture may have by its header.</summary>
    long MaxPixels { get; }

    /// <summary>As <see cref="IImageDecoder.Decode"/>, without walking the file's structure again.</summary>
    /// <param name="file">The bytes of the file.</param>
    /// <param name="header">Its header.</param>
    /// <param name="orientation">Whether the orientation is applied.</param>
    RgbImage Decode(ReadOnlyMemory<byte> file, ImageHeader header, ExifOrientation orientation);
}

/// <summary>A decoder that can do with fewer pixels than a picture has, once it knows what becomes of them.</summary>
internal interface IScalingDecoder : IHeaderDecoder
{
    /// <summary>This decoder for one way of making pictures smaller.</summary>
    IImageDecoder For(Preprocessor preprocessor);
}

/// <summary>What all decoders do alike: simple formats, files that lack their end, and the orientation.</summary>
internal static class ImageDecoding
{
    private static readonly PixelBudget Room = PixelBudget.OfThisMachine();

    /// <summary>
    /// Decodes a file and does something to the picture, within the memory that this process has for pictures: a large
    /// one waits until others are done. Only for decoders of this project, which tell sizes in advance.
    /// </summary>
    /// <param name="file">The bytes of the file.</param>
    /// <param name="decoder">What decodes it.</param>
    /// <param name="orientation">Whether the orientation is applied.</param>
    /// <param name="then">What is done to the picture.</param>
    public static RgbImage Bounded(
        ReadOnlyMemory<byte> file, IImageDecoder decoder, ExifOrientation orientation, Func<RgbImage, RgbImage> then)
    {
        if (decoder is not IHeaderDecoder known)
            return then(decoder.Decode(file, orientation));
        var header = ImageHeader.Read(file.Span, known.MaxPixels);
        using IDisposable room = Room.Enter((long)header.Width * header.Height);
        return then(known.Decode(file, header, orientation));
    }

    /// <summary>The decoder to use for pictures that go through a preprocessor.</summary>
    public static IImageDecoder For(IImageDecoder decoder, Preprocessor preprocessor) =>
        decoder is IScalingDecoder scaling ? scaling.For(preprocessor) : decoder;

    /// <param name="file">The bytes of the file.</param>
    /// <param name="header">Its header.</param>
    /// <param name="orientation">Whether the orientation is applied.</param>
    /// <param name="decode">Decodes the pixels of a file that is complete, as they are stored.</param>
    public static RgbImage Decode(
        ReadOnlyMemory<byte> file,
        ImageHeader header,
        ExifOrientation orientation,
        Func<ReadOnlyMemory<byte>, ImageHeader, RgbImage> decode)
    {
        Arguments.ThrowIfUndefined(orientation);
        RgbImage image = header.Pixels is { } pixels ? pixels.Read(file.Span) : Complete(file[header.Content], header, decode);
        string? warning = header.LacksEnd ? $"{header.FormatName} without its end; all of its pixels are there" : null;
        if (orientation == ExifOrientation.Apply)
            image = header.Upright(image);
        image.Warning = warning;
        return image;
    }

    private static RgbImage Complete(
        ReadOnlyMemory<byte> file, ImageHeader header, Func<ReadOnlyMemory<byte>, ImageHeader, RgbImage> decode)
    {
        if (header.LacksTables)
            file = JpegRepair.AddTables(file.Span);
        if (!header.LacksEnd)
            return decode(file, header);
        return header.Format == ImageFormat.Jpeg
            ? JpegRepair.DecodeWithoutEnd(file.Span, whole => decode(whole, header))
            : decode((byte[])[.. file.Span, .. PngStructure.End], header);
    }
}
