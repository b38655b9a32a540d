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
    private TimeSpan _patience;

    /// <param name="beforeLeaving">Called where the process leaves without an orderly end.</param>
    public OrderlyEnd(Action beforeLeaving)
        : this(beforeLeaving, Patience, Environment.Exit)
    {
    }

    /// <param name="beforeLeaving">Called where the process leaves without an orderly end.</param>
    /// <param name="patience">How long an orderly end may take.</param>
    /// <param name="exit">Leaves with an exit code.</param>
    internal OrderlyEnd(Action beforeLeaving, TimeSpan patience, Action<int> exit)
    {
        _beforeLeaving = beforeLeaving;
        _patience = patience;
        _leave = new Timer(_ =>
        {
            beforeLeaving();
            exit(Interrupted);
        });
        // SIGHUP means that the terminal is gone. Under nohup the system ignores it before it comes here.
        PosixSignal[] signals = [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP];
        try
        {
            _registrations = Array.ConvertAll(signals, signal => PosixSignalRegistration.Create(signal, OnSignal));
        }
        catch (TypeInitializationException)
        {
            _registrations = []; // not enough memory for a thread: the command will say so
        }
    }

    /// <summary>Canceled by the first signal.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>Sets how long an orderly end may take, before there is a signal.</summary>
    public void Allow(TimeSpan patience) => _patience = patience;

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
            registration.Dispose();
        _leave.Dispose();
        _source.Dispose();
    }

    /// <summary>The first signal.</summary>
    internal void Ask()
    {
        _leave.Change(_patience, Timeout.InfiniteTimeSpan);
        _source.Cancel();
    }

    private void OnSignal(PosixSignalContext signal)
    {
        signal.Cancel = !_source.IsCancellationRequested;
        if (signal.Cancel)
            Ask();
        else
            _beforeLeaving();
    }
}
