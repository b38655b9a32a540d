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

/// <summary>What people call them.</summary>
internal static class ModelKinds
{
    /// <summary>Such as <c>DINOv2</c>.</summary>
    public static string Title(this ModelKind kind) => kind switch
    {
        ModelKind.DinoV2 => "DINOv2",
        ModelKind.DinoV3 => "DINOv3",
        _ => "DINO",
    };
}
