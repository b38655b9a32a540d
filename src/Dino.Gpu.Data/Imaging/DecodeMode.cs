namespace Dino.Gpu.Data.Imaging;

/// <summary>How much of a picture is decoded.</summary>
internal enum DecodeMode
{
    /// <summary>Every pixel.</summary>
    Exact,

    /// <summary>Of large JPEGs only as many as the model needs (<see cref="SkiaImageDecoder.Fast"/>).</summary>
    Fast,
}
