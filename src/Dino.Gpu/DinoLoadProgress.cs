namespace Dino.Gpu;

/// <summary>What loading an encoder is doing.</summary>
public enum DinoLoadStage
{
    /// <summary>It reads the checkpoint.</summary>
    Weights,

    /// <summary>It opens the devices and copies the weights to them.</summary>
    Device,
}

/// <summary>How far the loading of an encoder is.</summary>
/// <param name="Stage">What it is doing.</param>
/// <param name="BytesDone">Bytes of the weights that have been read, counted in float32.</param>
/// <param name="BytesTotal">Bytes of all weights in float32; 0 for seeded weights.</param>
public sealed record DinoLoadProgress(DinoLoadStage Stage, long BytesDone, long BytesTotal);
