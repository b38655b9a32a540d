namespace Dino.Gpu.Cli.Terminal;

/// <summary>Shows on stderr how a long command is getting on.</summary>
internal interface IProgressDisplay : IDisposable
{
    /// <summary>One more image is through.</summary>
    void Advance(bool failed);

    /// <summary>Prints a line that must not be lost, such as the reason for a failed image.</summary>
    void Report(string line);
}
