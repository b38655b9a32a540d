namespace Dino.Gpu.Model;

/// <summary>How a token knows where its patch lies.</summary>
public enum PositionKind
{
    /// <summary>A trained table is added to the tokens.</summary>
    Table,

    /// <summary>Queries and keys of the patches are rotated in every block (RoPE).</summary>
    Rotary,
}
