namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>
/// The instruction that multiplies fragments of 16 rows and 8 columns, over 32 bytes of k, in each format.
/// </summary>
internal static class TensorProduct
{
    public const string BFloat16 = "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32";

    public const string Float16 = "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32";

    public const string TensorFloat32 = "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32";
}
