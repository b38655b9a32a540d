namespace Dino.Gpu.Cli.Terminal;

/// <summary>
/// Writes a line at regular intervals, even if nothing moves: a file that hangs must not look like a dead process.
/// Other lines go between them, one at a time.
/// </summary>
internal sealed class TimedLines : IDisposable
{
    private readonly Func<string> _line;
    private readonly TextWriter _error;
    private readonly Lock _lock = new();
    private readonly PeriodicTimer _timer;
    private bool _ended;

    public TimedLines(TimeSpan interval, Func<string> line, TextWriter error)
    {
        _line = line;
        _error = error;
        _timer = new PeriodicTimer(interval);
        _ = TellAsync();
    }

    /// <summary>Writes a line at once.</summary>
    public void Write(string line)
    {
        lock (_lock)
            _error.WriteLine(line);
    }

    /// <summary>Stops the regular lines.</summary>
    public void Dispose()
    {
        lock (_lock)
            _ended = true;
        _timer.Dispose();
    }

    private async Task TellAsync()
    {
        // A stopped terminal blocks one line. The ticks that pass meanwhile count as one.
        while (await _timer.WaitForNextTickAsync().ConfigureAwait(false))
        {
            lock (_lock)
            {
                if (!_ended)
                    _error.WriteLine(_line());
            }
        }
    }
}
