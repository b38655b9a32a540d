using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Files;

namespace Dino.Gpu.Cli.Terminal;

/// <summary>Shows the library's progress on stderr, once it knows how much there is to do.</summary>
/// <param name="kind">The value of <c>--progress</c>.</param>
/// <param name="console">Its stderr is used.</param>
/// <param name="rowsOnTerminal">Whether rows scroll over the same terminal.</param>
/// <param name="onBegin">Called when the work begins, before anything is shown; may be null.</param>
internal sealed class ConsoleProgress(ProgressKind kind, CliConsole console, bool rowsOnTerminal, Action<EmbeddingStart>? onBegin = null)
    : IEmbeddingProgress, IDisposable
{
    private readonly ImageFailures _failures = new(console.IsVerbose ? long.MaxValue : ImageFailures.MostNamed);
    private IProgressDisplay? _display;
    private long _warnings;

    /// <summary>The counts so far.</summary>
    public ProgressCounter Counter { get; private set; } = new(null);

    /// <summary>What names every failed image.</summary>
    public string AllFailures { get; init; } = "--verbose";

    public void Begin(EmbeddingStart start)
    {
        onBegin?.Invoke(start);
        Counter = new ProgressCounter(start.Total, start.Done, start.Failed);
        _display = ProgressDisplay.Create(kind, Counter, console, rowsOnTerminal);
    }

    public void Advance(bool failed) => _display!.Advance(failed);

    /// <summary>Hears of each failed image, besides the reader of stderr; may be null.</summary>
    public Action<string, string>? OnFailure { get; init; }

    public void Report(string path, string reason, string? hint)
    {
        OnFailure?.Invoke(path, reason);
        if (!_failures.Add(reason))
            return;
        Show($"dino: warning: {MessageText.OneLine(ImageFailures.Line(path, reason))}");
        if (hint is not null && console.IsNew(hint))
            _display!.Report($"{CliConsole.HintPrefix}{hint}");
    }

    public void Warn(string path, string warning)
    {
        if (_warnings++ < ImageFailures.MostNamed || console.IsVerbose)
            Show($"dino: warning: {MessageText.OneLine(ImageFailures.Line(path, warning))}");
    }

    public void Dispose()
    {
        if (_failures.TakeRest() is { } rest)
            Show($"dino: warning: {rest} ({AllFailures} names all of them)");
        if (_warnings > ImageFailures.MostNamed && !console.IsVerbose)
            Show($"dino: warning: {_warnings - ImageFailures.MostNamed} more images have a warning (--verbose names all)");
        _warnings = 0;
        _display?.Dispose();
    }

    private void Show(string line)
    {
        if (!console.TellsOnce || console.IsNew(line))
            _display!.Report(line);
    }
}
