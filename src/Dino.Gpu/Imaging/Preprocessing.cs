namespace Dino.Gpu.Imaging;

/// <summary>How a picture becomes the model's input.</summary>
public enum PreprocessPreset
{
    /// <summary>
    /// Hugging Face's processor for this model: both sides squashed to the input size with Pillow's antialiased
    /// BILINEAR.
    /// </summary>
    HuggingFace,

    /// <summary>
    /// The original DINO evaluation: shorter side to 8/7 of the input (256 for 224) with BICUBIC, then a center crop.
    /// </summary>
    Dino,
}
