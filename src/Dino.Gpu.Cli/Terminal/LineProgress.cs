namespace Dino.Gpu.Cli.Terminal;

/// <summary>A plain line every few seconds, for log files and pipes. It says for how long nothing has moved.</summary>
internal sealed class LineProgress : IProgressDisplay
{
    private readonly ProgressCounter _counter;
    private readonly string? _activity;
    private readonly TimedLines _lines;
    private long _told; // images in the previous line

    /// <param name="counter">The counts to show.</param>
    /// <param name="error">The stream to write to.</param>
    /// <param name="interval">Five seconds if null; tests take less.</param>
    /// <param name="activity">What the command is doing now; null if it does one thing only.</param>
    public LineProgress(ProgressCounter counter, TextWriter error, TimeSpan? interval = null, string? activity = null)
    {
        _counter = counter;
        _activity = activity;
        _told = counter.Done;
        _lines = new TimedLines(interval ?? TimeSpan.FromSeconds(5), () => $"dino: {Line()}", error);
    }

    public void Advance(bool failed) => _counter.Advance(failed);

    public void Report(string line) => _lines.Write(TerminalText.Line(line));

    public void Dispose() => _lines.Dispose();

    private string Line()
    {
        long before = _told;
        _told = _counter.Done;
        string counts = _activity is null ? $"{_counter}" : $"{_activity}: {_counter}";
        if (_told > before)
            return counts;
        string idle = ProgressCounter.Clock(_counter.Idle);
        return _counter.DoneNow == 0 ? $"{counts}, first batch running for {idle}" : $"{counts}, nothing new for {idle}";
    }
}
