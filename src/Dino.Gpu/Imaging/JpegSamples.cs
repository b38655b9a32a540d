namespace Dino.Gpu.Imaging;

/// <summary>A JPEG's components at the size of the picture.</summary>
/// <param name="Width">Columns.</param>
/// <param name="Height">Rows.</param>
/// <param name="Count">Components, 1 to 4.</param>
/// <param name="Values">(height, width, count)</param>
internal sealed record JpegSamples(int Width, int Height, int Count, byte[] Values);
