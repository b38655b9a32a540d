using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Dino.Gpu.Benchmarks.Serving;

/// <summary><c>dino serve</c> in a process of its own, and what that process holds.</summary>
internal sealed partial class ServerProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly Process _process;

    private ServerProcess(Process process, Uri address)
    {
        _process = process;
        Address = address;
    }

    /// <summary>Where it listens.</summary>
    public Uri Address { get; }

    /// <summary>Resident bytes now.</summary>
    public long Memory => Refreshed().WorkingSet64;

    /// <summary>The most resident bytes since it started.</summary>
    public long MostMemory => Refreshed().PeakWorkingSet64;

    /// <summary>Open files and sockets.</summary>
    public int Handles => Refreshed().HandleCount;

    /// <summary>The command that was built beside these benchmarks.</summary>
    public static string BuiltCommand()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        string kind = folder.Parent!.Name; // Release
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Dino.Gpu.sln")))
            folder = folder.Parent;
        return Path.Combine(folder?.FullName ?? ".", "src", "Dino.Gpu.Cli", "bin", kind, "net10.0", "dino.dll");
    }

    /// <summary>Starts it on a free port of this machine.</summary>
    /// <param name="command">dino.dll, or a program.</param>
    /// <param name="options">Options of <c>dino serve</c>.</param>
    public static async Task<ServerProcess> StartAsync(string command, IEnumerable<string> options)
    {
        string[] arguments = ["serve", "--port", "0", .. options];
        ProcessStartInfo start = command.EndsWith(".dll", StringComparison.Ordinal)
            ? new ProcessStartInfo("dotnet", [command, .. arguments])
            : new ProcessStartInfo(command, arguments);
        start.RedirectStandardError = true;
        Process process = Process.Start(start)!;
        using var deadline = new CancellationTokenSource(Patience);
        string said = "";
        while (await process.StandardError.ReadLineAsync(deadline.Token) is { } line)
        {
            said += line + Environment.NewLine;
            if (Listening().Match(line) is not { Success: true } match)
                continue;
            _ = process.StandardError.BaseStream.CopyToAsync(Console.OpenStandardError(), CancellationToken.None);
            return new ServerProcess(process, new Uri(match.Groups[1].Value));
        }

        throw new InvalidOperationException($"the server ended before it listened: {said}");
    }

    /// <summary>Megabytes of the managed heap after its last collection, as <c>/metrics</c> tells them.</summary>
    public static async Task<double> HeapAsync(HttpClient client)
    {
        double sum = 0;
        foreach (Match match in Heap().Matches(await client.GetStringAsync("/metrics")))
            sum += double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
        return sum / 1e6;
    }

    /// <summary>Tells it to stop, as a service manager does.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> StopAsync()
    {
        using (var kill = Process.Start("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]))
            await kill.WaitForExitAsync();
        await _process.WaitForExitAsync().WaitAsync(Patience);
        return _process.ExitCode;
    }

    public ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.Dispose();
        return default;
    }

    private Process Refreshed()
    {
        _process.Refresh();
        return _process;
    }

    [GeneratedRegex(@"listening on (http://[^\s/]+)")]
    private static partial Regex Listening();

    [GeneratedRegex(@"^dotnet_gc_last_collection_heap_size_bytes\{[^}]*\} ([0-9.e+]+)", RegexOptions.Multiline)]
    private static partial Regex Heap();
}
