using System.Diagnostics;
using System.Globalization;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Search;

namespace Dino.Gpu.Benchmarks.Search;

/// <summary>
/// One million vectors of 384 values in an index file: how long it takes to build, and what the first query of a fresh
/// process, later queries and memory cost, beside the search that reads and packs all vectors first.
/// </summary>
internal static class IndexBenchmark
{
    private const int Dimension = 384;
    private const int K = 10;
    private const int Queries = 1000;
    private const int Rounds = 15;

    /// <summary><c>[--count N] [--folder DIR]</c>, or a child: <c>scan FILE</c>, <c>pack FILE</c>.</summary>
    public static int Run(string[] arguments)
    {
        if (arguments is ["scan", var scanned])
            return Scan(scanned);
        if (arguments is ["pack", var packed])
            return Pack(packed);
        int count = 1_000_000;
        string folder = Path.GetTempPath();
        for (int i = 0; i + 1 < arguments.Length; i += 2)
        {
            if (arguments[i] == "--count")
                count = int.Parse(arguments[i + 1], CultureInfo.InvariantCulture);
            else if (arguments[i] == "--folder")
                folder = arguments[i + 1];
        }

        Console.WriteLine("| vectors | what | build or load s | first query ms | later ms, median | 1000 queries s | peak MB |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- | --- |");
        foreach (FloatType type in new[] { FloatType.Float32, FloatType.Float16 })
        {
            string path = Path.Combine(folder, $"dino-benchmark-{Environment.ProcessId}.dinoidx");
            try
            {
                long start = Stopwatch.GetTimestamp();
                Build(path, count, type);
                double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {count} x {Dimension} {type} | index built: {new FileInfo(path).Length / 1e6:F0} MB | {seconds:F1} | | | | |"));
                if (!Verify(path, count) || Child("scan", path) != 0 || Child("pack", path) != 0)
                    return 1;
            }
            finally
            {
                File.Delete(path);
            }
        }

        return 0;
    }

    private static void Build(string path, int count, FloatType type)
    {
        using var index = VectorIndex.CreateFile(path, Dimension, type);
        ulong state = 1;
        float[] vector = new float[Dimension];
        for (int row = 0; row < count; row++)
        {
            RandomValues.Fill(vector, ref state);
            index.Add(string.Create(CultureInfo.InvariantCulture, $"photos/{row:D8}.jpg"), vector);
        }

        index.Save();
    }

    /// <summary>The index as it is meant: only the headers are read before the first query.</summary>
    private static int Scan(string path)
    {
        float[] queries = QueryValues();
        long start = Stopwatch.GetTimestamp();
        using var index = VectorIndex.Open(path);
        double load = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Report("index file", load, query => index.Search(query, K), count => index.SearchMany(queries.AsSpan(0, count), K), queries);
        return 0;
    }

    /// <summary>All vectors in memory, packed for the CPU device.</summary>
    private static int Pack(string path)
    {
        float[] queries = QueryValues();
        long start = Stopwatch.GetTimestamp();
        var table = EmbeddingTable.Load(path, CancellationToken.None);
        using NearestNeighbors search = NearestNeighbors.Create(
            table.Values, table.Dimension, new NearestNeighborsOptions { Device = "cpu" });
        double load = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Report("read and packed", load, query => search.Search(query, K), count => search.Search(queries.AsSpan(0, count), K), queries);
        return 0;
    }

    private static void Report(string what, double load, Action<float[]> one, Action<int> many, float[] queries)
    {
        double first = Milliseconds(() => one(queries[..Dimension]));
        double[] later =
        [
            .. Enumerable.Range(1, Rounds).Select(i => Milliseconds(() => one(queries[(i * Dimension)..((i + 1) * Dimension)]))).Order(),
        ];
        double peak = Peak(); // of single queries
        double batch = Milliseconds(() => many(queries.Length));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| | {what} | {load:F3} | {first:F0} | {later[Rounds / 2]:F0} | {batch / 1000:F1} | {peak:F0}, {Peak():F0} with 1000 |"));
    }

    /// <summary>Some queries against a sort of all double-precision cosines of the stored values.</summary>
    private static bool Verify(string path, int count)
    {
        const int Checked = 3;
        float[] queries = QueryValues()[..(Checked * Dimension)];
        var table = EmbeddingTable.Load(path, CancellationToken.None);
        using var index = VectorIndex.Open(path);
        IReadOnlyList<VectorHit[]> found = index.SearchMany(queries, K);
        for (int query = 0; query < Checked; query++)
        {
            double[] scores = new double[count];
            int at = query * Dimension;
            Parallel.For(0, count, row => scores[row] = NearestNeighbors.Cosine(
                queries.AsSpan(at, Dimension), table.Values.Span.Slice(row * Dimension, Dimension)));
            int[] best = [.. Enumerable.Range(0, count).OrderByDescending(row => scores[row]).ThenBy(row => row).Take(K)];
            if (!found[query].Select(hit => (hit.Row, hit.Score)).SequenceEqual(best.Select(row => (row, scores[row]))))
            {
                Console.Error.WriteLine($"query {query}: not the vectors of a double-precision sort");
                return false;
            }
        }

        return true;
    }

    private static int Child(string what, string path)
    {
        using Process process = Process.Start("dotnet", [typeof(IndexBenchmark).Assembly.Location, "index", what, path]);
        process.WaitForExit();
        return process.ExitCode;
    }

    private static double Milliseconds(Action work)
    {
        long start = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    /// <summary>The most memory that this process had at any time, in MB.</summary>
    private static double Peak()
    {
        using Process self = Process.GetCurrentProcess();
        return self.PeakWorkingSet64 / 1e6;
    }

    private static float[] QueryValues()
    {
        float[] values = new float[Queries * Dimension];
        ulong state = 99;
        RandomValues.Fill(values, ref state);
        return values;
    }
}
