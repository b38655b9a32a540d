namespace Dino.Gpu.Files;

/// <summary>
/// The system could not read a file, and the file is not to blame: a disk error, a stale handle of a network drive, no
/// more open files. A moment later, or on another day, the same file may be read.
/// </summary>
internal sealed class SystemReadException(string message, Exception? innerException = null) : DinoException(message, innerException)
{
    /// <summary>Pauses between tries: the first outlasts a moment without descriptors, the second a failover.</summary>
    private static readonly TimeSpan[] Pauses = [TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(1)];

    /// <summary>Tries that <see cref="Retry"/> makes.</summary>
    public static int Tries => Pauses.Length + 1;

    /// <summary>Reads, and reads again after a pause if the system failed.</summary>
    /// <param name="read">Opens the file; called again for each try.</param>
    /// <exception cref="SystemReadException">Every try failed; this is what the last one said.</exception>
    public static T Retry<T>(Func<T> read)
    {
        for (int failed = 0; ; failed++)
        {
            try
            {
                return read();
            }
            catch (SystemReadException) when (failed < Pauses.Length)
            {
                Thread.Sleep(Pauses[failed]);
            }
        }
    }
}
