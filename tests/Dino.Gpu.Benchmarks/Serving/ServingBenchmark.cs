using System.Diagnostics;
using System.Globalization;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Benchmarks.Serving;

/// <summary>
/// Many concurrent callers of <see cref="IDinoEncoder.EmbedAsync"/> on one encoder: pictures a second beside the model
/// alone at the same batch, in rounds that take turns; how long a cancellation takes; what thousands of calls leave in
/// memory; and how soon a service answers that it is well. Every answer is compared with that of one picture alone.
/// </summary>
internal sealed class ServingBenchmark
{
    private const int SmallSide = 64;

    private readonly Dictionary<string, string> _options = new()
    {
        ["--batch"] = "32",
        ["--callers"] = "64",
        ["--calls"] = "10000",
        ["--device"] = "cpu",
        ["--jpeg"] = "samples/rocket.jpg",
        ["--rounds"] = "5",
        ["--sample"] = "", // SimilaritySearch.dll, to ask it for its health under load
        ["--seconds"] = "10",
        ["--weights"] = "synthetic",
    };

    private readonly DinoEncoder _encoder;
    private readonly RgbImage[] _pictures; // of the input size, as many as callers
    private readonly float[][] _expected;

    private ServingBenchmark(string[] args)
    {
        for (int i = 0; i + 1 < args.Length; i += 2)
        {
            if (!_options.ContainsKey(args[i]))
                throw new ArgumentException($"{args[i]}: expected {string.Join(", ", _options.Keys)}");
            _options[args[i]] = args[i + 1];
        }

        _encoder = DinoEncoder.Load(
            _options["--weights"], new DinoOptions { Device = _options["--device"], BatchSize = Number("--batch") });
        _pictures = [.. Enumerable.Range(0, Number("--callers")).Select(seed =>
        {
            byte[] pixels = new byte[3 * _encoder.InputWidth * _encoder.InputHeight];
            new Random(seed).NextBytes(pixels);
            return new RgbImage(_encoder.InputWidth, _encoder.InputHeight, pixels);
        })];
        _expected = _encoder.Embed(_pictures);
    }

    public static async Task<int> RunAsync(string[] args)
    {
        var benchmark = new ServingBenchmark(args);
        await using DinoEncoder encoder = benchmark._encoder;
        Console.WriteLine($"{encoder.Device.Id} ({encoder.Device.Name}), batch {encoder.BatchSize}, {benchmark._pictures.Length} callers");
        await benchmark.CompareRatesAsync();
        await benchmark.CancelAsync();
        await benchmark.WatchMemoryAsync();
        if (benchmark._options["--sample"].Length > 0)
            await HealthBenchmark.RunAsync(benchmark._options["--sample"], benchmark._options["--jpeg"], benchmark._pictures.Length);
        return 0;
    }

    private async Task CompareRatesAsync()
    {
        byte[] jpeg = File.ReadAllBytes(_options["--jpeg"]);
        float[] expected = _encoder.Embed(_encoder.Prepare(jpeg));
        var alone = new List<double>();
        var pixels = new List<double>();
        var files = new List<double>();
        int rounds = Number("--rounds");
        for (int round = 0; round < rounds; round++)
        {
            alone.Add(ModelOnly());
            pixels.Add(await CallersAsync(caller => _pictures[caller], caller => _expected[caller]));
            files.Add(await CallersAsync(_ => jpeg, _ => expected));
        }

        Console.WriteLine("| images/s, medians | rate | of the model alone |");
        Console.WriteLine("| --- | --- | --- |");
        Console.WriteLine(Row("the model alone", alone));
        Console.WriteLine(Row("EmbedAsync of pixels", pixels));
        Console.WriteLine(Row($"EmbedAsync of {Path.GetFileName(_options["--jpeg"])}, decoded on the same cores", files));

        string Row(string name, List<double> rates) => string.Create(
            CultureInfo.InvariantCulture,
            $"| {name} | {Median(rates):F1} | {Median([.. rates.Zip(alone, (rate, model) => rate / model)]):P1} |");
    }

