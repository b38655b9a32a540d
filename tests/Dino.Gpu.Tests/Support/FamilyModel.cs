using Dino.Gpu.Checkpoints;
using Dino.Gpu.Model;

namespace Dino.Gpu.Tests.Support;

/// <summary>The tiny models of <c>Golden/family</c>: DINOv2 and DINOv3, each under both sets of names.</summary>
internal static class FamilyModel
{
    public static string[] Names { get; } = ["dinov2", "dinov2_swiglu", "dinov2_reg", "dinov3", "dinov3_gated"];

    public static TheoryData<string> All { get; } = [.. Names];

    public static string PathOf(string model, string file) => GoldenData.PathOf("family", model, file);

    /// <summary>The model under the names of Hugging Face.</summary>
    public static VitWeights Load(string model) => Checkpoint.Load(PathOf(model, "model.safetensors"));

    /// <summary>The model under the names of the original code.</summary>
    public static VitWeights LoadOriginal(string model) => Checkpoint.Load(PathOf(model, "original.pth"));

    public static Npy Golden(string model, string name) => Npy.Read(PathOf(model, name + ".npy"));
}
