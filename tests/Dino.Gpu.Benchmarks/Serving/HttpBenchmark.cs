using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Benchmarks.Serving;

/// <summary>
/// <c>dino serve</c> under load, in a process of its own and over loopback: images a second of many clients beside the
/// model alone at the same batch, before and after each round; how soon <c>/health</c> answers meanwhile; ten times the
/// load that fits, twice; and clients that hang up. Every answer is compared with that of the picture alone, and memory
/// is that of the server's process. Ends with 1 if something is wrong.
/// </summary>
internal sealed class HttpBenchmark
{
    private const double HealthLimit = 50; // ms at p99
    private const double LeastShare = 0.9;
    private const double MemoryLimit = 1.25; // of that before; what a heap may keep
    private const double SecondLimit = 1.05; // of the first time: allocators differ by as much from run to run
    private const long ConnectionBytes = 32 << 10;
    private const long PictureBytes = 2 << 20;

    private readonly Dictionary<string, string> _options = new()
    {
        ["--batch"] = "32",
        ["--bytes"] = "40000",
        ["--clients"] = "64",
        ["--device"] = "cpu",
        ["--dino"] = ServerProcess.BuiltCommand(),
        ["--hang-ups"] = "1000",
        ["--jpeg"] = "samples/rocket.jpg",
        ["--queue"] = "256",
        ["--requests"] = "2000",
        ["--rest"] = "20", // seconds until memory is looked at again
        ["--rounds"] = "3",
        ["--seconds"] = "10",
        ["--weights"] = "synthetic",
    };

    private readonly List<string> _wrong = [];
    private readonly DinoEncoderGroup _encoder;
    private readonly byte[] _jpeg;
    private readonly byte[] _expected; // little-endian float32
    private ServerProcess _server = null!;

    private HttpBenchmark(string[] args)
    {
        for (int i = 0; i + 1 < args.Length; i += 2)
        {
            if (!_options.ContainsKey(args[i]))
                throw new ArgumentException($"{args[i]}: expected {string.Join(", ", _options.Keys)}");
            _options[args[i]] = args[i + 1];
        }

        _encoder = DinoEncoderGroup.Load(_options["--weights"], new DinoOptions
        {
            Device = _options["--device"],
            BatchSize = Number("--batch"),
            QueueLimit = Number("--queue"),
            Decoder = new SkiaImageDecoder(),
        });
        _jpeg = OfSize(File.ReadAllBytes(_options["--jpeg"]), Number("--bytes"));
        _expected = MemoryMarshal.AsBytes<float>(_encoder.Embed([_encoder.Prepare(_jpeg)])[0]).ToArray();
    }

    public static async Task<int> RunAsync(string[] args)
    {
        var benchmark = new HttpBenchmark(args);
        benchmark._server = await ServerProcess.StartAsync(
            benchmark._options["--dino"],
            ["--weights", benchmark._options["--weights"], "--device", benchmark._options["--device"],
                "--batch", benchmark._options["--batch"], "--queue", benchmark._options["--queue"]]);
        await using (benchmark._server)
        {
            await benchmark.MeasureAsync();
            int exitCode = await benchmark._server.StopAsync();
            benchmark.Check(exitCode == 0, $"the server ended with {exitCode}");
        }

        foreach (string wrong in benchmark._wrong)
            Console.WriteLine($"WRONG: {wrong}");
        return benchmark._wrong.Count == 0 ? 0 : 1;
    }

    /// <summary>The picture as a JPEG of at most so many bytes.</summary>
    private static byte[] OfSize(byte[] file, int most)
    {
        RgbImage picture = new SkiaImageDecoder().Decode(file, ExifOrientation.Apply);
        for (int quality = 95; file.Length > most && quality > 5; quality--)
            file = PngFile.Jpeg(picture, quality) ?? throw new InvalidOperationException("The JPEG encoder failed.");
        return file;
    }

    private async Task MeasureAsync()
    {
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{_encoder.Devices[0].Id} ({_encoder.Devices[0].Name}), batch {_encoder.BatchSize}, {_jpeg.Length / 1000} kB JPEG"));
        using HttpClient client = Client();
        while ((await client.GetAsync("/health/ready")).StatusCode != HttpStatusCode.OK)
            await Task.Delay(20);
        await LoadAsync(client, Number("--clients"), Number("--clients")); // warm
        var alone = new List<double>();
        var served = new List<double>();
        var latencies = new List<double>();
        var health = new List<double>();
        alone.Add(ModelOnly());
        for (int round = 0; round < Number("--rounds"); round++)
        {
            using var stop = new CancellationTokenSource();
            Task<List<double>> watching = WatchAsync(stop.Token);
            long start = Stopwatch.GetTimestamp();
            latencies.AddRange(await LoadAsync(client, Number("--clients"), Number("--requests")));
            served.Add(Number("--requests") / Stopwatch.GetElapsedTime(start).TotalSeconds);
            await stop.CancelAsync();
            health.AddRange(await watching);
            alone.Add(ModelOnly());
        }

        // Beside the model alone right before and right after it: what else a machine does moves all three.
        double share = Quantile([.. served.Select((http, round) => 2 * http / (alone[round] + alone[round + 1]))], 0.5);
        Console.WriteLine();
        Console.WriteLine($"| {Number("--clients")} clients, {Number("--requests")} requests, {Number("--rounds")} rounds | |");
        Console.WriteLine("| --- | --- |");
        Row("the model alone, images/s", Quantile(alone, 0.5));
        Row("served, images/s", Quantile(served, 0.5));
        Row("served, share of the model alone, %", 100 * share);
        Row("request p50, ms", Quantile(latencies, 0.5));
        Row("request p99, ms", Quantile(latencies, 0.99));
        Row("/health p50, ms", Quantile(health, 0.5));
        Row("/health p99, ms", Quantile(health, 0.99));
        Check(share >= LeastShare, $"{share:P1} of the model's rate, expected {LeastShare:P0}");
        Check(Quantile(health, 0.99) < HealthLimit, $"/health took {Quantile(health, 0.99):F1} ms at p99");
        await OverloadAsync(client);
        await HangUpAsync(client);
    }

