using System.Text;
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
    public static string Message(string line) => Event("message", json => json.WriteString("text", line));

    /// <summary>The object that says why the command failed.</summary>
    public static string Error(string message, string? hint) => Event("error", json =>
    {
        json.WriteString("text", message);
        if (hint is not null)
            json.WriteString("hint", hint);
    });

    public void Dispose()
    {
        _lines.Dispose();
        _lines.Write(Line());
    }

    private string Line() => Event("progress", json =>
    {
        json.WriteNumber("done", _counter.Done);
        if (_counter.Total is { } total)
            json.WriteNumber("total", total);
        else
            json.WriteNull("total");
        json.WriteNumber("failed", _counter.Failed);
        json.WriteNumber("imagesPerSecond", Math.Round(_counter.ImagesPerSecond, 2));
        if (_counter.Remaining is { } left)
            json.WriteNumber("secondsLeft", Math.Round(left.TotalSeconds, 1));
        else
            json.WriteNull("secondsLeft");
    });

    private static string Event(string name, Action<Utf8JsonWriter> write)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteString("event", name);
            write(json);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length);
    }
}
