namespace Dino.Gpu.Imaging;

/// <summary>How a picture becomes the model's input.</summary>
public enum PreprocessPreset
{
    /// <summary>
    /// Hugging Face's processor for this model: both sides are resized to the input size, without keeping the
    /// proportions, with Pillow's antialiased BILINEAR.
    /// </summary>
    HuggingFace,

    /// <summary>
    /// The original DINO evaluation: the shorter side is resized to 8/7 of the input (256 for 224) with BICUBIC, and
    /// the center is cropped.
    /// </summary>
    Dino,
}
