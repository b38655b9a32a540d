using System.Diagnostics;

namespace Dino.Gpu.Fuzz;

/// <summary>
/// What every reader promises, whatever the input: it reads, or refuses with an exception of ours, in one line that a
/// terminal can show; memory stays within 20 times the file and 64 MB, and time within a second or two.
/// </summary>
/// <param name="folder">Where inputs become files.</param>
internal sealed class Oracle(string folder)
{
    private const long FreeBytes = 64 << 20;
    private const long BytesPerByte = 20;
    private const int LongestMessage = 2000;

    /// <summary>
    /// For a megabyte at most. What is slow is tried again, without the time that other programs hold the processor.
    /// </summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);

    private long _peak = ProcessMemory.IsKnown ? ProcessMemory.Peak() : 0;

    /// <summary>Gives an input to a reader.</summary>
    /// <returns>What is wrong with the reader, or null.</returns>
    public string? Check(FuzzTarget target, byte[] bytes)
    {
        var input = new FuzzInput(folder, bytes);
        long before = GC.GetAllocatedBytesForCurrentThread();
        long start = Stopwatch.GetTimestamp();
        if (Run(target, input) is { } problem)
            return problem;
        TimeSpan time = Stopwatch.GetElapsedTime(start);
        long limit = FreeBytes + BytesPerByte * input.FileBytes;

        // All that was allocated is more than was ever held. Only where that is too much, or where a native library took
        // memory, it is measured.
        bool isSuspect = GC.GetAllocatedBytesForCurrentThread() - before > limit || target.IsNative && HasGrown(limit);
        if (isSuspect && Measure(target, bytes) is var held && held > limit)
            return $"memory: {held >> 20} MiB for {input.FileBytes} bytes";
        if (time > Longest && Fastest(target, bytes) is var fastest && fastest > Longest)
            return $"time: {fastest.TotalSeconds:F1} s for {bytes.Length} bytes";
        return null;
    }

    private static string? Run(FuzzTarget target, FuzzInput input)
    {
        try
        {
            target.Run(input);
            return null;
        }
        catch (DinoException failure)
        {
            return Message(failure.Message, "message") ?? (failure.Hint is { } hint ? Message(hint, "hint") : null);
        }
        catch (OperationCanceledException)
        {
            return null;
        }
        catch (Exception failure)
        {
            string? place = new StackTrace(failure).GetFrames()
                .Select(frame => frame.GetMethod())
                .FirstOrDefault(method => method?.DeclaringType?.Namespace?.StartsWith("Dino.Gpu", StringComparison.Ordinal) == true)
                is { } method ? $"{method.DeclaringType!.Name}.{method.Name}" : null;
            return $"exception: {failure.GetType().Name} in {place}";
        }
    }

    /// <summary>What is wrong with a text that is shown, or null.</summary>
    private static string? Message(string text, string what) =>
        text.Length > LongestMessage ? $"{what} of more than {LongestMessage} characters"
        : text.Any(char.IsControl) ? $"{what} with a control character"
        : null;

    /// <summary>Whether the process grew suspiciously; it may as well have grown little by little.</summary>
    private bool HasGrown(long limit)
    {
        if (!ProcessMemory.IsKnown)
            return false;
        long peak = ProcessMemory.Peak();
        bool hasGrown = peak - _peak > Math.Min(limit, FreeBytes) / 2;
        if (hasGrown)
            _peak = peak;
        return hasGrown;
    }

    /// <summary>Runs the input again and sees what the process takes for it.</summary>
    private long Measure(FuzzTarget target, byte[] bytes)
    {
        if (!ProcessMemory.IsKnown)
            return 0;
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        ProcessMemory.Reset();
        long before = ProcessMemory.Peak();
        Run(target, new FuzzInput(folder, bytes));
        _peak = ProcessMemory.Peak();
        return _peak - before;
    }

    private TimeSpan Fastest(FuzzTarget target, byte[] bytes)
    {
        TimeSpan fastest = TimeSpan.MaxValue;
        for (int i = 0; i < 3; i++)
        {
            TimeSpan start = Environment.CpuUsage.TotalTime;
            Run(target, new FuzzInput(folder, bytes));
            fastest = TimeSpan.FromTicks(Math.Min(fastest.Ticks, (Environment.CpuUsage.TotalTime - start).Ticks));
        }

        return fastest;
    }
}
