using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Embedding;

/// <summary>One image, ready for the model.</summary>
/// <param name="Pixels">What <see cref="DinoEncoderGroup.ForwardPrepared"/> takes.</param>
/// <param name="Width">Width of the picture in the file, upright.</param>
/// <param name="Height">Height of the picture in the file, upright.</param>
/// <param name="Sha256">SHA-256 of the file in hexadecimal, where it was asked for.</param>
/// <param name="Warning">What is wrong with the file although its pixels could be read, in one line; null for nothing.</param>
internal sealed record LoadedImage(RgbImage Pixels, int Width, int Height, string? Sha256 = null, string? Warning = null);
