using System.Diagnostics;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Files;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>Reads of inputs that the system fails: tried again, then the end of the run and not a row of NaN.</summary>
public sealed class FailingReadTests : IDisposable
{
    private const int InputOutput = 5;
    private const int TooManyFiles = 24;
    private const int Stale = 116;

    private static readonly Lazy<string?> Library = new(Compile);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Three_tries()
    {
        int tries = 0;
        Assert.Equal(2, SystemReadException.Retry(() => ++tries < 2 ? throw new SystemReadException("x") : tries));
        tries = 0;
        Assert.Throws<SystemReadException>(() => SystemReadException.Retry<int>(() => throw new SystemReadException($"{++tries}")));
        Assert.Equal(3, tries);
        tries = 0;
        Assert.Throws<DinoException>(() => SystemReadException.Retry<int>(() => throw new DinoException($"{++tries}")));
        Assert.Equal(1, tries);
    }

    [Theory]
    [InlineData(InputOutput)]
    [InlineData(Stale)]
    [InlineData(TooManyFiles)]
    public async Task One_failure_leaves_no_trace_and_three_end_the_run(int error)
    {
        Assert.SkipUnless(Library.Value is not null, "no C compiler");
        foreach (string name in new[] { "a", "b", "c", "d" })
            _folder.Write($"in/{name}.bmp", KilledRunTests.Bitmap(name[0]));
        Assert.Equal(0, (await EmbedAsync("whole")).ExitCode);
        for (int at = 1; at <= 4; at++)
        {
            string output = $"once{at}";
            CliResult once = await EmbedAsync(output, error, at, times: 1);
            Assert.True(once.ExitCode == 0, once.Error);
            Assert.True(File.Exists(_folder.Path("log")), "no call failed");
            AssertSame(output);
        }

        CliResult thrice = await EmbedAsync("out", error, at: 3, times: 3);
        string said = thrice.FatalLine();
        Assert.Contains(".bmp: cannot be read: ", said);
        Assert.Contains("--on-io-error row", said);
        Assert.Contains("run the same command again to resume", said);
        Assert.Equal(3, File.ReadAllLines(_folder.Path("log")).Length);
        Assert.Empty(File.ReadAllLines(_folder.Path("out", "errors.jsonl")));
        Assert.Equal(0, (await EmbedAsync("out")).ExitCode);
        AssertSame("out");

        CliResult row = await EmbedAsync("row", error, at: 3, times: 3, "--on-io-error", "row");
        Assert.Equal(3, row.ExitCode);
        Assert.Single(File.ReadAllLines(_folder.Path("row", "errors.jsonl")));
        Assert.Contains("cannot be read", row.Error);
        CliResult again = await CliRunner.RunAsync("embed", "--retry", _folder.Path("row"), "-w", CliRunner.TinyWeights, "--device", "cpu");
        Assert.Equal(0, again.ExitCode);
        AssertSame("row");
    }

    [Fact]
    public async Task One_file_is_not_written_with_a_row_that_failed_so()
    {
        Assert.SkipUnless(Library.Value is not null, "no C compiler");
        _folder.Write("in/a.bmp", KilledRunTests.Bitmap(1));
        CliResult result = await EmbedAsync("one.npy", InputOutput, at: 1, times: 3);
        Assert.Contains("a.bmp: cannot be read: ", result.FatalLine());
        Assert.False(File.Exists(_folder.Path("one.npy")));
    }

