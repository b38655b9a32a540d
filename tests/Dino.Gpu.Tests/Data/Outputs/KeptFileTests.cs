using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Outputs;

/// <summary>Files of the right kind that an output must not replace either: those of a run, and other people's pages.</summary>
public sealed class KeptFileTests : IDisposable
{
    private static readonly string Gray = GoldenData.Image("gray.png");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("embed", "in", "-o", "run/shard-00000.npz")]
    [InlineData("embed", "in", "-o", "linked/shard-00000.npz")]
    [InlineData("embed", "in", "-o", "link.npz")]
    [InlineData("embed", "in", "-o", "run/shard-00009.npz")]
    [InlineData("embed", "in", "-o", "new.npy", "--errors", "run/errors.jsonl")]
    [InlineData("embed", "in", "-o", "new.npy", "--stats", "run/run.json")]
    [InlineData("index", "run", "-o", "run/shard-00000.npz")]
    [InlineData("index", "run", "-o", "link.npz")]
    [InlineData("merge", "run", "-o", "link.npz")]
    public async Task Files_of_a_run_stay(params string[] arguments)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a privilege there");
        _folder.Write("in/gray.png", File.ReadAllBytes(Gray));
        string run = _folder.Path("run");
        string broken = _folder.Write("broken.png", [1]);
        Assert.Equal(3, (await CliRunner.EmbedTinyAsync(_folder.Path("in"), broken, "-o", run, "--format", "npz")).ExitCode);
        Directory.CreateSymbolicLink(_folder.Path("linked"), "run");
        File.CreateSymbolicLink(_folder.Path("link.npz"), Path.Combine("run", "shard-00000.npz"));
        byte[][] before = Contents();
        string[] model = arguments[0] == "embed" ? ["-w", CliRunner.TinyWeights, "-d", "cpu"] : [];
        CliResult result = await CliRunner.RunAsync([arguments[0], .. arguments.Skip(1).Select(Place), .. model]);
        Assert.Contains(RunNames.IsOfARun, result.FatalLine());
        Assert.Equal(before, Contents());

        string Place(string argument) => argument[0] == '-' ? argument : _folder.Path(argument);

        byte[][] Contents() => [.. _folder.Files.Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];
    }

    /// <summary>Other programs have files of these names, too.</summary>
    [Theory]
    [InlineData("manifest.jsonl")]
    [InlineData("errors.jsonl")]
    public async Task A_folder_of_another_program_stays_even_with_overwrite(string list)
    {
        _folder.Write("other/run.json", "{\"experiment\": 7}\n");
        _folder.Write("other/" + list, "my rows\n");
        _folder.Write("other/shard-00000.npy", "my shard\n");
        string[] before = _folder.Files;
        CliResult result = await CliRunner.EmbedTinyAsync(Gray, "-o", _folder.Path("other"), "--overwrite");
        Assert.Contains($"{list} is not dino's and would be overwritten", result.FatalLine());
        Assert.Equal(before, _folder.Files);
    }

    [Fact]
    public async Task A_page_that_somebody_wrote_stays()
    {
        const string Page = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<title>My thesis</title>\n</head>\n</html>\n";
        string page = _folder.Write("index.html", Page);
        string table = _folder.Write("k.csv", "path,e0,e1\na/1.png,1,0\nb/3.png,0,1\n");
        Assert.Contains(FileKind.NotReplaced, (await CliRunner.RunAsync("dedup", table, "--html", page)).FatalLine());
        Assert.Equal(Page, File.ReadAllText(page));
    }

    [Fact]
    public async Task Pages_for_man_replace_nothing_else()
    {
        string notes = _folder.Write("man/dino-embed.1", "my notes\n");
        Assert.Contains(FileKind.NotReplaced, (await CliRunner.RunAsync("docs", "man", _folder.Path("man"))).FatalLine());
        Assert.Equal("my notes\n", File.ReadAllText(notes));
        Assert.Single(_folder.Files);
        for (int i = 0; i < 2; i++)
            Assert.Equal(ExitCode.Success, (await CliRunner.RunAsync("docs", "man", _folder.Path("new"))).ExitCode);
    }

    /// <summary>A log is written in place, and its bytes may have another name: a backup, or the list that is read.</summary>
    [Fact]
    public async Task A_log_with_two_names_keeps_its_bytes_under_the_other()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs ln");
        string list = _folder.Write("errors.jsonl", $"{{\"row\":0,\"path\":\"{Gray}\",\"error\":\"truncated\"}}\n");
        string before = File.ReadAllText(list);
        string log = _folder.Path("log.jsonl");
        using (var ln = System.Diagnostics.Process.Start("ln", [list, log]))
            ln.WaitForExit();
        Assert.Equal(0, (await CliRunner.EmbedTinyAsync(list, "-o", _folder.Path("o.npy"), "--errors", log)).ExitCode);
        Assert.Equal(before, File.ReadAllText(list));
        Assert.Empty(File.ReadAllText(log));
    }

    [Theory]
    [InlineData("nowhere/x.jsonl")]
    [InlineData("log.jsonl")] // itself
    public async Task A_log_that_cannot_be_written_is_told_before_the_run(string leadsTo)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a privilege there");
        File.CreateSymbolicLink(_folder.Path("log.jsonl"), leadsTo);
        string run = _folder.Path("run");
        CliResult result = await CliRunner.EmbedTinyAsync(Gray, "-o", run, "--errors", _folder.Path("log.jsonl"));
        Assert.Contains($"cannot write {_folder.Path("log.jsonl")}", result.FatalLine());
        Assert.False(Directory.Exists(run));
    }
}
