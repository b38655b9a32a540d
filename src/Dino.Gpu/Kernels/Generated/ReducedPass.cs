using Dino.Gpu.Vit;

namespace Dino.Gpu.Kernels.Generated;

/// <summary>What a launch in a reduced precision has beside the SIMD family's buffers. All of it belongs to the executor.</summary>
internal unsafe struct ReducedPass
{
    /// <summary>The patch embedding in bfloat16, then query, key, value, projection, Fc1 and Fc2 of each layer.</summary>
    public ReducedMatrix* Matrices;

    /// <summary>The tiles of the products.</summary>
    public Tiles Tiles;

    /// <summary>Those in bfloat16, for the patch embedding and attention.</summary>
    public Tiles BFloat16Tiles;

    /// <summary>384 zeros: the bias of all blocks of inputs but the first.</summary>
    public float* Zeros;

    /// <summary>
    /// (layers, hidden): what smoothed values are multiplied by when they are kept; null where nothing is smoothed.
    /// </summary>
    public float* ValueFactors;

    /// <summary>As <see cref="Layout"/> says; 64-byte aligned.</summary>
    public byte* Workspace;

    public ReducedWorkspace Layout;

    /// <summary>Whether the processor has bfloat16. If not, patch embedding and attention are in float32.</summary>
    public readonly bool HasBFloat16 => BFloat16Tiles.Entries != null;

    /// <summary>Matrices of a layer.</summary>
    public const int PerLayer = 6;

    /// <summary>Place of a matrix. Qkv and KeyValue are found as their parts.</summary>
    public static int Index(Linear linear, int layer) => linear switch
    {
        Linear.PatchEmbedding => 0,
        Linear.Query => 1 + PerLayer * layer,
        Linear.KeyValue => 2 + PerLayer * layer, // key, then value
        Linear.Projection => 4 + PerLayer * layer,
        Linear.Fc1 => 5 + PerLayer * layer,
        Linear.Fc2 => 6 + PerLayer * layer,
        _ => throw new ArgumentOutOfRangeException(nameof(linear)),
    };
}
