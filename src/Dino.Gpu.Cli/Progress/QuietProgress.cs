namespace Dino.Gpu.Cli.Progress;

/// <summary>Errors only.</summary>
internal sealed class QuietProgress(ProgressCounter counter, TextWriter error) : IProgressDisplay
{
    public void Advance(bool failed) => counter.Advance(failed);

    public void Report(string line) => error.WriteLine(line);

    public void Dispose()
    {
    }
}
