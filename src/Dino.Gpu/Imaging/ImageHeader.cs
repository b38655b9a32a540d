namespace Dino.Gpu.Imaging;

/// <summary>
/// What an image file says about itself, read without decoding a pixel. Decoders start here: what is no image, what
/// claims an absurd size and what is cut short is refused before anything is allocated, so that every decoder refuses
/// the same files with the same words.
/// </summary>
/// <param name="Format">The kind of file, told from its content and not from its name.</param>
/// <param name="Width">Width in pixels as stored, before any rotation.</param>
/// <param name="Height">Height in pixels as stored, before any rotation.</param>
/// <param name="Orientation">The orientation by EXIF or XMP, 1 (upright) to 8; 1 when the file has none.</param>
internal sealed record ImageHeader(ImageFormat Format, int Width, int Height, int Orientation)
{
    /// <summary>
    /// Most pixels a picture may have: 178 956 970, where Pillow raises its <c>DecompressionBombError</c> too.
    /// </summary>
    public const long MaxPixels = 2 * 89_478_485L;

    /// <summary>
    /// The most that <see cref="MaxPixels"/> can be raised to, 536 870 897: decoders hold four bytes a pixel in one
    /// array.
    /// </summary>
    public const long LargestMaxPixels = 0x7FFFFFC7 / 4; // Array.MaxLength

    private const string Expected = "expected JPEG, PNG, WebP, BMP, GIF, TIFF or ICO";

    /// <summary>Reads the pixels of formats that need no decoder from outside; null for the others.</summary>
    public IPixelReader? Pixels { get; init; }

    /// <summary>
    /// Where the picture lies in the file: all of it, a part of an icon, or what is whole of a file that lacks its end.
    /// </summary>
    public Range Content { get; init; } = Range.All;

    /// <summary>The file ends before its last marker or chunk. All of its rows may be there nevertheless.</summary>
    public bool LacksEnd { get; init; }

    /// <summary>A JPEG without Huffman tables, as in Motion JPEG, which takes those of the standard.</summary>
    public bool LacksTables { get; init; }

    /// <summary>The format's name as people write it, for messages.</summary>
    public string FormatName => NameOf(Format);

    /// <summary>
    /// Recognizes a whole image file, reads its size and orientation (EXIF, or XMP where EXIF has none), and walks its
    /// structure to the end.
    /// </summary>
    /// <param name="file">All bytes of the file.</param>
    /// <param name="maxPixels">Most pixels that the picture, or any frame of it, may have.</param>
    /// <exception cref="DinoException">
    /// Not an image, truncated, damaged, without pixels, or with more than <paramref name="maxPixels"/>.
    /// </exception>
    public static ImageHeader Read(ReadOnlySpan<byte> file, long maxPixels = MaxPixels)
    {
        return FormatOf(file) switch
        {
            ImageFormat.Jpeg => JpegStructure.Read(file, maxPixels),
            ImageFormat.Png => PngStructure.Read(file, maxPixels),
            ImageFormat.WebP => WebPStructure.Read(file, maxPixels),
            ImageFormat.Bmp => BmpStructure.Read(file, maxPixels),
            ImageFormat.Gif => GifStructure.Read(file, maxPixels),
            ImageFormat.Tiff => TiffStructure.Read(file, maxPixels),
            ImageFormat.Ico => IcoStructure.Read(file, maxPixels),
            _ => throw ImageException.NotAnImage(
                $"not an image: {Expected}, found {(file.IsEmpty ? "an empty file" : ForeignFormats.Describe(file))}"),
        };
    }

    /// <summary>The kind of picture that a file begins as; null for any other file.</summary>
    /// <param name="file">The first bytes of the file, or all of them.</param>
    public static ImageFormat? FormatOf(ReadOnlySpan<byte> file)
    {
        if (file.StartsWith(JpegStructure.Signature))
            return ImageFormat.Jpeg;
        if (file.StartsWith(PngStructure.Signature))
            return ImageFormat.Png;
        if (file.StartsWith("RIFF"u8) && file.Length >= 12 && file[8..].StartsWith("WEBP"u8))
            return ImageFormat.WebP;
        if (file.StartsWith("BM"u8))
            return ImageFormat.Bmp;
        if (file.StartsWith("GIF87a"u8) || file.StartsWith("GIF89a"u8))
            return ImageFormat.Gif;
        if (TiffStructure.IsTiff(file))
            return ImageFormat.Tiff;
        return IcoStructure.IsIcon(file) ? ImageFormat.Ico : null;
    }

    /// <summary>A format's name as people write it.</summary>
    public static string NameOf(ImageFormat format) => format == ImageFormat.WebP ? "WebP" : format.ToString().ToUpperInvariant();

    /// <summary>The picture's size once it is upright, or as it is stored.</summary>
    public (int Width, int Height) SizeAt(ExifOrientation orientation) =>
        orientation == ExifOrientation.Apply && Orientation >= 5 ? (Height, Width) : (Width, Height);

    /// <summary>
    /// Turns decoded pixels upright as <see cref="Orientation"/> says, like Pillow's <c>ImageOps.exif_transpose</c>.
    /// </summary>
    /// <param name="image">The pixels as stored.</param>
    /// <returns>
    /// The picture upright, with the sides exchanged for 5 to 8; <paramref name="image"/> itself for 1.
    /// </returns>
    public RgbImage Upright(RgbImage image) => Upright(image, Orientation);

    /// <summary>As <see cref="Upright(RgbImage)"/>, for any picture and orientation.</summary>
    public static RgbImage Upright(RgbImage image, int orientation)
    {
        ArgumentNullException.ThrowIfNull(image);
        int width = image.Width;
        int height = image.Height;
        // Where the upright picture's pixel (0, 0) is stored, and how far apart (in stored pixels) its neighbors to the
        // right and below are.
        (int first, int right, int down) = orientation switch
        {
            2 => (width - 1, -1, width),
            3 => (width * height - 1, -1, -width),
            4 => (width * (height - 1), 1, -width),
            5 => (0, width, 1),
            6 => (width * (height - 1), -width, 1),
            7 => (width * height - 1, -width, -1),
            8 => (width - 1, width, -1),
            _ => (0, 1, width),
        };
        if (right == 1 && down == width)
            return image;

        (int uprightWidth, int uprightHeight) = orientation >= 5 ? (height, width) : (width, height);
        byte[] stored = image.Pixels;
        byte[] upright = GC.AllocateUninitializedArray<byte>(stored.Length);
        int at = 0;
        for (int y = 0; y < uprightHeight; y++)
        {
            int from = (first + y * down) * 3;
            for (int x = 0; x < uprightWidth; x++, at += 3, from += 3 * right)
            {
                upright[at] = stored[from];
                upright[at + 1] = stored[from + 1];
                upright[at + 2] = stored[from + 2];
            }
        }

        return new RgbImage(uprightWidth, uprightHeight, upright);
    }

    /// <summary>Refuses a size before anything of that size is allocated.</summary>
    internal static void CheckSize(string format, long width, long height, long maxPixels)
    {
        if (width <= 0 || height <= 0)
            throw ImageException.Damaged($"{format} without pixels: its header says {width}x{height}");
        if (width > maxPixels / height)
            throw ImageException.TooLarge($"{format} too large: its header says {width}x{height}, the limit is {maxPixels} pixels");
    }

    internal static ImageException Truncated(string format, int length, string missing) =>
        ImageException.Truncated($"truncated {format}: the file ends after {length} bytes, {missing}");
}
