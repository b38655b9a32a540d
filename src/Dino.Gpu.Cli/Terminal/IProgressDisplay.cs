namespace Dino.Gpu.Cli.Terminal;

/// <summary>Shows the progress of a long command on stderr.</summary>
internal interface IProgressDisplay : IDisposable
{
    /// <summary>Counts one more image.</summary>
    void Advance(bool failed);

    /// <summary>Prints a line that must not be lost, such as the reason for a failed image.</summary>
    void Report(string line);
}
