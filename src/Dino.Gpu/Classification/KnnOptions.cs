namespace Dino.Gpu.Classification;

/// <summary>
/// How <see cref="KnnClassifier"/> runs. The defaults are those of the original's <c>eval_knn.py</c>.
/// </summary>
public sealed record KnnOptions
{
    /// <summary>The values of k in the original's results. Its authors found 20 the best in most cases.</summary>
    public static IReadOnlyList<int> PublishedK { get; } = [10, 20, 100, 200];

    /// <summary>A neighbor's vote is exp(cosine / temperature).</summary>
    public double Temperature { get; init; } = 0.07;

    /// <summary><c>auto</c>, <c>cpu</c>, <c>cuda[:N]</c> or <c>opencl[:N]</c>.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>Threads of the CPU device; null for one per core. The number never changes a result.</summary>
    public int? Threads { get; init; }

    /// <summary>Receives one line for each GPU that <c>auto</c> cannot use and skips.</summary>
    public Action<string>? Warning { get; init; }
}
