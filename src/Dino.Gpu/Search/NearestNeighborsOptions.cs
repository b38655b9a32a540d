namespace Dino.Gpu.Search;

/// <summary>What makes two vectors neighbors.</summary>
public enum Similarity
{
    /// <summary>The cosine of the angle between them, from -1 to 1; 0 where one of them is all zeros.</summary>
    Cosine,

    /// <summary>Their inner product.</summary>
    InnerProduct,
}

/// <summary>How <see cref="NearestNeighbors"/> runs.</summary>
public sealed record NearestNeighborsOptions
{
    /// <summary><c>auto</c> (CUDA, else an OpenCL GPU, else the CPU), <c>cpu</c>, <c>cuda[:N]</c> or <c>opencl[:N]</c>.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>Threads of the CPU device, and of the host's part of the work; null for one a core. They never change a result.</summary>
    public int? Threads { get; init; }

    /// <summary>What is compared.</summary>
    public Similarity Similarity { get; init; } = Similarity.Cosine;
}
