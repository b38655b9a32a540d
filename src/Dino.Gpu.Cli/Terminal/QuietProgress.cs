namespace Dino.Gpu.Cli.Terminal;

/// <summary>Prints failures only.</summary>
internal sealed class QuietProgress(ProgressCounter counter, CliConsole console) : IProgressDisplay
{
    public void Advance(bool failed) => counter.Advance(failed);

    public void Report(string line) => console.Tell(line);

    public void Dispose()
    {
    }
}
