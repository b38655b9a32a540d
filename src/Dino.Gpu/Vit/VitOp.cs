namespace Dino.Gpu.Vit;

/// <summary>The steps of a forward pass whose times are told apart.</summary>
internal enum VitOp
{
    UnfoldPatches,
    PatchEmbedding,
    AssembleTokens,
    LayerNorm,
    Qkv,
    Attention,
    Projection,
    Fc1,
    Fc2,
    FinalNorm,
    Outputs,
}
