using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Dino.Gpu.Benchmarks.Serving;

/// <summary>
/// How soon <c>samples/csharp/SimilaritySearch</c> answers <c>/health</c> while clients send it pictures.
/// </summary>
internal static partial class HealthBenchmark
{
    private static readonly TimeSpan Load = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    /// <summary>Starts the program on a free port of this machine, loads it, and stops it.</summary>
    /// <param name="program">SimilaritySearch.dll.</param>
    /// <param name="jpeg">What the clients send.</param>
    /// <param name="clients">How many of them.</param>
    public static async Task RunAsync(string program, string jpeg, int clients)
    {
        string[] arguments =
        [
            "exec", program, "--Dino:Weights=synthetic", "--Dino:Device=cpu", "--Pictures=samples", "--urls=http://127.0.0.1:0",
            "--Logging:LogLevel:Microsoft.AspNetCore=Warning"];
        using var server = Process.Start(new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true })!;
        try
        {
            using var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = clients + 1 });
            client.BaseAddress = await AddressAsync(server);
            byte[] picture = await File.ReadAllBytesAsync(jpeg);
            using var end = new CancellationTokenSource(Load);
            int found = 0;
            Task[] others = [.. Enumerable.Range(0, clients).Select(_ => Task.Run(async () =>
            {
                while (!end.IsCancellationRequested)
                {
                    using var body = new ByteArrayContent(picture);
                    using HttpResponseMessage answer = await client.PostAsync("/search?k=2", body);
                    answer.EnsureSuccessStatusCode();
                    Interlocked.Increment(ref found);
                }
            }))];
            var times = new List<double>();
            while (!end.IsCancellationRequested)
            {
                long start = Stopwatch.GetTimestamp();
                using HttpResponseMessage answer = await client.GetAsync("/health");
                answer.EnsureSuccessStatusCode();
                times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                await Task.Delay(Pause);
            }

            await Task.WhenAll(others);
            times.Sort();
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"/health under {clients} clients, {found / Load.TotalSeconds:F1} searches/s: median {times[times.Count / 2]:F1} ms, "
                    + $"p99 {times[times.Count * 99 / 100]:F1} ms, most {times[^1]:F1} ms of {times.Count}"));
        }
        finally
        {
            server.Kill(entireProcessTree: true);
        }
    }

    private static async Task<Uri> AddressAsync(Process server)
    {
        Uri? address = null;
        while (await server.StandardOutput.ReadLineAsync() is { } line)
        {
            if (Listening().Match(line) is { Success: true } match)
                address = new Uri(match.Groups[1].Value);
            if (address is not null && line.Contains("Application started", StringComparison.Ordinal))
                return address;
        }

        throw new InvalidOperationException("The sample ended before it listened.");
    }

    [GeneratedRegex(@"Now listening on: (http://\S+)")]
    private static partial Regex Listening();
}
