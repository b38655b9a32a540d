using Dino.Gpu.Server.Requests;

namespace Dino.Gpu.Server.Model;

/// <summary>
/// Lets the passes through the model that do not go through its queue run a few at a time, off the threads that answer
/// requests. Thread-safe.
/// </summary>
/// <param name="atOnce">How many run at the same time.</param>
/// <param name="most">How many wait or run; more are refused.</param>
internal sealed class PassGate(int atOnce, int most) : IDisposable
{
    private readonly SemaphoreSlim _free = new(atOnce);
    private int _count;

    /// <summary>Runs a pass.</summary>
    /// <param name="pass">Decodes pictures and runs the model; it may block.</param>
    /// <param name="cancellation">Ends the wait; a pass that runs is finished, and nobody waits for it.</param>
    /// <exception cref="RequestFailure">Too many wait already.</exception>
    public async Task<T> RunAsync<T>(Func<T> pass, CancellationToken cancellation)
    {
        if (Interlocked.Increment(ref _count) > most)
        {
            Interlocked.Decrement(ref _count);
            throw Full();
        }

        try
        {
            await _free.WaitAsync(cancellation).ConfigureAwait(false);
        }
        catch
        {
            Interlocked.Decrement(ref _count);
            throw;
        }

        return await Task.Run(
            () =>
            {
                try
                {
                    cancellation.ThrowIfCancellationRequested();
                    return pass();
                }
                finally
                {
                    _free.Release();
                    Interlocked.Decrement(ref _count);
                }
            },
            CancellationToken.None).WaitAsync(cancellation).ConfigureAwait(false);
    }

    /// <summary>Refuses before there is a pass what would be refused.</summary>
    /// <exception cref="RequestFailure">Too many wait already.</exception>
    public void RequireRoom()
    {
        if (Volatile.Read(ref _count) >= most)
            throw Full();
    }

    public void Dispose() => _free.Dispose();

    private RequestFailure Full()
    {
        DinoTelemetry.Busy();
        return RequestFailure.Busy($"{most} passes wait for the model already");
    }
}
