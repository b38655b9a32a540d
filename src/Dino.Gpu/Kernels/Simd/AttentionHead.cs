namespace Dino.Gpu.Kernels.Simd;

/// <summary>Where a head's rows stand: (tokens, head size) each, row stride <see cref="Gemm.BlockSize"/>.</summary>
internal readonly unsafe struct AttentionHead(float* query, float* key, float* value, float* context)
{
    public float* Query { get; } = query;

    public float* Key { get; } = key;

    public float* Value { get; } = value;

    /// <summary>Output: row 0 is query row 0.</summary>
    public float* Context { get; } = context;
}
