using System.Runtime.InteropServices;
using Dino.Gpu.Cli;
using Dino.Gpu.Cli.Terminal;

using var cancellation = new CancellationTokenSource();
CliConsole console = ProcessConsole.Open();

// The first signal asks for an orderly end, which leaves no partial file. The second ends the process at once.
void OnSignal(PosixSignalContext signal)
{
    signal.Cancel = !cancellation.IsCancellationRequested;
    if (!signal.Cancel)
        ProcessConsole.ShowCursor(console);
    cancellation.Cancel();
}

using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);

// SIGHUP means that the terminal is gone. Under nohup the system ignores it.
using PosixSignalRegistration hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnSignal);

int exitCode = await DinoCommandLine.RunAsync(args, console, cancellation.Token);

// A canceled command does not wait for the forward pass that is running, and neither does the process.
if (exitCode == ExitCode.Canceled)
    Environment.Exit(exitCode);
return exitCode;