    [Theory]
    [InlineData("deleted")]
    [InlineData("emptied")] // as when a drive is unmounted
    [InlineData("one file deleted")]
    public async Task A_folder_that_vanishes_ends_the_run(string what)
    {
        const int Images = 1000;
        for (int i = 0; i < Images; i++)
            _folder.Write($"in/{i:D4}.bmp", KilledRunTests.Bitmap(i));
        string[] run = ["embed", _folder.Path("in"), "-w", CliRunner.TinyWeights, "--device", "cpu", "--batch", "1", "--threads", "1"];
        if (what != "one file deleted")
            Assert.Equal(0, (await CliRunner.RunAsync([.. run, "-o", _folder.Path("whole")])).ExitCode);
        Task<CliResult> running = CliRunner.RunAsync([.. run, "-o", _folder.Path("out")]);
        while (!running.IsCompleted && TemporaryFolder.Bytes(_folder.Path("out"), "*.journal") == 0)
            await Task.Delay(1);
        if (what == "one file deleted")
        {
            File.Delete(_folder.Path("in", $"{Images - 1:D4}.bmp"));
            Assert.Equal(3, (await running).ExitCode);
            return;
        }

        Directory.Move(_folder.Path("in"), _folder.Path("away")); // at once, as a drive goes
        if (what == "emptied")
            Directory.CreateDirectory(_folder.Path("in"));
        string said = (await running).FatalLine();
        Assert.Contains($"'{_folder.Path("in")}' has vanished since the work began", said);
        Assert.Contains("run the same command again to resume", said);
        Assert.Empty(File.ReadAllLines(_folder.Path("out", "errors.jsonl")));
        if (what == "emptied")
            Directory.Delete(_folder.Path("in"));
        Directory.Move(_folder.Path("away"), _folder.Path("in"));
        Assert.Equal(0, (await CliRunner.RunAsync([.. run, "-o", _folder.Path("out")])).ExitCode);
        AssertSame("out");
    }

    [Fact]
    public void What_vanished_and_what_was_never_there()
    {
        var folders = new SeenFolders();
        _folder.Write("other.txt", "x");
        string there = _folder.Write("a/b/there.bmp", "x"), gone = _folder.Write("a/b/gone.bmp", "x");
        InputItem[] items = [InputItem.File(there), InputItem.File(gone), InputItem.File(_folder.Path("none", "x.bmp"))];
        foreach (InputItem item in items)
            folders.Visit(item);
        File.Delete(gone);
        Assert.All(items, item => Assert.Null(folders.Vanished(item)));
        File.Delete(there);
        Assert.Equal(_folder.Path("a", "b"), folders.Vanished(items[0]));
        Directory.Delete(_folder.Path("a"), recursive: true);
        Assert.Equal(_folder.Path("a", "b"), folders.Vanished(items[1]));
        Assert.Equal(_folder.Path("a"), folders.Vanished(InputItem.File(_folder.Path("a", "c", "x.bmp"))));
        Assert.Null(folders.Vanished(items[2]));
        string archive = _folder.Path("x.tar");
        Assert.Equal(archive, folders.Vanished(InputItem.File("member.jpg") with { Archive = archive }));
    }

    /// <summary>tests/faults/interpose.c as a library; null without a compiler.</summary>
    private static string? Compile()
    {
        if (!OperatingSystem.IsLinux())
            return null;
        string library = Path.Combine(Directory.CreateTempSubdirectory("dino-faults-").FullName, "interpose.so");
        try
        {
            using Process compiler = Process.Start(
                "cc", ["-shared", "-fPIC", "-O1", "-o", library, SourceTree.Find("tests", "faults", "interpose.c"), "-ldl"]);
            compiler.WaitForExit();
            return compiler.ExitCode == 0 ? library : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    /// <summary>
    /// <c>dino embed in -o OUTPUT</c>, where a call on an input and the next ones on that input fail: in a process of its
    /// own, since calls of this one would fail with it.
    /// </summary>
    private Task<CliResult> EmbedAsync(string output, int error = 0, int at = 0, int times = 0, params string[] arguments)
    {
        string[] embed = ["embed", _folder.Path("in"), "-w", CliRunner.TinyWeights, "--device", "cpu", "-o", _folder.Path(output), "-q"];
        if (error == 0)
            return CliRunner.RunAsync([.. embed, .. arguments]);
        File.Delete(_folder.Path("log"));
        var faults = new Dictionary<string, string>
        {
            ["LD_PRELOAD"] = Library.Value!,
            ["FAULT_PATH"] = _folder.Path("in") + "/",
            ["FAULT_LOG"] = _folder.Path("log"),
            ["FAULT_READS"] = "1",
            ["FAULT_AT"] = $"{at}",
            ["FAULT_ERROR"] = $"{error}",
            ["FAULT_TIMES"] = $"{times}",
        };
        return CliProcess.FinishAsync(CliProcess.Start([.. embed, .. arguments], faults));
    }

    private void AssertSame(string output) => Assert.Equal(Contents("whole"), Contents(output));

    private Dictionary<string, string> Contents(string folder) => Directory
        .GetFiles(_folder.Path(folder), "*", new EnumerationOptions { AttributesToSkip = 0 })
        .ToDictionary(file => Path.GetFileName(file), file => Convert.ToHexString(File.ReadAllBytes(file)));
}
