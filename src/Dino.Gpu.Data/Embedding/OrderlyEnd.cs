using System.Runtime.InteropServices;

namespace Dino.Gpu.Data.Embedding;

/// <summary>
/// Ends a process on SIGINT, SIGTERM or SIGHUP. The first signal asks for an orderly end, which leaves no partial file.
/// A second one leaves at once, and so does the process itself if it has not ended after a while: a library that
/// unpacks a picture, or a pipe that nobody writes to, does not look for signals.
/// </summary>
internal sealed class OrderlyEnd : IDisposable
{
    /// <summary>The code that shells use for a command that was interrupted.</summary>
    private const int Interrupted = 130;

    /// <summary>A forward pass and what is written behind it take seconds, even on a slow disk.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;
    private readonly Action _beforeLeaving;
    private readonly Timer _leave;

    /// <param name="beforeLeaving">Called where the process leaves without an orderly end.</param>
    public OrderlyEnd(Action beforeLeaving)
    {
        _beforeLeaving = beforeLeaving;
        _leave = new Timer(_ => Leave());
        // SIGHUP means that the terminal is gone. Under nohup the system ignores it before it comes here.
        _registrations = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP }
            .Select(signal => PosixSignalRegistration.Create(signal, OnSignal))];
    }

    /// <summary>Canceled by the first signal.</summary>
    public CancellationToken Token => _source.Token;

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
            registration.Dispose();
        _leave.Dispose();
        _source.Dispose();
    }

    private void OnSignal(PosixSignalContext signal)
    {
        signal.Cancel = !_source.IsCancellationRequested;
        if (!signal.Cancel)
        {
            _beforeLeaving();
            return;
        }

        _leave.Change(Patience, Timeout.InfiniteTimeSpan);
        _source.Cancel();
    }

    private void Leave()
    {
        _beforeLeaving();
        Environment.Exit(Interrupted);
    }
}