    /// <summary>Pictures a second of whole batches, one after another.</summary>
    private double ModelOnly()
    {
        RgbImage[] batch = [.. Enumerable.Range(0, _encoder.BatchSize).Select(i => _pictures[i % _pictures.Length])];
        int done = 0;
        long start = Stopwatch.GetTimestamp();
        double end = Seconds("--seconds");
        do
        {
            _encoder.ForwardPrepared(batch, DinoOutputs.ClassToken);
            done += batch.Length;
        }
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < end);
        return done / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Pictures a second of callers who each ask again as soon as they have an answer.</summary>
    private async Task<double> CallersAsync(Func<int, ImageSource> source, Func<int, float[]> expected)
    {
        int done = 0;
        long start = Stopwatch.GetTimestamp();
        double end = Seconds("--seconds");
        await Task.WhenAll(Enumerable.Range(0, _pictures.Length).Select(caller => Task.Run(async () =>
        {
            while (Stopwatch.GetElapsedTime(start).TotalSeconds < end)
            {
                float[] found = await _encoder.EmbedAsync(source(caller));
                if (!found.AsSpan().SequenceEqual(expected(caller)))
                    throw new InvalidOperationException("An embedding differs from that of the picture alone.");
                Interlocked.Increment(ref done);
            }
        })));
        return done / Stopwatch.GetElapsedTime(start).TotalSeconds; // to the end of the last batch
    }

    /// <summary>Half of the callers leave while batches run.</summary>
    private async Task CancelAsync()
    {
        double worst = 0;
        for (int round = 0; round < Number("--rounds"); round++)
        {
            using var leaves = new CancellationTokenSource();
            long cancelled = 0;
            Task<double>[] callers = [.. Enumerable.Range(0, _pictures.Length).Select(caller => Task.Run(async () =>
            {
                try
                {
                    await _encoder.EmbedAsync(_pictures[caller], caller % 2 == 0 ? leaves.Token : CancellationToken.None);
                    return 0;
                }
                catch (OperationCanceledException)
                {
                    return Stopwatch.GetElapsedTime(Volatile.Read(ref cancelled)).TotalMilliseconds;
                }
            }))];
            await Task.Delay(30 + 40 * round); // some are in a batch, the others wait
            Volatile.Write(ref cancelled, Stopwatch.GetTimestamp());
            leaves.Cancel();
            worst = Math.Max(worst, (await Task.WhenAll(callers)).Max());
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"cancellation of half of the callers: at most {worst:F1} ms"));
    }

    /// <summary>
    /// What calls leave in memory, after a tenth of them and after all: of files, which are decoded, at an input size
    /// that lets ten thousand of them take a minute.
    /// </summary>
    private async Task WatchMemoryAsync()
    {
        int calls = Number("--calls");
        byte[] jpeg = File.ReadAllBytes(_options["--jpeg"]);
        await using DinoEncoder encoder = DinoEncoder.Load(_options["--weights"], new DinoOptions
        {
            Device = _options["--device"],
            BatchSize = Number("--batch"),
            InputWidth = SmallSide,
            InputHeight = SmallSide,
        });
        Console.WriteLine($"| calls of {Path.GetFileName(_options["--jpeg"])} at {SmallSide}x{SmallSide} | managed MB | resident MB |");
        Console.WriteLine("| --- | --- | --- |");
        await CallAsync(calls / 10);
        Row(calls / 10);
        await CallAsync(calls - calls / 10);
        Row(calls);

        async Task CallAsync(int count)
        {
            int left = count;
            await Task.WhenAll(Enumerable.Range(0, _pictures.Length).Select(caller => Task.Run(async () =>
            {
                while (Interlocked.Decrement(ref left) >= 0)
                    await encoder.EmbedAsync(jpeg);
            })));
        }

        static void Row(int calls)
        {
            long managed = GC.GetTotalMemory(forceFullCollection: true);
            using var process = Process.GetCurrentProcess();
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"| {calls} | {managed / 1e6:F1} | {process.WorkingSet64 / 1e6:F0} |"));
        }
    }

    private int Number(string option) => int.Parse(_options[option], CultureInfo.InvariantCulture);

    private double Seconds(string option) => double.Parse(_options[option], CultureInfo.InvariantCulture);

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
