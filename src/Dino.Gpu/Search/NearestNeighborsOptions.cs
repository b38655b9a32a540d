namespace Dino.Gpu.Search;

/// <summary>How <see cref="NearestNeighbors"/> runs.</summary>
public sealed record NearestNeighborsOptions
{
    /// <summary>
    /// <c>auto</c> (CUDA, else an OpenCL GPU, else the CPU), <c>cpu</c>, <c>cuda[:N]</c> or <c>opencl[:N]</c>.
    /// </summary>
    public string Device { get; init; } = "auto";

    /// <summary>
    /// Threads of the CPU device and of the host's work; null for one per core. The number never changes a result.
    /// </summary>
    public int? Threads { get; init; }

    /// <summary>Receives one line for each GPU that <c>auto</c> cannot use and skips.</summary>
    public Action<string>? Warning { get; init; }

    /// <summary>The score that compares vectors.</summary>
    /// <exception cref="ArgumentOutOfRangeException">None of the enumeration's values.</exception>
    public Similarity Similarity
    {
        get;
        init
        {
            Arguments.ThrowIfUndefined(value);
            field = value;
        }
    } = Similarity.Cosine;
}
