namespace Dino.Gpu.Vit;

/// <summary>The rows that an op reads and writes.</summary>
internal enum Rows
{
    /// <summary>Every token of every image.</summary>
    All,

    /// <summary>Row 0 of every image.</summary>
    ClassToken,

    /// <summary>Every row of every image from <see cref="VitShape.PrefixTokenCount"/> on.</summary>
    Patches,
}
