using Dino.Gpu.Checkpoints;
using Dino.Gpu.Files;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Model;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Files;

/// <summary>A link stays a link, and only what can be replaced is replaced.</summary>
public sealed class OutputPathTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("relative", "target.npy", "target.npy")]
    [InlineData("through a folder", "other/../target.npy", "target.npy")]
    [InlineData("into another folder", "other/target.npy", "other/target.npy")]
    [InlineData("dangling", "new.npy", "new.npy")]
    [InlineData("dangling in another folder", "other/new.npy", "other/new.npy")]
    [InlineData("chain", "other/second", "target.npy")]
    [InlineData("through a linked folder", "linked/target.npy", "other/target.npy")]
    public void A_link_stays_a_link(string kind, string leadsTo, string written)
    {
        SkipOnWindows();
        _folder.Write("target.npy", kind);
        _folder.Write("other/target.npy", kind);
        File.CreateSymbolicLink(_folder.Path("other", "second"), "../third");
        File.CreateSymbolicLink(_folder.Path("third"), _folder.Path("target.npy"));
        Directory.CreateSymbolicLink(_folder.Path("linked"), "other");
        File.CreateSymbolicLink(_folder.Path("link.npy"), leadsTo);
        WriteWhole(_folder.Path("link.npy"));
        Assert.Equal(leadsTo, new FileInfo(_folder.Path("link.npy")).LinkTarget);
        Assert.Null(new FileInfo(_folder.Path(written)).LinkTarget);
        Assert.Equal("whole", File.ReadAllText(_folder.Path(written)));
        Assert.DoesNotContain(_folder.Files, file => file.EndsWith(".tmp", StringComparison.Ordinal));
    }

    /// <summary>A name without a folder: where .NET resolves such a link against the root.</summary>
    [Theory]
    [InlineData("target.csv")]
    [InlineData("other/new.csv")]
    public async Task A_link_in_the_current_directory_leads_where_the_system_says(string leadsTo)
    {
        SkipOnWindows();
        _folder.Write("target.csv", "");
        Directory.CreateDirectory(_folder.Path("other"));
        File.CreateSymbolicLink(_folder.Path("l.csv"), leadsTo);
        string[] embed = [
            "embed", GoldenData.Image("gray.png"), "--weights", CliRunner.TinyWeights, "--device", "cpu", "-q", "-o", "l.csv"
        ];
        CliResult result = await CliProcess.FinishAsync(CliProcess.StartShell($"cd '{_folder.Root}' && \"$@\"", embed));
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Equal(leadsTo, new FileInfo(_folder.Path("l.csv")).LinkTarget);
        Assert.StartsWith("path,", File.ReadAllText(_folder.Path(leadsTo)));
    }

    [Theory]
    [InlineData("circle", OutputPath.IsCircle)]
    [InlineData("link to a folder", OutputPath.IsDirectory)]
    [InlineData("link into no folder", OutputPath.NoDirectory)]
    [InlineData("pipe", OutputPath.IsNoFile)]
    [InlineData("link to a pipe", OutputPath.IsNoFile)]
    [InlineData("link into /dev", OutputPath.IsNoFile)]
    [InlineData("device", OutputPath.IsNoFile)]
    public async Task What_cannot_be_replaced_is_refused_by_every_writer(string kind, string expected)
    {
        SkipOnWindows();
        string path = _folder.Path("o.safetensors");
        Make(kind, path);
        string? target = new FileInfo(path).LinkTarget;
        string[] before = _folder.Files;
        Refuse(() => new AtomicFile(path));
        Refuse(() => AtomicFile.EnsureWritable(path));
        Refuse(() => SafetensorsWriter.Write(path, SyntheticWeights.Create(TinyModels.HuggingFace)));
        Refuse(() => SafetensorsWriter.WriteConfig(path, TinyModels.HuggingFace));
        using var server = new HubServer([1, 2, 3]);
        var download = new WeightsDownloadOptions { Endpoint = server.Endpoint };
        Assert.Contains(expected, (await Assert.ThrowsAsync<DinoException>(() => WeightsDownload.RunAsync(path, download))).Message);
        Assert.Equal(before, _folder.Files);
        Assert.Equal(target, new FileInfo(path).LinkTarget);

        void Refuse(Action write) => Assert.StartsWith($"cannot write {path}: {expected}", Assert.Throws<DinoException>(write).Message);
    }

    [Fact]
    public async Task A_download_keeps_the_link_too()
    {
        SkipOnWindows();
        Directory.CreateDirectory(_folder.Path("store"));
        File.CreateSymbolicLink(_folder.Path("w.bin"), "store/w.bin");
        using var server = new HubServer([1, 2, 3]);
        var options = new WeightsDownloadOptions { Endpoint = server.Endpoint, Sha256 = server.AnnouncedHash };
        Assert.Equal(_folder.Path("w.bin"), (await WeightsDownload.RunAsync(_folder.Path("w.bin"), options)).Path);
        Assert.Equal("store/w.bin", new FileInfo(_folder.Path("w.bin")).LinkTarget);
        Assert.Equal([1, 2, 3], File.ReadAllBytes(_folder.Path("store", "w.bin")));
        Assert.Equal(2, _folder.Files.Length);
    }

    /// <summary>What a killed process left goes with the next one that writes the same file.</summary>
    [Fact]
    public void Writers_of_weights_clear_what_killed_ones_left()
    {
        _folder.Write(".w.safetensors.0123abcd.tmp", "killed");
        _folder.Write(".config.json.0123abcd.tmp", "killed");
        SafetensorsWriter.Write(_folder.Path("w.safetensors"), SyntheticWeights.Create(TinyModels.HuggingFace));
        SafetensorsWriter.WriteConfig(_folder.Path("config.json"), TinyModels.HuggingFace);
        Assert.Equal([_folder.Path("config.json"), _folder.Path("w.safetensors")], _folder.Files.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_name_that_leads_nowhere_is_missing_and_a_link_is_not()
    {
        SkipOnWindows();
        string file = _folder.Write("file", "x");
        File.CreateSymbolicLink(_folder.Path("dangling"), "nowhere");
        File.CreateSymbolicLink(_folder.Path("circle"), "circle");
        string[] there = [file, _folder.Root, _folder.Path("dangling"), _folder.Path("circle"), _folder.Fifo("pipe")];
        Assert.All(there, path => Assert.False(RegularFile.IsMissing(path), path));
        Assert.All(
            ["", "a\0b", _folder.Path("nowhere"), _folder.Path("no", "where"), Path.Combine(file, "x")],
            path => Assert.True(RegularFile.IsMissing(path), path));
    }

    private static void WriteWhole(string path)
    {
        AtomicFile.EnsureWritable(path);
        using var file = new AtomicFile(path);
        file.Write("whole"u8);
        file.Complete();
    }

    private void Make(string kind, string path)
    {
        switch (kind)
        {
            case "circle":
                File.CreateSymbolicLink(path, "back");
                File.CreateSymbolicLink(_folder.Path("back"), "o.safetensors");
                break;
            case "link to a folder":
                Directory.CreateDirectory(_folder.Path("folder"));
                Directory.CreateSymbolicLink(path, "folder");
                break;
            case "link into no folder":
                File.CreateSymbolicLink(path, "nowhere/o.safetensors");
                break;
            case "pipe":
                TemporaryFolder.MakeFifo(path);
                break;
            case "link to a pipe":
                File.CreateSymbolicLink(path, "pipe");
                _folder.Fifo("pipe");
                break;
            case "link into /dev":
                File.CreateSymbolicLink(path, "/dev/dino-no-such-device"); // a name of no real device: nothing is lost if this fails
                break;
            default:
                Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "only root makes a device");
                using (var mknod = System.Diagnostics.Process.Start("mknod", [path, "c", "1", "3"]))
                {
                    mknod.WaitForExit();
                    Assert.SkipUnless(mknod.ExitCode == 0, "no device can be made here");
                }

                break;
        }
    }

    private static void SkipOnWindows() => Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a privilege there");
}
