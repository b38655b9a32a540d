namespace Dino.Gpu.Cli.Terminal;

/// <summary>A plain line every few seconds, for log files and pipes. While nothing moves it says for how long.</summary>
internal sealed class LineProgress : IProgressDisplay
{
    private readonly ProgressCounter _counter;
    private readonly TimedLines _lines;
    private long _told; // images in the line before

    /// <param name="counter">What is shown.</param>
    /// <param name="error">Where to.</param>
    /// <param name="interval">Five seconds unless a test has no time for it.</param>
    public LineProgress(ProgressCounter counter, TextWriter error, TimeSpan? interval = null)
    {
        _counter = counter;
        _told = counter.Done;
        _lines = new TimedLines(interval ?? TimeSpan.FromSeconds(5), Line, error);
    }

    public void Advance(bool failed) => _counter.Advance(failed);

    public void Report(string line) => _lines.Write(line);

    public void Dispose() => _lines.Dispose();

    private string Line()
    {
        long before = _told;
        _told = _counter.Done;
        return $"dino: {_counter}{(_told > before ? "" : $", none for {ProgressCounter.Clock(_counter.Idle)}")}";
    }
}
