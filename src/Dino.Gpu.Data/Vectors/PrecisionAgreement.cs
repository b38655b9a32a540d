using Dino.Gpu.Search;

namespace Dino.Gpu.Data.Vectors;

/// <summary>How near the vectors of some images in one precision are to those of the same images in float32.</summary>
internal sealed record PrecisionResult
{
    /// <summary>The precision, as <c>--precision</c> takes it.</summary>
    public required string Precision { get; init; }

    /// <summary>Images that both tables have a vector of.</summary>
    public required int Images { get; init; }

    /// <summary>The mean over the images of the cosine of their two vectors.</summary>
    public required double MeanCosine { get; init; }

    /// <summary>The smallest of these cosines.</summary>
    public required double LeastCosine { get; init; }

    /// <summary>The image that has it.</summary>
    public required string LeastPath { get; init; }

    /// <summary>The largest difference of two values.</summary>
    public required double LargestDifference { get; init; }

    /// <summary>The share of images whose nearest other image is the same; null with fewer than two images.</summary>
    public required double? Nearest { get; init; }

    /// <summary>The mean share of an image's nearest others, ten of them where there are as many, that are the same.</summary>
    public required double? NearestTen { get; init; }
}

/// <summary>Compares vectors in other precisions with those in float32.</summary>
/// <param name="reference">The vectors that the others are compared with.</param>
internal sealed class PrecisionAgreement(EmbeddingTable reference)
{
    private const int MostNeighbors = 10;

    private readonly int _count = Math.Min(MostNeighbors, reference.Count - 1);
    private readonly Lazy<int[][]> _neighbors = new(() => Neighbors(reference, Math.Min(MostNeighbors, reference.Count - 1)));

    /// <summary>Compares the vectors of the same images.</summary>
    /// <param name="precision">The precision of <paramref name="table"/>.</param>
    /// <param name="table">The others.</param>
    /// <exception cref="DinoException">An image changed between the two.</exception>
    public PrecisionResult Of(string precision, EmbeddingTable table)
    {
        if (!reference.Rows.Select(row => row.Path).SequenceEqual(table.Rows.Select(row => row.Path), StringComparer.Ordinal))
            throw new DinoException("the images changed while they were embedded", "run the command again");
        int dimension = reference.Dimension;
        ReadOnlySpan<float> left = reference.Values.Span, right = table.Values.Span;
        double sum = 0, least = double.PositiveInfinity, largest = 0;
        int leastRow = 0;
        for (int row = 0; row < reference.Count; row++)
        {
            ReadOnlySpan<float> a = left.Slice(row * dimension, dimension), b = right.Slice(row * dimension, dimension);
            double cosine = NearestNeighbors.Cosine(a, b);
            sum += cosine;
            if (cosine < least)
                (least, leastRow) = (cosine, row);
            for (int i = 0; i < dimension; i++)
                largest = Math.Max(largest, Math.Abs((double)a[i] - b[i]));
        }

        int[][]? before = _count > 0 ? _neighbors.Value : null;
        int[][]? after = _count > 0 ? Neighbors(table, _count) : null;
        return new PrecisionResult
        {
            Precision = precision,
            Images = reference.Count,
            MeanCosine = sum / reference.Count,
            LeastCosine = least,
            LeastPath = reference.Rows[leastRow].Path,
            LargestDifference = largest,
            Nearest = before?.Zip(after!).Average(pair => pair.First[0] == pair.Second[0] ? 1.0 : 0.0),
            NearestTen = before?.Zip(after!).Average(pair => (double)pair.First.Intersect(pair.Second).Count() / _count),
        };
    }

    /// <summary>The nearest other rows of each row, nearest first.</summary>
    private static int[][] Neighbors(EmbeddingTable table, int count)
    {
        using NearestNeighbors search = NearestNeighbors.Create(
            table.Values, table.Dimension, new NearestNeighborsOptions { Device = "cpu" });
        Neighbors found = search.Search(table.Values.Span, count + 1);
        return [.. Enumerable.Range(0, table.Count).Select(
            row => found.Indices(row).ToArray().Where(index => index != row).Take(count).ToArray())];
    }
}
