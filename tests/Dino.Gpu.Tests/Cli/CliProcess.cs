using System.Diagnostics;

namespace Dino.Gpu.Tests.Cli;

/// <summary>Runs <c>dino</c> as a process, for what only a process has: signals, pipes, environment.</summary>
internal static class CliProcess
{
    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "dino.dll");

    /// <summary>A loaded machine is slow, a hang is endless.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    public static Process Start(IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null) =>
        OperatingSystem.IsLinux()
            // A shell starts background jobs with SIGINT ignored, which children inherit; dino must get it whoever runs
            // the tests.
            ? Start("env", ["--default-signal=INT", "dotnet", Program, .. arguments], environment)
            : Start("dotnet", [Program, .. arguments], environment);

    /// <summary>
    /// Runs it with the tests' frameworks. They have assemblies that come with packages where there is the command
    /// alone, and these are not beside the tests.
    /// </summary>
    public static Process StartWithFrameworks(IEnumerable<string> arguments)
    {
        string tests = Path.Combine(AppContext.BaseDirectory, "Dino.Gpu.Tests");
        string[] how = ["exec", "--depsfile", tests + ".deps.json", "--runtimeconfig", tests + ".runtimeconfig.json"];
        return Start("dotnet", [.. how, Program, .. arguments], null);
    }

    /// <summary>Runs a POSIX shell script in which <c>"$@"</c> is the whole dino command.</summary>
    public static Process StartShell(string script, IEnumerable<string> arguments) =>
        Start("/bin/sh", ["-c", script, "sh", "dotnet", Program, .. arguments], null);

    public static async Task<CliResult> FinishAsync(Process process)
    {
        using (process)
        {
            using var deadline = new CancellationTokenSource(Limit);
            try
            {
                Task<string> output = process.StandardOutput.ReadToEndAsync(deadline.Token);
                Task<string> error = process.StandardError.ReadToEndAsync(deadline.Token);
                await process.WaitForExitAsync(deadline.Token);
                return new CliResult(process.ExitCode, System.Text.Encoding.UTF8.GetBytes(await output), await error);
            }
            finally
            {
                if (!process.HasExited)
                    process.Kill(entireProcessTree: true);
            }
        }
    }

    private static Process Start(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = AppContext.BaseDirectory, // no folder weights/ there
        };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        Process process = Process.Start(start)!;
        process.StandardInput.Close();
        return process;
    }
}
