using Spectre.Console;
using Spectre.Console.Rendering;

namespace Dino.Gpu.Cli.Terminal;

/// <summary>
/// A bar on the terminal, redrawn a few times a second, with images per second, time left and failures.
/// </summary>
internal sealed class BarProgress : IProgressDisplay
{
    private readonly ProgressCounter _counter;
    private readonly IAnsiConsole _console;
    private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _drawing;

    /// <param name="counter">The counts to show.</param>
    /// <param name="error">The stream to draw on.</param>
    /// <param name="activity">What the command is doing now; null if it does one thing only.</param>
    public BarProgress(ProgressCounter counter, TextWriter error, string? activity = null)
    {
        _counter = counter;
        // Spectre would look at stdout, which may be a pipe while stderr is the terminal.
        _console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(error),
            Ansi = AnsiSupport.Yes,
            Interactive = InteractionSupport.Yes,
        });
        _drawing = _console.Progress()
            .AutoClear(true)
            .Columns(counter.Total is null
                ? [new SpinnerColumn(), new CounterColumn(counter, activity)] // no end to fill a bar towards
                : [new ProgressBarColumn { Width = 32 }, new CounterColumn(counter, activity)])
            .StartAsync(DrawAsync);
    }

    public void Advance(bool failed) => _counter.Advance(failed);

    public void Report(string line) => _console.Write(new Text(TerminalText.Line(line) + "\n"));

    public void Dispose()
    {
        _end.TrySetResult();
        _drawing.Wait();
    }

    private async Task DrawAsync(ProgressContext context)
    {
        ProgressTask bar = context.AddTask("embed", maxValue: _counter.Total ?? double.MaxValue);
        while (!_end.Task.IsCompleted)
        {
            bar.Value = _counter.Done;
            await Task.WhenAny(_end.Task, Task.Delay(TimeSpan.FromMilliseconds(100))).ConfigureAwait(false);
        }

        bar.Value = _counter.Done;
    }

    private sealed class CounterColumn(ProgressCounter counter, string? activity) : ProgressColumn
    {
        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
            new Text(activity is null ? counter.ToString() : $"{activity}: {counter}");
    }
}
