using System.Diagnostics;
using System.Globalization;
using Dino.Gpu.Benchmarks.Kernels;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Search;

namespace Dino.Gpu.Benchmarks.Search;

/// <summary>
/// Exact search of 1 000 queries in 100 000 vectors of 384 values on the CPU device, as a share of the peak measured
/// before each round.
/// </summary>
internal static class SearchBenchmark
{
    private const int Count = 100_000;
    private const int Queries = 1000;
    private const int Dimension = 384;
    private const int Rounds = 5;

    public static int Run()
    {
        float[] vectors = Values(Count, 1);
        float[] queries = Values(Queries, 2);
        long start = Stopwatch.GetTimestamp();
        using NearestNeighbors search = NearestNeighbors.Create(vectors, Dimension, new NearestNeighborsOptions { Device = "cpu" });
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture, $"packing {Count} x {Dimension}: {Stopwatch.GetElapsedTime(start).TotalSeconds:F2} s"));
        Console.WriteLine("| queries | k | ms | GFLOP/s | share of peak, best | median |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- |");
        foreach ((int count, int k) in new[] { (Queries, 10), (Queries, 200), (Queries, 1), (1, 10) })
        {
            float[] asked = queries[..(count * Dimension)];
            if (!Verify(vectors, asked, k, search.Search(asked, k)))
                return 1;
            var rounds = new List<(double Seconds, double Share)>();
            double operations = 2.0 * count * Count * Dimension;
            for (int round = 0; round < Rounds; round++)
            {
                double peak = MachinePeak.Measure(SimdExecutor.BestWidth, Environment.ProcessorCount);
                start = Stopwatch.GetTimestamp();
                search.Search(asked, k);
                double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
                rounds.Add((seconds, operations / seconds / peak));
            }

            double best = rounds.Min(round => round.Seconds);
            double[] shares = [.. rounds.Select(round => round.Share).Order()];
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"| {count} | {k} | {best * 1000:F1} | {operations / best / 1e9:F1} | {shares[^1]:P0} | "
                    + $"{shares[Rounds / 2]:P0} |"));
        }

        return 0;
    }

    /// <summary>Some queries against a sort of all double-precision cosines.</summary>
    private static bool Verify(float[] vectors, float[] queries, int k, Neighbors found)
    {
        for (int query = 0; query < found.QueryCount; query += 100)
        {
            double[] scores = new double[Count];
            double norm = Norm(queries, query);
            Parallel.For(0, Count, i => scores[i] = Dot(queries, query, vectors, i) / (norm * Norm(vectors, i)));
            int[] best = [.. Enumerable.Range(0, Count).OrderByDescending(i => scores[i]).ThenBy(i => i).Take(k)];
            if (!found.Indices(query).SequenceEqual(best))
            {
                Console.Error.WriteLine($"query {query}, k {k}: not the vectors of a double-precision sort");
                return false;
            }
        }

        return true;
    }

    private static double Norm(float[] values, int row) => Math.Sqrt(Dot(values, row, values, row));

    private static double Dot(float[] left, int leftRow, float[] right, int rightRow)
    {
        double sum = 0;
        for (int i = 0; i < Dimension; i++)
            sum += (double)left[leftRow * Dimension + i] * right[rightRow * Dimension + i];
        return sum;
    }

    private static float[] Values(int rows, int seed)
    {
        var random = new Random(seed);
        float[] values = new float[rows * Dimension];
        for (int i = 0; i < values.Length; i++)
            values[i] = (float)(random.NextDouble() + random.NextDouble() + random.NextDouble() - 1.5);
        return values;
    }
}
