using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Dino.Gpu.Devices;

/// <summary>
/// What the CUDA driver's assembler says of a kernel that it refuses. ILGPU asks the driver for it, writes it to
/// <see cref="Trace"/> and throws the number of the error alone.
/// </summary>
internal sealed partial class ModuleLog : TraceListener
{
    /// <summary>The line that ILGPU writes before the log.</summary>
    private const string Heading = "PTX Kernel loading failed:";

    private static readonly Lazy<bool> Listening = new(() =>
    {
        Trace.Listeners.Add(new ModuleLog());
        return true;
    });

    [ThreadStatic]
    private static bool _isNext;

    [ThreadStatic]
    private static string? _last;

    private ModuleLog()
    {
    }

    public override bool IsThreadSafe => true;

    /// <summary>Keeps what is said on each thread from here on.</summary>
    public static void Listen() => _ = Listening.Value;

    /// <summary>Keeps what the driver says of a kernel that was loaded without ILGPU.</summary>
    public static void Keep(string? log) => _last = log;

    /// <summary>The first complaint about the last kernel that was refused on this thread; null if there is none.</summary>
    public static string? Take()
    {
        string? log = _last;
        _last = null;
        if (log is null)
            return null;
        string[] lines = log.Split(['\n', '\0'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        string? line = Array.Find(lines, line => ComplaintPattern().IsMatch(line)) ?? lines.FirstOrDefault();
        return line is null ? null : SpacePattern().Replace(line, " ");
    }

    public override void Write(string? message)
    {
    }

    public override void WriteLine(string? message)
    {
        if (_isNext)
            _last = message;
        _isNext = message == Heading;
    }

    [GeneratedRegex("error|fatal", RegexOptions.IgnoreCase)]
    private static partial Regex ComplaintPattern();

    [GeneratedRegex(@"\s+")]
    private static partial Regex SpacePattern();
}
