using System.Runtime.InteropServices;
using Dino.Gpu.Cli;
using Dino.Gpu.Cli.Terminal;

using var cancellation = new CancellationTokenSource();
CliConsole console = ProcessConsole.Open();

// The first signal asks for an orderly end, which leaves no partial file; a second one leaves at once.
void OnSignal(PosixSignalContext signal)
{
    signal.Cancel = !cancellation.IsCancellationRequested;
    if (!signal.Cancel)
        ProcessConsole.ShowCursor(console);
    cancellation.Cancel();
}

using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);

// SIGHUP means that the terminal is gone. Under nohup the system ignores it before it comes here.
using PosixSignalRegistration hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnSignal);

int exitCode = await DinoCommandLine.RunAsync(args, console, cancellation.Token);

// A forward pass that a cancelled command no longer waits for must not hold the process.
if (exitCode == ExitCode.Cancelled)
    Environment.Exit(exitCode);
return exitCode;
