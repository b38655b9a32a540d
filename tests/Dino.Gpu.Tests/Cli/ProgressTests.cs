using System.Diagnostics;
using System.Text.Json;
using Dino.Gpu.Cli;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Files;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

public sealed class ProgressTests
{
    [Fact]
    public void Counter_tells_rate_time_left_and_failures()
    {
        var counter = new ProgressCounter(4);
        Assert.Equal("0/4 images", counter.ToString());
        counter.Advance(failed: false);
        counter.Advance(failed: true);
        Assert.Matches(@"^2/4 images, [0-9.]+ images/s, \d+:\d\d left, 1 failed$", counter.ToString());
    }

    [Fact]
    public void Counter_counts_an_earlier_run_as_done_but_not_as_fast()
    {
        var counter = new ProgressCounter(1_000_000, doneBefore: 900_000, failedBefore: 3);
        counter.Advance(failed: false);
        Assert.Equal((900_001, 3), (counter.Done, counter.Failed));
        TimeSpan before = counter.Elapsed;
        double rate = counter.ImagesPerSecond;
        Assert.InRange(rate, 1 / counter.Elapsed.TotalSeconds, 1 / before.TotalSeconds);
    }

    /// <summary>An hour at one image a second, then a hundred a second: the time left is that of the new rate.</summary>
    [Fact]
    public void Time_left_is_estimated_from_the_last_half_minute()
    {
        var clock = new ManualClock();
        var counter = new ProgressCounter(10_000, clock: clock);
        for (int second = 0; second < 3600; second++)
            Pass(1, 1);
        Assert.Equal(1, counter.RecentRate, 0.1);
        Pass(60, 100);
        Assert.Equal(100, counter.RecentRate, 1.0);
        Assert.Equal(4, counter.Remaining!.Value.TotalSeconds, 0.1);
        Assert.Equal(9600 / 3660.0, counter.ImagesPerSecond, 0.01);
        clock.Now += TimeSpan.FromMinutes(2); // a stall
        Assert.Matches(@"^9600/10000 images, 0\.[0-9] images/s", counter.ToString());

        void Pass(int seconds, int images)
        {
            for (int i = 0; i < seconds * images; i++)
            {
                clock.Now += TimeSpan.FromSeconds(1.0 / images);
                counter.Advance(failed: false);
            }
        }
    }

    [Fact]
    public void Counter_without_an_end_tells_no_time_left()
    {
        var counter = new ProgressCounter(null);
        counter.Advance(failed: false);
        Assert.Matches(@"^1 image, [0-9.]+ images/s$", counter.ToString());
        using var error = new StringWriter();
        using (var bar = new BarProgress(counter, error))
            bar.Advance(failed: false);
        Assert.DoesNotContain("E+", error.ToString());
    }

