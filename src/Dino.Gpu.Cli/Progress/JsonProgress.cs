using System.Text.Json;

namespace Dino.Gpu.Cli.Progress;

/// <summary>
/// One JSON object a line on stderr, once a second and at the end, for programs that start this one:
/// <c>{"event":"progress","done":120,"total":5000,"failed":2,"imagesPerSecond":24.1,"secondsLeft":202.5}</c>, and <c>{"event":"message","text":"..."}</c>.
/// </summary>
internal sealed class JsonProgress(ProgressCounter counter, TextWriter error) : IProgressDisplay
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private TimeSpan _next;

    public void Advance(bool failed)
    {
        counter.Advance(failed);
        TimeSpan elapsed = counter.Elapsed;
        if (elapsed < _next)
            return;
        Write();
        _next = elapsed + Interval;
    }

    public void Report(string line) => error.WriteLine(Message(line));

    /// <summary>A line for people, as this display writes it.</summary>
    public static string Message(string line) => JsonSerializer.Serialize(new { @event = "message", text = line });

    public void Dispose() => Write();

    private void Write() => error.WriteLine(JsonSerializer.Serialize(new
    {
        @event = "progress",
        done = counter.Done,
        total = counter.Total,
        failed = counter.Failed,
        imagesPerSecond = Math.Round(counter.ImagesPerSecond, 2),
        secondsLeft = counter.Remaining is { } left ? Math.Round(left.TotalSeconds, 1) : (double?)null,
    }));
}
