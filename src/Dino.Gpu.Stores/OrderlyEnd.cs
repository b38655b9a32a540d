namespace Dino.Gpu.Stores;

/// <summary>
/// Calls to a server that a cancellation does not break off: a run writes what it has made. But a server that vanished
/// without a word must not hold the process.
/// </summary>
internal static class OrderlyEnd
{
    /// <summary>How long a call may go on after a cancellation.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);

    /// <summary>Waits for a call.</summary>
    /// <param name="call">Gets the token that ends it.</param>
    /// <param name="cancellation">From it on, or from the start of a later call, time is limited.</param>
    /// <exception cref="OperationCanceledException">The time is over.</exception>
    public static T Wait<T>(Func<CancellationToken, Task<T>> call, CancellationToken cancellation)
    {
        using var end = new CancellationTokenSource();
        using CancellationTokenRegistration begun = cancellation.Register(() => end.CancelAfter(Longest));
        return call(end.Token).GetAwaiter().GetResult();
    }
}
