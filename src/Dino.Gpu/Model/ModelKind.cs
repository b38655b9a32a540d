namespace Dino.Gpu.Model;

/// <summary>The family that a ViT belongs to. What it is made of stands in <see cref="VitConfig"/>.</summary>
public enum ModelKind
{
    /// <summary>The original DINO, and every plain ViT with its tensors.</summary>
    Dino,

    /// <summary>DINOv2, with or without registers.</summary>
    DinoV2,

    /// <summary>DINOv3's ViTs.</summary>
    DinoV3,
}
