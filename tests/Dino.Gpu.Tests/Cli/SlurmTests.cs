using System.Diagnostics;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>
/// The run of docs/cluster.md on a real Slurm on this machine; only where DINO_SLURM_TEST=1 asks for it, since it
/// installs nothing and takes minutes.
/// </summary>
public sealed class SlurmTests
{
    [Fact]
    public async Task An_array_with_killed_and_requeued_tasks_is_the_run_of_one_process()
    {
        Assert.SkipUnless(
            Environment.GetEnvironmentVariable("DINO_SLURM_TEST") == "1",
            "set DINO_SLURM_TEST=1; needs Linux, root, and Debian's packages slurm-wlm and munge");
        var start = new ProcessStartInfo(SourceTree.Find("cluster", "slurm", "prove.sh"))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["DINO_DLL"] = Path.Combine(AppContext.BaseDirectory, "dino.dll");
        using Process prove = Process.Start(start)!;
        Task<string> error = prove.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string output = await prove.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await prove.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(prove.ExitCode == 0, output + await error);
        Assert.Contains("PASS: ", output);
        TestContext.Current.TestOutputHelper?.WriteLine(output);
    }
}
