using System.Text.Json;
using Dino.Gpu.Cli;
using Dino.Gpu.Cli.Progress;

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
        Assert.Equal(1 / counter.Elapsed.TotalSeconds, counter.ImagesPerSecond, 0.5 / counter.Elapsed.TotalSeconds);
    }

    [Fact]
    public void Counter_without_an_end_tells_no_time_left()
    {
        var counter = new ProgressCounter(null);
        counter.Advance(failed: false);
        Assert.Matches(@"^1 images, [0-9.]+ images/s$", counter.ToString());
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

        JsonElement[] lines = [.. error.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal("dino: \"a\": broken", lines[0].GetProperty("text").GetString());
        Assert.Equal((2, 2, 1, 0.0), (lines[^1].GetProperty("done").GetInt64(), lines[^1].GetProperty("total").GetInt64(), lines[^1].GetProperty("failed").GetInt64(), lines[^1].GetProperty("secondsLeft").GetDouble()));
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
        Assert.Equal("a b?[31m.jpg", DinoCommandLine.OneLine("a\r\n b\u001b[31m.jpg\n"));
    }
}
