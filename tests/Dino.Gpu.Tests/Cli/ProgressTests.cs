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
        using IProgressDisplay display = ProgressDisplay.Create(new ProgressCounter(1), console, quiet: false, rowsOnTerminal);
        Assert.IsType(expected, display);
        using IProgressDisplay quiet = ProgressDisplay.Create(new ProgressCounter(1), console, quiet: true, rowsOnTerminal);
        Assert.IsType<QuietProgress>(quiet);
    }

    [Fact]
    public void Messages_are_one_line_without_terminal_escapes()
    {
        Assert.Equal("a b?[31m.jpg", DinoCommandLine.OneLine("a\r\n b\u001b[31m.jpg\n"));
    }
}
