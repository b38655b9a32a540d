namespace Dino.Gpu.Imaging;

/// <summary>
/// Where the pixels of a simple format lie, and how to read them: these formats need no decoder from outside.
/// </summary>
internal interface IPixelReader
{
    /// <summary>Reads the pixels as Pillow's <c>convert("RGB")</c> gives them.</summary>
    /// <param name="file">All bytes of the file whose header this is.</param>
    /// <exception cref="DinoException">The data are damaged or end too early.</exception>
    RgbImage Read(ReadOnlySpan<byte> file);
}
