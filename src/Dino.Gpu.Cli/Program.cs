using Dino.Gpu.Cli;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Embedding;

CliConsole console = ProcessConsole.Open();
using var end = new OrderlyEnd(() => ProcessConsole.ShowCursor(console));
console.AllowEnd = end.Allow;
int exitCode = await DinoCommandLine.RunAsync(args, console, end.Token);

// A canceled command does not wait for the forward pass that is running, and neither does the process.
if (exitCode == ExitCode.Canceled)
    Environment.Exit(exitCode);
return exitCode;
