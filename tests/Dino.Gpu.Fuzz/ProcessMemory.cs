using System.Globalization;

namespace Dino.Gpu.Fuzz;

/// <summary>The most memory that the process had at a time, as Linux counts it.</summary>
internal static class ProcessMemory
{
    private const string StatusFile = "/proc/self/status";

    /// <summary>Whether the system tells.</summary>
    public static bool IsKnown { get; } = File.Exists(StatusFile);

    /// <summary>Bytes, since the start or since the last <see cref="Reset"/>.</summary>
    public static long Peak()
    {
        foreach (string line in File.ReadLines(StatusFile))
        {
            if (line.StartsWith("VmHWM:", StringComparison.Ordinal))
                return 1024 * long.Parse(line.AsSpan(6, line.Length - 9), NumberStyles.AllowLeadingWhite, CultureInfo.InvariantCulture);
        }

        return 0;
    }

    /// <summary>Begins anew with what the process has now.</summary>
    public static void Reset() => File.WriteAllText("/proc/self/clear_refs", "5");
}
