namespace Dino.Gpu.Cli.Terminal;

/// <summary>What the process returns to the shell.</summary>
internal static class ExitCode
{
    public const int Success = 0;

    /// <summary>The command failed: one line on stderr says why.</summary>
    public const int Fatal = 1;

    /// <summary>The command line itself was wrong.</summary>
    public const int Usage = 2;

    /// <summary>The output is complete, but some images could not be read.</summary>
    public const int SomeImagesFailed = 3;

    /// <summary>128 + SIGINT, as shells expect.</summary>
    public const int Canceled = 130;
}
