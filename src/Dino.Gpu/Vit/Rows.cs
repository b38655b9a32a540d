namespace Dino.Gpu.Vit;

/// <summary>The rows that an op reads and writes.</summary>
internal enum Rows
{
    /// <summary>Every token of every image.</summary>
    All,

    /// <summary>Row 0 of every image.</summary>
    ClassToken,

    /// <summary>Every row of every image but row 0.</summary>
    Patches,
}
