namespace Dino.Gpu.Cli.Embedding;

/// <summary>What <c>dino embed --output</c> writes for each image.</summary>
internal enum OutputKind
{
    /// <summary>The class token: the embedding.</summary>
    ClassToken,

    /// <summary>The mean of the patch tokens.</summary>
    Mean,

    /// <summary>Class token, then the mean of the patch tokens.</summary>
    ClassTokenAndMean,

    /// <summary>Every token, the class token first.</summary>
    Tokens,

    /// <summary>The patch tokens as a grid.</summary>
    Patches,
}