    /// <summary>
    /// Ten times as many clients as the queue and a batch hold, for some seconds, and the same again: what the first time
    /// needs is bounded and comes back, and the second needs no more.
    /// </summary>
    private async Task OverloadAsync(HttpClient client)
    {
        long before = await SettledAsync(client);
        long budget = before + OverloadBudget;
        Row("memory of the server after load, MB", before / 1e6);
        Row("heap of the server after load, MB", await ServerProcess.HeapAsync(client));
        Row("overload: what its limits allow, MB", budget / 1e6);
        long first = await OverloadOnceAsync("first overload");
        Check(first < budget, $"memory grew to {first / 1e6:F0} MB under overload, expected at most {budget / 1e6:F0}");
        long second = await OverloadOnceAsync("second overload");
        Check(second < SecondLimit * first, $"memory grew from {first / 1e6:F0} to {second / 1e6:F0} MB with the second overload");
        long after = await SettledAsync(client);
        Row("overload: memory afterward, MB", after / 1e6);
        Row("overload: heap afterward, MB", await ServerProcess.HeapAsync(client));
        Check(after < MemoryLimit * before, $"memory was {before / 1e6:F0} MB before overload and is {after / 1e6:F0} MB after it");
    }

    /// <summary>
    /// Bytes that overload may add: the bodies of the queue, of a batch and of the requests whose answers are being
    /// written, each with the buffer that it grew in; a decoded picture for each of the decoders and each place in the
    /// batches; and for each connection its state and the beginning of a body that is not read.
    /// </summary>
    private long OverloadBudget => Clients * ConnectionBytes
        + 2L * (Number("--queue") + _encoder.BatchSize) * _jpeg.Length
        + (Environment.ProcessorCount + _encoder.BatchesInFlight * (long)_encoder.BatchSize) * PictureBytes;

    private int Clients => 10 * (Number("--queue") + _encoder.BatchSize);

