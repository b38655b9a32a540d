namespace Dino.Gpu.Vit;

/// <summary>The LayerNorms of a ViT.</summary>
internal enum Norm
{
    BeforeAttention,
    BeforeMlp,
    Final,
}
