using System.Text.Json;

namespace Dino.Gpu.Cli.Terminal;

/// <summary>
/// One JSON object a line on stderr, once a second and at the end, for programs that start this one:
/// <c>{"event":"progress","done":120,"total":5000,"failed":2,"imagesPerSecond":24.1,"secondsLeft":202.5}</c>,
/// <c>{"event":"message","text":"..."}</c>, and <c>{"event":"error","text":"...","hint":"..."}</c> for why the command
/// ended; the hint may be absent.
/// </summary>
internal sealed class JsonProgress : IProgressDisplay
{
    private readonly ProgressCounter _counter;
    private readonly TimedLines _lines;

    /// <param name="counter">What is shown.</param>
    /// <param name="error">Where to.</param>
    /// <param name="interval">A second unless a test has no time for it.</param>
    public JsonProgress(ProgressCounter counter, TextWriter error, TimeSpan? interval = null)
    {
        _counter = counter;
        _lines = new TimedLines(interval ?? TimeSpan.FromSeconds(1), Line, error);
    }

    public void Advance(bool failed) => _counter.Advance(failed);

    public void Report(string line) => _lines.Write(Message(TerminalText.Line(line)));

    /// <summary>A line for people, as this display writes it.</summary>
    public static string Message(string line) => JsonSerializer.Serialize(new { @event = "message", text = line });

    /// <summary>Why the run ended without its result.</summary>
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