    /// <returns>The most memory.</returns>
    private async Task<long> OverloadOnceAsync(string name)
    {
        using HttpClient client = Client(); // with its end all connections are closed
        using var done = new CancellationTokenSource();
        Task<long> watching = Task.Factory.StartNew(
            () => MostMemory(done.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        int answered = 0;
        int refused = 0;
        var other = new ConcurrentQueue<string>();
        int wrong = 0;
        long start = Stopwatch.GetTimestamp();
        double end = Number("--seconds");
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(async _ =>
        {
            while (Stopwatch.GetElapsedTime(start).TotalSeconds < end)
            {
                try
                {
                    using HttpResponseMessage answer = await PostAsync(client);
                    if (answer.StatusCode == HttpStatusCode.OK)
                    {
                        if (!(await answer.Content.ReadAsByteArrayAsync()).AsSpan().SequenceEqual(_expected))
                            Interlocked.Increment(ref wrong);
                        Interlocked.Increment(ref answered);
                    }
                    else if (answer.StatusCode == HttpStatusCode.TooManyRequests && answer.Headers.RetryAfter is not null)
                    {
                        Interlocked.Increment(ref refused);
                        await Task.Delay(100); // sooner than it was told to come back
                    }
                    else
                    {
                        other.Enqueue($"status {(int)answer.StatusCode}");
                    }
                }
                catch (HttpRequestException failure)
                {
                    other.Enqueue(failure.GetBaseException().Message);
                }
            }
        }));
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        await done.CancelAsync();
        long most = await watching;
        Row($"{name} by {Clients} clients: answered/s", answered / seconds);
        Row($"{name}: refused with 429/s", refused / seconds);
        Row($"{name}: most memory, MB", most / 1e6);
        Check(wrong == 0, $"{wrong} wrong answers under overload");
        Check(other.IsEmpty, $"{other.Count} requests got neither an answer nor 429 under overload: {string.Join(", ", other.Distinct())}");
        Check(refused > 0, "nothing was refused under overload");
        return most;
    }

    /// <summary>Clients that leave after half of a request, with a reset.</summary>
    private async Task HangUpAsync(HttpClient client)
    {
        long before = await SettledAsync(client);
        int handles = _server.Handles;
        byte[] head = Encoding.ASCII.GetBytes(
            $"POST /embed HTTP/1.1\r\nHost: {_server.Address.Authority}\r\nContent-Length: {_jpeg.Length}\r\n\r\n");
        await Parallel.ForEachAsync(
            Enumerable.Range(0, Number("--hang-ups")),
            new ParallelOptions { MaxDegreeOfParallelism = 64 },
            async (number, cancellation) =>
            {
                using var socket = new TcpClient();
                await socket.ConnectAsync(_server.Address.Host, _server.Address.Port, cancellation);
                await socket.GetStream().WriteAsync(head, cancellation);
                await socket.GetStream().WriteAsync(_jpeg.AsMemory(0, number % 2 == 0 ? _jpeg.Length / 2 : _jpeg.Length), cancellation);
                socket.LingerState = new LingerOption(true, 0);
            });
        long after = await SettledAsync(client);
        int left = _server.Handles;
        Row($"{Number("--hang-ups")} clients hung up: memory before, MB", before / 1e6);
        Row("hung up: memory after, MB", after / 1e6);
        Row("hung up: handles before", handles);
        Row("hung up: handles after", left);
        Check(after < MemoryLimit * before, $"memory grew from {before / 1e6:F0} to {after / 1e6:F0} MB by clients that hung up");
        Check(left < handles + 20, $"handles grew from {handles} to {left}");
    }

    /// <summary>The memory after some seconds without anybody, and the first requests after them.</summary>
    private async Task<long> SettledAsync(HttpClient client)
    {
        await Task.Delay(TimeSpan.FromSeconds(Number("--rest")));
        await LoadAsync(client, Number("--clients"), Number("--clients"));
        return _server.Memory;
    }

    /// <summary>Clients who each ask again as soon as they have an answer, until all requests are done.</summary>
    /// <returns>Milliseconds of each.</returns>
    private async Task<IReadOnlyList<double>> LoadAsync(HttpClient client, int clients, int requests)
    {
        var times = new double[requests];
        int next = -1;
        await Task.WhenAll(Enumerable.Range(0, clients).Select(async _ =>
        {
            for (int i; (i = Interlocked.Increment(ref next)) < requests;)
            {
                long start = Stopwatch.GetTimestamp();
                using HttpResponseMessage answer = await PostAsync(client);
                byte[] found = await answer.Content.ReadAsByteArrayAsync();
                times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                if (answer.StatusCode != HttpStatusCode.OK || !found.AsSpan().SequenceEqual(_expected))
                    throw new InvalidOperationException($"wrong answer: {answer.StatusCode}, {found.Length} bytes");
            }
        }));
        return times;
    }

    private async Task<List<double>> WatchAsync(CancellationToken stop)
    {
        using HttpClient client = Client();
        var times = new List<double>();
        while (!stop.IsCancellationRequested)
        {
            long start = Stopwatch.GetTimestamp();
            using HttpResponseMessage answer = await client.GetAsync("/health", CancellationToken.None);
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            Check(answer.StatusCode == HttpStatusCode.OK, $"/health: {answer.StatusCode}");
            await Task.Delay(20, CancellationToken.None);
        }

        return times;
    }

    /// <summary>Images a second of whole batches, one after another.</summary>
    private double ModelOnly()
    {
        RgbImage picture = _encoder.Prepare(_jpeg);
        RgbImage[] batch = [.. Enumerable.Repeat(picture, _encoder.BatchSize)];
        int done = 0;
        long start = Stopwatch.GetTimestamp();
        do
        {
            _encoder.ForwardPrepared(batch, DinoOutputs.ClassToken);
            done += batch.Length;
        }
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < Number("--seconds"));
        return done / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private async Task<HttpResponseMessage> PostAsync(HttpClient client)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/embed") { Content = new ByteArrayContent(_jpeg) };
        request.Headers.TryAddWithoutValidation("Accept", "application/octet-stream");
        return await client.SendAsync(request);
    }

    private HttpClient Client() => new(new SocketsHttpHandler { UseProxy = false, UseCookies = false })
    {
        BaseAddress = _server.Address,
        Timeout = TimeSpan.FromMinutes(10),
    };

    private void Check(bool isRight, string wrong)
    {
        if (!isRight)
            _wrong.Add(wrong);
    }

    private static void Row(string name, double value) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {value:F1} |"));

    private static double Quantile(IReadOnlyList<double> values, double share) =>
        values.Order().ElementAt(Math.Min(values.Count - 1, (int)(share * values.Count)));

    /// <summary>The most memory that the server is seen to have, until it is told to stop.</summary>
    private long MostMemory(CancellationToken stop)
    {
        long most = 0;
        do
            most = Math.Max(most, _server.Memory);
        while (!stop.WaitHandle.WaitOne(20));
        return most;
    }

    private int Number(string option) => int.Parse(_options[option], CultureInfo.InvariantCulture);
}