    [Fact]
    public void Json_progress_is_a_line_of_json_each()
    {
        using var error = new StringWriter();
        using (var display = new JsonProgress(new ProgressCounter(2), error))
        {
            display.Report("dino: \"a\": broken");
            display.Advance(failed: true);
            display.Advance(failed: false);
        }

        JsonElement[] lines = [.. error.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal("dino: \"a\": broken", lines[0].GetProperty("text").GetString());
        Assert.Equal(
            (2, 2, 1, 0.0),
            (
                lines[^1].GetProperty("done").GetInt64(),
                lines[^1].GetProperty("total").GetInt64(),
                lines[^1].GetProperty("failed").GetInt64(),
                lines[^1].GetProperty("secondsLeft").GetDouble()));
    }

    /// <summary>One file that hangs must not look like a process that hangs.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Lines_go_on_while_nothing_moves(bool json)
    {
        using var error = new StringWriter();
        var counter = new ProgressCounter(9);
        counter.Advance(failed: false);
        var interval = TimeSpan.FromMilliseconds(20);
        using (IProgressDisplay display = json ? new JsonProgress(counter, error, interval) : new LineProgress(counter, error, interval))
        {
            for (int i = 0; i < 20; i++)
            {
                await Task.Delay(20, TestContext.Current.CancellationToken);
                display.Report("between");
            }
        }

        Assert.InRange(Told(error, json).Length, 3, int.MaxValue);

        string whole = error.ToString();
        await Task.Delay(100, TestContext.Current.CancellationToken);
        Assert.Equal(whole, error.ToString());
        if (!json)
            Assert.All(
                Told(error, json),
                line => Assert.Matches(@"^dino: 1/9 images, [0-9.]+ images/s, \d+:\d\d left, nothing new for \d+:\d\d$", line));
    }

    /// <summary>The first batch of a model may take longer than the line; nothing has stopped then.</summary>
    [Fact]
    public async Task Lines_before_the_first_image_say_what_is_running()
    {
        using var error = new LineWriter();
        using (new LineProgress(new ProgressCounter(4), error, TimeSpan.FromMilliseconds(10), "drawing (2 of 2)"))
            await error.Written.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        Assert.Matches(@"^dino: drawing \(2 of 2\): 0/4 images, first batch running for \d+:\d\d\s", error.ToString());
    }

    [Fact]
    public async Task Json_lines_come_once_a_second()
    {
        using var error = new LineWriter();
        long start = Stopwatch.GetTimestamp();
        using (new JsonProgress(new ProgressCounter(9), error))
            await error.Written.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
        Assert.InRange(elapsed.TotalSeconds, 0.95, 20); // a timer may come a little early, and a busy machine late
        Assert.InRange(Told(error, json: true).Length, 2, (int)elapsed.TotalSeconds + 2); // after every second, and at the end
    }

    /// <summary>A disk that was full may have room again.</summary>
    [Fact]
    public async Task A_line_that_a_log_does_not_take_is_not_the_last()
    {
        using var error = new LineWriter { Refuses = 1 };
        using (new LineProgress(new ProgressCounter(9), new StandardError(error), TimeSpan.FromMilliseconds(10)))
            await error.Written.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        Assert.Equal(0, error.Refuses);
    }

    [Theory]
    [InlineData("nowhere/*.jpg")]
    [InlineData("nowhere/*.jpg", "--verbose")]
    [InlineData("missing.png", "--on-error", "fail")]
    [InlineData("missing.png", "--on-error", "fail", "--quiet")]
    public async Task Json_progress_tells_why_the_run_ended_in_json_too(params string[] arguments)
    {
        CliResult result = await CliRunner.EmbedTinyAsync(
            ["--progress", "json", .. arguments.Select(argument => argument == "missing.png" ? MissingFiles.List(argument) : argument)]);
        Assert.Equal(1, result.ExitCode);
        JsonElement last = Json(result)[^1];
        Assert.Equal("error", last.GetProperty("event").GetString());
        Assert.NotEmpty(last.GetProperty("text").GetString()!);
    }

    [Fact]
    public async Task Json_progress_is_json_when_cancelled_and_when_quiet()
    {
        CliResult quiet = await CliRunner.EmbedTinyAsync(MissingFiles.List("missing.png"), "--progress", "json", "--quiet");
        Assert.Equal(3, quiet.ExitCode);
        Assert.Contains("missing.png", Assert.Single(Json(quiet)).GetProperty("text").GetString());
        CliResult cancelled = await CliRunner.RunAsync(
            new CancellationToken(canceled: true), [
                "embed", MissingFiles.List("missing.png"), "--weights", CliRunner.TinyWeights, "--device", "cpu", "--progress",
                "json"
            ]);
        Assert.Equal(130, cancelled.ExitCode);
        Assert.Equal($"dino: {DinoCommandLine.Canceled}", Assert.Single(Json(cancelled)).GetProperty("text").GetString());
    }

    [Fact]
    public void Bar_prints_reports_as_they_stand()
    {
        using var error = new StringWriter();
        var counter = new ProgressCounter(2);
        using (var bar = new BarProgress(counter, error))
        {
            bar.Report("dino: [red]a.jpg[/]: not an image");
            bar.Advance(failed: true);
        }

        Assert.Contains("[red]a.jpg[/]: not an image", error.ToString());
        Assert.Equal((1, 1), (counter.Done, counter.Failed));
    }

    [Theory]
    [InlineData(true, false, typeof(BarProgress))]
    [InlineData(true, true, typeof(LineProgress))]
    [InlineData(false, false, typeof(LineProgress))]
    public void Bar_needs_a_terminal_of_its_own(bool terminal, bool rowsOnTerminal, Type expected)
    {
        var console = new CliConsole { Input = TextReader.Null, Output = Stream.Null, Error = TextWriter.Null, ErrorIsTerminal = terminal };
        using IProgressDisplay display = ProgressDisplay.Create(ProgressKind.Auto, new ProgressCounter(1), console, rowsOnTerminal);
        Assert.IsType(expected, display);
        using IProgressDisplay quiet = ProgressDisplay.Create(ProgressKind.None, new ProgressCounter(1), console, rowsOnTerminal);
        Assert.IsType<QuietProgress>(quiet);
    }

    [Fact]
    public void Messages_are_one_line_without_terminal_escapes()
    {
        Assert.Equal("a b?[31m.jpg", MessageText.OneLine("a\r\n b\u001b[31m.jpg\n"));
    }

    /// <summary>Tests that look at every line of stderr do not depend on how fast the machine is.</summary>
    [Fact]
    public void Lines_of_progress_are_left_out_of_a_result_and_no_others()
    {
        var counter = new ProgressCounter(40);
        var error = new StringWriter();
        error.WriteLine($"dino: {counter}, first batch running for 0:05");
        error.WriteLine($"dino: drawing (2 of 2): {counter}, first batch running for 0:05");
        counter.Advance(failed: true);
        error.WriteLine($"dino: {counter}");
        error.WriteLine("dino: 12 images, 3.1 images/s, nothing new for 1:00:05");
        string[] others =
        [
            "dino: 6 images, 2 groups of near-duplicates at 0.98, 3 could go",
            "dino: 40 images in 5.1 s, 1 failed -> maps",
            "dino: 2 images in 0.1 s (20.0 images/s) -> e.npy, rows of (48)",
        ];
        foreach (string line in others)
            error.WriteLine(line);
        Assert.Equal(others, new CliResult(0, [], error.ToString()).ErrorLines);
    }

    private static JsonElement[] Json(CliResult result) => [.. result.ErrorLines.Select(line => JsonDocument.Parse(line).RootElement)];

    /// <summary>Lines that say how far the run is.</summary>
    private static string[] Told(StringWriter error, bool json) =>
        [.. error.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Where(line => json ? line.Contains("\"progress\"") : line != "between")];

    /// <summary>Tells when the first line is there.</summary>
    private sealed class LineWriter : StringWriter
    {
        private readonly TaskCompletionSource _written = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Written => _written.Task;

        /// <summary>Lines that it does not take before, as a full disk.</summary>
        public int Refuses { get; set; }

        public override void WriteLine(string? value)
        {
            if (Refuses > 0)
            {
                Refuses--;
                throw new IOException("No space left on device");
            }

            base.WriteLine(value);
            _written.TrySetResult();
        }
    }

    private sealed class ManualClock : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }
}
