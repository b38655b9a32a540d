namespace Dino.Gpu.Imaging;

/// <summary>Kinds of image file that are recognized.</summary>
internal enum ImageFormat
{
    /// <summary>JPEG, baseline or progressive.</summary>
    Jpeg,

    /// <summary>PNG, on its own or inside an icon.</summary>
    Png,

    /// <summary>WebP, lossy or lossless.</summary>
    WebP,

    /// <summary>Bitmap of Windows or OS/2.</summary>
    Bmp,

    /// <summary>GIF, of which the first frame counts.</summary>
    Gif,

    /// <summary>TIFF, of which the first page counts.</summary>
    Tiff,

    /// <summary>Windows icon, of which the largest picture counts.</summary>
    Ico,
}
