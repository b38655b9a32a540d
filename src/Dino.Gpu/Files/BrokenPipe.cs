namespace Dino.Gpu.Files;

/// <summary>Recognizes a failed write to a pipe whose reader is gone.</summary>
internal static class BrokenPipe
{
    // errno EPIPE, and ERROR_BROKEN_PIPE and ERROR_NO_DATA of Windows as HRESULTs.
    private const int OnUnix = 32;
    private const int OnWindows = unchecked((int)0x8007006D);
    private const int NoReaderOnWindows = unchecked((int)0x800700E8);

    /// <summary>Whether a write failed because the reader of the pipe is gone.</summary>
    public static bool Is(IOException failure) => failure.HResult is OnUnix or OnWindows or NoReaderOnWindows;
}
