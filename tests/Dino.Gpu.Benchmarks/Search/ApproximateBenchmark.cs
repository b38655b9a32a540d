using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.USearch;

namespace Dino.Gpu.Benchmarks.Search;

/// <summary>
/// One million vectors of 384 values: how many of the ten nearest an <see cref="ApproximateIndex"/> finds, how fast, and
/// what it costs to build and to hold, beside the exact search of the same file. Each line is a process of its own.
/// </summary>
internal static class ApproximateBenchmark
{
    private const int Dimension = 384;
    private const int K = 10;
    private const int Queries = 1000;
    private const ulong QuerySeed = 99;

    private static readonly int[] Candidates = [32, 64, 128, 256, 512];

    /// <summary>
    /// <c>[--count N] [--folder DIR] [--precision Float16,Int8] [--uniform]</c>, or a child: <c>exact INDEX TRUTH KIND</c>,
    /// <c>build INDEX GRAPH PRECISION</c>, <c>search INDEX GRAPH TRUTH KIND</c>.
    /// </summary>
    public static int Run(string[] arguments)
    {
        switch (arguments)
        {
            case ["exact", var index, var truth, var kind]:
                Exact(index, truth, QueryValues(kind));
                return 0;
            case ["build", var index, var graph, var precision]:
                Build(index, graph, Enum.Parse<GraphPrecision>(precision));
                return 0;
            case ["search", var index, var graph, var truth, var kind]:
                Search(index, graph, truth, QueryValues(kind));
                return 0;
        }

        int count = Arguments.Integer(arguments, "--count", 1_000_000);
        string folder = Directory.CreateDirectory(Path.Combine(
            Value(arguments, "--folder") ?? Path.GetTempPath(), $"dino-benchmark-{Environment.ProcessId}")).FullName;
        string vectors = arguments.Contains("--uniform") ? "uniform" : "clustered";
        try
        {
            string index = Path.Combine(folder, "vectors.dinoidx"), truth = Path.Combine(folder, "truth");
            Write(index, count, vectors);
            Console.WriteLine($"{count} x {Dimension}, {vectors}, {Environment.ProcessorCount} threads");
            Console.WriteLine(
                "| search | built s | processor s | file MB | open s | recall@10 | one query ms, median | 1000: queries/s "
                    + "| processor ms | peak MB |");
            Console.WriteLine("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
            if (Child("exact", index, truth, vectors) != 0)
                return 1;
            foreach (string precision in (Value(arguments, "--precision") ?? "Float16,Int8").Split(','))
            {
                string graph = Path.Combine(folder, $"{precision}.usearch");
                if (Child("build", index, graph, precision) != 0 || Child("search", index, graph, truth, vectors) != 0)
                    return 1;
            }

            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Write(string path, int count, string kind)
    {
        using var index = VectorIndex.CreateFile(path, Dimension);
        var vectors = new ClusteredVectors(Dimension, kind == "uniform");
        ulong state = 1;
        float[] vector = new float[Dimension];
        for (int row = 0; row < count; row++)
        {
            vectors.Fill(vector, ref state);
            index.Add(string.Create(CultureInfo.InvariantCulture, $"photos/{row:D8}.jpg"), vector);
        }

        index.Save();
    }

    /// <summary>The truth: the rows of each query, one after the other.</summary>
    private static void Exact(string path, string truth, float[] queries)
    {
        long start = Stopwatch.GetTimestamp();
        using var index = VectorIndex.Open(path);
        double open = Stopwatch.GetElapsedTime(start).TotalSeconds;
        double median = Median(20, query => index.Search(query, K), queries);
        (IReadOnlyList<VectorHit[]> found, double rate, double processor) = Many(() => index.SearchMany(queries, K));
        File.WriteAllBytes(truth, MemoryMarshal.AsBytes<int>(found.SelectMany(hits => hits.Select(hit => hit.Row)).ToArray()).ToArray());
        Report($"exact | | | {new FileInfo(path).Length / 1e6:F0} | {open:F2} | 1 | {median:F1} | {rate:F0} | {processor:F2}");
    }

    private static void Build(string path, string graph, GraphPrecision precision)
    {
        using var index = VectorIndex.Open(path);
        long start = Stopwatch.GetTimestamp();
        TimeSpan before = Environment.CpuUsage.TotalTime;
        using var built = ApproximateIndex.Build(index, new ApproximateIndexOptions { Precision = precision });
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        double processor = (Environment.CpuUsage.TotalTime - before).TotalSeconds;
        double peak = Peak(); // without the copy that saving makes
        built.Save(graph);
        Report($"{precision}, built: {peak:F0} MB | {seconds:F0} | {processor:F0} | {new FileInfo(graph).Length / 1e6:F0} | | | | | ");
    }

    private static void Search(string path, string graph, string truth, float[] queries)
    {
        using var index = VectorIndex.Open(path);
        long start = Stopwatch.GetTimestamp();
        using var approximate = ApproximateIndex.Open(graph, index);
        double open = Stopwatch.GetElapsedTime(start).TotalSeconds;
        int[] expected = MemoryMarshal.Cast<byte, int>(File.ReadAllBytes(truth)).ToArray();
        approximate.SearchMany(queries, K); // pages and code are warm
        foreach (int candidates in Candidates)
        {
            double median = Median(Queries, query => approximate.Search(query, K, candidates), queries);
            int taken = candidates;
            (IReadOnlyList<VectorHit[]> found, double rate, double processor) = Many(() => approximate.SearchMany(queries, K, taken));
            int right = found
                .Select((hits, query) => hits.Select(hit => hit.Row).Intersect(expected[(query * K)..((query + 1) * K)]).Count())
                .Sum();
            double recall = right / (double)expected.Length;
            Report($"{candidates} candidates | | | | {open:F2} | {recall:F4} | {median:F2} | {rate:F0} | {processor:F2}");
        }
    }

    /// <summary>A search of all queries: what it found, queries a second, and processor time of a query in milliseconds.</summary>
    private static (IReadOnlyList<VectorHit[]> Found, double Rate, double Processor) Many(Func<IReadOnlyList<VectorHit[]>> search)
    {
        TimeSpan before = Environment.CpuUsage.TotalTime;
        long start = Stopwatch.GetTimestamp();
        IReadOnlyList<VectorHit[]> found = search();
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return (found, Queries / seconds, (Environment.CpuUsage.TotalTime - before).TotalMilliseconds / Queries);
    }

    private static double Median(int rounds, Action<float[]> search, float[] queries)
    {
        double[] times = new double[rounds];
        for (int i = 0; i < rounds; i++)
        {
            float[] query = queries[(i * Dimension)..((i + 1) * Dimension)];
            long start = Stopwatch.GetTimestamp();
            search(query);
            times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        Array.Sort(times);
        return times[rounds / 2];
    }

    private static float[] QueryValues(string kind)
    {
        float[] values = new float[Queries * Dimension];
        ulong state = QuerySeed;
        new ClusteredVectors(Dimension, kind == "uniform").Fill(values, ref state);
        return values;
    }

    private static int Child(params string[] arguments)
    {
        using Process process = Process.Start("dotnet", [typeof(ApproximateBenchmark).Assembly.Location, "approximate", .. arguments]);
        process.WaitForExit();
        return process.ExitCode;
    }

    /// <summary>The most memory that this process had at any time, in MB.</summary>
    private static double Peak()
    {
        using Process self = Process.GetCurrentProcess();
        return self.PeakWorkingSet64 / 1e6;
    }

    private static void Report(FormattableString line) =>
        Console.WriteLine($"| {line.ToString(CultureInfo.InvariantCulture)} | {Peak().ToString("F0", CultureInfo.InvariantCulture)} |");

    private static string? Value(string[] arguments, string name) =>
        Array.IndexOf(arguments, name) is var at && at >= 0 ? arguments[at + 1] : null;
}
