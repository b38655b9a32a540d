namespace Dino.Gpu.Search;

/// <summary>The score of two vectors.</summary>
public enum Similarity
{
    /// <summary>The cosine of the angle between them, from -1 to 1; 0 if one of them is all zeros.</summary>
    Cosine,

    /// <summary>Their inner product.</summary>
    InnerProduct,
}
