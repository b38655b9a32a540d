using Dino.Gpu.Files;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;
using Microsoft.Win32.SafeHandles;


namespace Dino.Gpu.Tests.Files;

public sealed class DiskFlushTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_was_written_is_in_the_file()
    {
        string path = _folder.Path("a");
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read);
        file.Write([1, 2, 3]);
        DiskFlush.Run(file);
        Assert.Equal(3, new FileInfo(path).Length);
    }

    /// <summary>
    /// Which FileStream itself keeps to itself. A descriptor that nobody has is the one error that needs no broken
    /// disk.
    /// </summary>
    [Fact]
    public void A_flush_that_fails_says_so()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "has handles, not descriptors");
        using var nobodys = new SafeFileHandle(1_000_000_000, ownsHandle: false);
        Assert.NotEmpty(Assert.Throws<IOException>(() => DiskFlush.Synchronize(nobodys)).Message);
    }

    /// <summary>A failing disk, as strace plays one: nothing is put in place that is not on it.</summary>
    [Theory]
    [InlineData("o.npy")]
    [InlineData("out/")]
    public async Task An_output_that_does_not_reach_the_disk_is_one_line_and_no_file(string output)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/strace"), "needs strace");
        string fail = $"strace -f -o {_folder.Path("trace")} -e trace=fsync -e inject=fsync:error=EIO \"$@\"";
        CliResult result = await CliProcess.FinishAsync(CliProcess.StartShell(
            fail, [
                "embed", GoldenData.Image("gray.png"), "--weights", CliRunner.TinyWeights, "--device", "cpu", "--quiet", "-o",
                _folder.Path(output)
            ]));
        Assert.SkipWhen(result.Error.Contains("ptrace", StringComparison.Ordinal), "strace may not trace here");
        Assert.EndsWith(": Input/output error", result.FatalLine());
        Assert.Equal([_folder.Path("trace")], _folder.Files);
    }

    /// <summary>An output may be a device.</summary>
    [Fact]
    public void What_cannot_be_flushed_need_not_be()
    {
        Assert.SkipUnless(File.Exists("/dev/null"), "needs /dev");
        using var device = new FileStream("/dev/null", FileMode.Open, FileAccess.Write);
        device.WriteByte(1);
        DiskFlush.Run(device);
    }
}
