using Dino.Gpu.Model;

namespace Dino.Gpu.Pipeline;

/// <summary>The sizes of one forward pass: a model at one input size. Plain values, so that a kernel can take it as a parameter.</summary>
internal readonly struct VitShape
{
    public VitShape(VitConfig config, int inputWidth, int inputHeight)
    {
        HiddenSize = config.HiddenSize;
        LayerCount = config.LayerCount;
        HeadCount = config.HeadCount;
        MlpSize = config.MlpSize;
        PatchSize = config.PatchSize;
        InputWidth = inputWidth;
        InputHeight = inputHeight;
        LayerNormEpsilon = (float)config.LayerNormEpsilon;
    }

    public int HiddenSize { get; }

    public int LayerCount { get; }

    public int HeadCount { get; }

    public int MlpSize { get; }

    public int PatchSize { get; }

    public int InputWidth { get; }

    public int InputHeight { get; }

    public float LayerNormEpsilon { get; }

    public int HeadSize => HiddenSize / HeadCount;

    public int PatchLength => 3 * PatchSize * PatchSize;

    /// <summary>Patches side by side; pixels that do not fill a patch are dropped.</summary>
    public int GridWidth => InputWidth / PatchSize;

    public int GridHeight => InputHeight / PatchSize;

    public int PatchCount => GridWidth * GridHeight;

    /// <summary>The class token and one token a patch.</summary>
    public int TokenCount => 1 + PatchCount;
}
