using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Files;

namespace Dino.Gpu.Cli.Terminal;

/// <summary>
/// Shows the progress of the library on stderr, from the moment when it knows how much there is to do.
/// </summary>
/// <param name="kind">What was asked for.</param>
/// <param name="console">Whose stderr is used.</param>
/// <param name="rowsOnTerminal">Whether rows scroll over the same terminal.</param>
/// <param name="onBegin">Told how the work begins, before anything is shown; null for nobody.</param>
internal sealed class ConsoleProgress(ProgressKind kind, CliConsole console, bool rowsOnTerminal, Action<EmbeddingStart>? onBegin = null)
    : IEmbeddingProgress, IDisposable
{
    private IProgressDisplay? _display;

    /// <summary>What is done so far.</summary>
    public ProgressCounter Counter { get; private set; } = new(null);

    public void Begin(EmbeddingStart start)
    {
        onBegin?.Invoke(start);
        Counter = new ProgressCounter(start.Total, start.Done, start.Failed);
        _display = ProgressDisplay.Create(kind, Counter, console, rowsOnTerminal);
    }

    public void Advance(bool failed) => _display!.Advance(failed);

    public void Report(string line) => _display!.Report($"dino: warning: {MessageText.OneLine(line)}");

    public void Dispose() => _display?.Dispose();
}
