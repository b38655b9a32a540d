namespace Dino.Gpu.Vit;

/// <summary>The steps of a forward pass that are timed separately.</summary>
internal enum VitOp
{
    UnfoldPatches,
    PatchEmbedding,
    AssembleTokens,
    LayerNorm,
    Qkv,
    Rotation,
    Attention,
    Projection,
    Fc1,
    Fc2,
    FinalNorm,
    Outputs,
}
