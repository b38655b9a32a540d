namespace Dino.Gpu.Cli.Progress;

/// <summary>A plain line every few seconds, for log files and pipes.</summary>
internal sealed class LineProgress(ProgressCounter counter, TextWriter error) : IProgressDisplay
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private TimeSpan _next = Interval;

    public void Advance(bool failed)
    {
        counter.Advance(failed);
        TimeSpan elapsed = counter.Elapsed;
        if (elapsed < _next || counter.Done == counter.Total)
            return;
        error.WriteLine($"dino: {counter}");
        _next = elapsed + Interval;
    }

    public void Report(string line) => error.WriteLine(line);

    public void Dispose()
    {
    }
}
