namespace Dino.Gpu.Cli.Progress;

/// <summary>A plain line every few seconds, for log files and pipes. While nothing moves it says for how long.</summary>
internal sealed class LineProgress : IProgressDisplay
{
    private readonly ProgressCounter _counter;
    private readonly TimedLines _lines;

    /// <param name="counter">What is shown.</param>
    /// <param name="error">Where to.</param>
    /// <param name="interval">Five seconds unless a test has no time for it.</param>
    public LineProgress(ProgressCounter counter, TextWriter error, TimeSpan? interval = null)
    {
        TimeSpan between = interval ?? TimeSpan.FromSeconds(5);
        _counter = counter;
        _lines = new TimedLines(between, () => $"dino: {counter}{(counter.Idle < between ? "" : $", none for {ProgressCounter.Clock(counter.Idle)}")}", error);
    }

    public void Advance(bool failed) => _counter.Advance(failed);

    public void Report(string line) => _lines.Write(line);

    public void Dispose() => _lines.Dispose();
}
