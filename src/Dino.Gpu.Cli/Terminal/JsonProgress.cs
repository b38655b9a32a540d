using System.Text.Json;

namespace Dino.Gpu.Cli.Terminal;

/// <summary>
/// One JSON object per line on stderr, every second and at the end, for programs that start this one:
/// <c>{"event":"progress","done":120,"total":5000,"failed":2,"imagesPerSecond":24.1,"secondsLeft":202.5}</c>,
/// <c>{"event":"message","text":"..."}</c>, and, when the command fails,
/// <c>{"event":"error","text":"...","hint":"..."}</c>; the hint may be absent.
/// </summary>
internal sealed class JsonProgress : IProgressDisplay
{
    private readonly ProgressCounter _counter;
    private readonly TimedLines _lines;

    /// <param name="counter">The counts to show.</param>
    /// <param name="error">The stream to write to.</param>
    /// <param name="interval">One second if null; tests take less.</param>
    public JsonProgress(ProgressCounter counter, TextWriter error, TimeSpan? interval = null)
    {
        _counter = counter;
        _lines = new TimedLines(interval ?? TimeSpan.FromSeconds(1), Line, error);
    }

    public void Advance(bool failed) => _counter.Advance(failed);

    public void Report(string line) => _lines.Write(Message(TerminalText.Line(line)));

    /// <summary>The object for a line that people would read.</summary>
    public static string Message(string line) => JsonSerializer.Serialize(new { @event = "message", text = line });

    /// <summary>The object that says why the command failed.</summary>
    public static string Error(string message, string? hint) => hint is null
        ? JsonSerializer.Serialize(new { @event = "error", text = message })
        : JsonSerializer.Serialize(new { @event = "error", text = message, hint });

    public void Dispose()
    {
        _lines.Dispose();
        _lines.Write(Line());
    }

    private string Line() => JsonSerializer.Serialize(new
    {
        @event = "progress",
        done = _counter.Done,
        total = _counter.Total,
        failed = _counter.Failed,
        imagesPerSecond = Math.Round(_counter.ImagesPerSecond, 2),
        secondsLeft = _counter.Remaining is { } left ? Math.Round(left.TotalSeconds, 1) : (double?)null,
    });
}
