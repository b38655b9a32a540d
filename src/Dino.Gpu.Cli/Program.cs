using System.Runtime.InteropServices;
using System.Text;
using Dino.Gpu.Cli;
using Dino.Gpu.Cli.Terminal;

using var cancellation = new CancellationTokenSource();

var console = new CliConsole
{
    Input = new StreamReader(Console.OpenStandardInput(), Encoding.UTF8),
    Output = StandardOutput.Open(),
    Error = new StandardError(Console.Error),
    OutputIsTerminal = !Console.IsOutputRedirected,
    ErrorIsTerminal = !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb",
};

// The first signal asks for an orderly end, which leaves no partial file; a second one leaves at once.
void OnSignal(PosixSignalContext signal)
{
    signal.Cancel = !cancellation.IsCancellationRequested;
    if (!signal.Cancel)
        ShowCursor();
    cancellation.Cancel();
}

using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
using PosixSignalRegistration hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnSignal); // the terminal is gone; under nohup it is ignored before it comes here

// A bar hides the cursor, and a process that leaves at once does not come to show it again.
void ShowCursor()
{
    if (!console.ErrorIsTerminal)
        return;
    try
    {
        using Stream terminal = Console.OpenStandardError(); // past Console.Error, whose lock the bar may hold
        terminal.Write("\e[?25h"u8);
    }
    catch (IOException)
    {
        // a terminal that is gone has no cursor
    }
}

int exitCode = await DinoCommandLine.RunAsync(args, console, cancellation.Token);

// A forward pass that a cancelled run no longer waits for must not hold the process.
if (exitCode == ExitCode.Cancelled)
    Environment.Exit(exitCode);
return exitCode;
