using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Cli;
using Dino.Gpu.Tests.Model;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>The command as the shell sees it.</summary>
public sealed class ProcessTests : IDisposable
{
    private static readonly string Chelsea = GoldenData.Image("chelsea.png");

    private readonly Support.TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Exit_codes_reach_the_shell()
    {
        string[] embed = ["embed", "--weights", CliRunner.TinyWeights, "--device", "cpu", "--quiet"];
        CliResult good = await CliProcess.FinishAsync(CliProcess.Start([.. embed, Chelsea]));
        Assert.Equal(0, good.ExitCode);
        Assert.Single(good.OutputLines);
        Assert.Empty(good.Error);
        Assert.Equal(3, (await CliProcess.FinishAsync(CliProcess.Start([.. embed, MissingFiles.List("missing.png")]))).ExitCode);
        Assert.Equal(1, (await CliProcess.FinishAsync(CliProcess.Start([.. embed, _folder.Root]))).ExitCode);
        Assert.Equal(2, (await CliProcess.FinishAsync(CliProcess.Start([.. embed]))).ExitCode);
    }

    [Fact]
    public async Task Without_weights_and_offline_one_line_says_how_to_go_on()
    {
        var environment = new Dictionary<string, string>
        {
            ["HF_ENDPOINT"] = "http://127.0.0.1:9", // the discard port: nobody listens
            ["XDG_CACHE_HOME"] = _folder.Path("cache"),
            ["LOCALAPPDATA"] = _folder.Path("cache"),
            ["DINO_WEIGHTS"] = "",
            ["http_proxy"] = "",
        };
        CliResult result = await CliProcess.FinishAsync(
            CliProcess.Start(["embed", Chelsea, "--quiet", "-o", _folder.Path("o.npy")], environment));
        Assert.Contains("no weights", result.FatalLine());
        Assert.Contains("--weights FILE", result.ErrorLines[^1]);
        Assert.Contains("synthetic", result.ErrorLines[^1]);
        Assert.False(File.Exists(_folder.Path("o.npy")));
    }

    /// <summary>
    /// The hub has another file than the published one, so it is refused. What is in the cache already is taken.
    /// </summary>
    [Fact]
    public async Task Without_weights_they_are_downloaded_once_into_the_cache()
    {
        byte[] tiny = File.ReadAllBytes(GoldenData.PathOf("checkpoints", "tiny_dino.pth")); // an original one needs no config.json
        using var hub = new HubServer(tiny);
        string cache = _folder.Path("cache");
        var environment =
            new Dictionary<string, string> { ["XDG_CACHE_HOME"] = cache, ["DINO_WEIGHTS"] = "", ["HF_ENDPOINT"] = hub.Endpoint };
        string[] embed = ["embed", Chelsea, "--device", "cpu"];
        CliResult refused = await CliProcess.FinishAsync(CliProcess.Start(embed, environment));
        Assert.Contains("downloading facebook/dino-vits16 once", refused.Error);
        Assert.Contains($"announced the SHA-256 {hub.AnnouncedHash}, expected a5bb4dda", refused.Error);
        Assert.Empty(_folder.Files);
        int asked = hub.Requests.Count;

        var published = new WeightsDownloadOptions();
        string cached = Path.Combine(cache, "dino-gpu", "dino-vits16", published.Revision, published.FileName);
        Directory.CreateDirectory(Path.GetDirectoryName(cached)!);
        File.WriteAllBytes(cached, tiny);
        CliResult found = await CliProcess.FinishAsync(CliProcess.Start(embed, environment));
        Assert.True(found.ExitCode == 0, found.Error);
        Assert.DoesNotContain("downloading", found.Error);
        Assert.Equal(asked, hub.Requests.Count);
    }

    [Theory]
    [InlineData("INT")]
    [InlineData("TERM")]
    public async Task Signal_ends_the_run_quickly_and_leaves_no_file(string signal)
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("POSIX signals");
        string output = Directory.CreateDirectory(_folder.Path("out")).FullName;
        Process process = CliProcess.Start(
            ["embed", "@" + EndlessList(), "--weights", CliRunner.TinyWeights, "--device", "cpu", "-o", Path.Combine(output, "o.npy")]);
        await WaitForAsync(() => Files(output).Any(file => new FileInfo(file).Length > 1 << 16) || process.HasExited);
        long start = Stopwatch.GetTimestamp();
        using (var kill = Process.Start("kill", ["-" + signal, process.Id.ToString(CultureInfo.InvariantCulture)]))
            await kill.WaitForExitAsync();
        CliResult result = await CliProcess.FinishAsync(process);

        Assert.Equal(130, result.ExitCode);
        Assert.Equal($"dino: {DinoCommandLine.Canceled}", result.ErrorLines[^1]);
        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 0, 30); // the list would take an hour
        Assert.Empty(Files(output));
    }

    [Fact]
    public async Task A_reader_that_leaves_ends_the_run_quietly()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("needs a POSIX shell");
        CliResult result = await CliProcess.FinishAsync(CliProcess.StartShell(
            "{ \"$@\"; echo exit $? >&2; } | head -n 1",
            ["embed", "@" + EndlessList(), "--weights", CliRunner.TinyWeights, "--device", "cpu", "--quiet"]));
        Assert.StartsWith("{\"path\":", Assert.Single(result.OutputLines));
        Assert.Equal("exit 0", Assert.Single(result.ErrorLines));
    }

    /// <summary>
    /// Pseudo-terminals of containers and CI systems are often 0 columns wide, and a window may be dragged to a sliver.
    /// </summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(40)]
    public async Task Terminals_of_any_width_show_the_bar(int columns)
    {
        if (!OperatingSystem.IsLinux() || !File.Exists("/usr/bin/script"))
            Assert.Skip("needs script of util-linux");
        string terminal = $"script -qec \"stty cols {columns}; $*\" /dev/null";
        CliResult help = await CliProcess.FinishAsync(CliProcess.StartShell(terminal, ["embed", "--help"]));
        Assert.True(help.ExitCode == 0, help.Output);
        Assert.Contains("--on-error", help.Output);
        CliResult embed = await CliProcess.FinishAsync(
            CliProcess.StartShell(
                terminal,
                [
                    "embed", Chelsea, MissingFiles.List("missing.png"), "--weights", CliRunner.TinyWeights, "--device", "cpu",
                    "-o", _folder.Path("o.npy")
                ]));
        Assert.True(embed.ExitCode == 3, embed.Output);
        Assert.Contains("2 images", embed.Output);
    }

    /// <summary>
    /// The bar hides the cursor. After a first signal a run into a folder waits for the batch in flight; a second one
    /// does not.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Signals_leave_the_terminal_with_its_cursor(int signals)
    {
        if (!OperatingSystem.IsLinux() || !File.Exists("/usr/bin/script"))
            Assert.Skip("needs script of util-linux");
        string folder = _folder.Path("out"), screen = _folder.Path("screen");
        string script = _folder.Write("signals.sh", $$"""
            "$@" &
            for i in $(seq 300); do grep -q '\[?25l' '{{screen}}' && break; sleep 0.1; done
            sleep 1
            for i in $(seq {{signals}}); do kill -TERM $!; sleep 0.3; done
            wait $!
            """);
        // A model and a batch that take seconds: one is in flight a second after the bar is there.
        CliResult result = await CliProcess.FinishAsync(CliProcess.StartShell(
            $"script -qfec \"sh {script} $*\" {screen}", [
                "embed", "@" + EndlessList(), "--weights", "synthetic", "--device", "cpu", "--batch", "48", "-o", folder
            ]));
        int hidden = result.Output.LastIndexOf("\e[?25l", StringComparison.Ordinal);
        Assert.True(hidden >= 0, result.Output);
        Assert.True(result.Output.LastIndexOf("\e[?25h", StringComparison.Ordinal) > hidden, result.Output);
    }

    /// <summary>A device cannot be truncated, and a pipe or a terminal not be read.</summary>
    [Theory]
    [InlineData("/dev/null", 0)]
    [InlineData("/dev/stdout", 1)]
    public async Task Error_log_may_be_a_device(string log, int lines)
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("needs /dev");
        CliResult result = await CliProcess.FinishAsync(CliProcess.Start(
            [
                "embed", MissingFiles.List("missing.png"), Chelsea, "--weights", CliRunner.TinyWeights, "--device", "cpu",
                "--quiet", "--errors", log, "-o", _folder.Path("o.npy")
            ]));
        Assert.True(result.ExitCode == 3, result.Error);
        Assert.Equal(lines, result.OutputLines.Length);
        Assert.All(result.OutputLines, line => Assert.StartsWith("{\"row\":0,\"path\":\"missing.png\"", line));
    }

    /// <summary>Whoever reads it must not see its end before the run.</summary>
    [Fact]
    public async Task Error_log_may_be_a_named_pipe()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("needs mkfifo");
        string pipe = _folder.Fifo("pipe");
        CliResult result = await CliProcess.FinishAsync(CliProcess.StartShell(
            $"cat {pipe} & \"$@\"; code=$?; wait; exit $code",
            [
                "embed", MissingFiles.List("missing.png"), Chelsea, "--weights", CliRunner.TinyWeights, "--device", "cpu",
                "--quiet", "--errors", pipe, "-o", _folder.Path("o.npy")
            ]));
        Assert.True(result.ExitCode == 3, result.Error);
        Assert.StartsWith("{\"row\":0,\"path\":\"missing.png\"", Assert.Single(result.OutputLines));
    }

    /// <summary>A log on a full disk, and none at all.</summary>
    [Theory]
    [InlineData("2> /dev/full", "auto")]
    [InlineData("2> /dev/full", "json")]
    [InlineData("2> /dev/full", "none")]
    [InlineData("2>&-", "auto")]
    public async Task Messages_that_nobody_takes_do_not_end_a_run(string redirection, string progress)
    {
        if (!File.Exists("/dev/full"))
            Assert.Skip("needs /dev/full");
        string[] embed = [
            "embed", MissingFiles.List("missing.png"), Chelsea, "--weights", CliRunner.TinyWeights, "--device", "cpu",
            "--progress", progress, "-o", _folder.Path("o.npy")
        ];
        Assert.Equal(3, (await CliProcess.FinishAsync(CliProcess.StartShell("\"$@\" " + redirection, embed))).ExitCode);
        Assert.Equal(2, Npy.Read(_folder.Path("o.npy")).Shape[0]);
    }

    /// <summary>The file would take the place of the pipe, whose reader would wait for ever.</summary>
    [Fact]
    public async Task Output_is_no_named_pipe()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs mkfifo");
        string pipe = _folder.Fifo("p.jsonl");
        Assert.Contains("it is a pipe or a device", (await CliRunner.EmbedTinyAsync(Chelsea, "-o", pipe)).FatalLine());
        Assert.Equal([pipe], Files(_folder.Root));
    }

    /// <summary>Times without a zone are the same wherever they are read.</summary>
    [Fact]
    public async Task Dates_do_not_depend_on_the_time_zone()
    {
        string[] embed = [
            "embed", GoldenData.PathOf("manifests", "duckdb_types.parquet"), "--weights", CliRunner.TinyWeights, "--device",
            "cpu", "--quiet"
        ];
        foreach (string zone in new[] { "UTC", "Asia/Kolkata" })
        {
            CliResult result = await CliProcess.FinishAsync(CliProcess.Start(embed, new Dictionary<string, string> { ["TZ"] = zone }));
            Assert.Contains("\"ts\":\"2020-01-02T03:04:05.0000000\"", result.Output);
        }
    }

    /// <summary>Where the names of a large folder cannot be sorted, its images are not taken for none.</summary>
    [Fact]
    public async Task Without_a_temporary_folder_no_image_is_lost()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("TMPDIR");
        for (int i = 0; i <= Dino.Gpu.Data.Inputs.SortedNames.RunLength; i++)
            _folder.Write($"big/{i}.png", []);
        _folder.Write("small/b.png", []);
        CliResult result = await CliProcess.FinishAsync(CliProcess.Start(
            [
                "embed", _folder.Root, "--weights", CliRunner.TinyWeights, "--device", "cpu"
            ], new Dictionary<string, string> { ["TMPDIR"] = _folder.Path("none") }));
        Assert.StartsWith($"dino: error: cannot keep a folder's names in the temporary folder {_folder.Path("none")}", result.FatalLine());
    }

    [Fact]
    public async Task Standard_output_may_be_named_by_its_device()
    {
        CliResult result = await CliRunner.EmbedTinyAsync(Chelsea, "--quiet", "-o", "/dev/stdout");
        Assert.Equal(0, result.ExitCode);
        Assert.StartsWith("{\"path\":", Assert.Single(result.OutputLines));
    }

    /// <summary>The command's own settings make .NET look for the end of packed data.</summary>
    [Fact]
    public async Task A_packed_list_that_was_cut_is_no_list()
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(Encoding.UTF8.GetBytes($"path\n{Chelsea}\n"));
        string list = _folder.Write("cut.csv.gz", packed.ToArray()[..^8]);
        CliResult result = await CliProcess.FinishAsync(CliProcess.Start(
            ["embed", list, "-o", _folder.Path("x.npy"), "--weights", CliRunner.TinyWeights, "--device", "cpu"]));
        Assert.Contains("truncated", result.FatalLine());
        Assert.False(File.Exists(_folder.Path("x.npy")));
    }

    [Theory]
    [InlineData("synth")]
    [InlineData("convert", "{tiny}")]
    [InlineData("info", "{tiny}")]
    public async Task Weights_end_when_they_are_canceled(string command, params string[] arguments)
    {
        string[] output = command == "info" ? [] : ["-o", _folder.Path("w.safetensors")];
        CliResult result = await CliRunner.RunAsync(
            new CancellationToken(canceled: true),
            ["weights", command, .. arguments.Select(text => text.Replace("{tiny}", CliRunner.TinyWeights)), .. output]);
        Assert.Equal(130, result.ExitCode);
        Assert.False(File.Exists(_folder.Path("w.safetensors")));
    }

    /// <summary>A full disk behind a redirection: /dev/full is one.</summary>
    [Theory]
    [InlineData("jsonl")]
    [InlineData("csv")]
    [InlineData(null)]
    public async Task Standard_output_that_takes_no_more_is_one_line(string? format)
    {
        if (!File.Exists("/dev/full"))
            Assert.Skip("needs /dev/full");
        CliResult result = await CliProcess.FinishAsync(CliProcess.StartShell(
            "\"$@\" > /dev/full",
            format is null
                ? ["models"]
                : ["embed", Chelsea, "--format", format, "--weights", CliRunner.TinyWeights, "--device", "cpu", "--quiet"]));
        Assert.Equal(1, result.ExitCode);
        Assert.Equal("dino: error: cannot write standard output: No space left on device", result.Error.Trim());
    }

    /// <summary>Far more images than any test waits for.</summary>
    private string EndlessList() =>
        _folder.Write("list.txt", string.Concat(Enumerable.Repeat(GoldenData.Image("gray.png") + "\n", 1_000_000)));

    private static string[] Files(string folder) => Directory.GetFiles(folder, "*", new EnumerationOptions { AttributesToSkip = 0 });

    private static async Task WaitForAsync(Func<bool> condition)
    {
        for (int i = 0; i < 600 && !condition(); i++)
            await Task.Delay(100);
        Assert.True(condition());
    }

    [Fact]
    public async Task Standard_input_that_is_closed_is_empty()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs a POSIX shell");
        string[] embed = ["embed", "-", "--weights", CliRunner.TinyWeights, "--device", "cpu"];
        CliResult closed = await CliProcess.FinishAsync(CliProcess.StartShell("\"$@\" <&-", embed));
        Assert.Equal(0, closed.ExitCode);
        Assert.Contains("dino: 0 images", closed.Error, StringComparison.Ordinal);
    }

    /// <summary>Whoever closed it has nothing of the result, as on a full disk.</summary>
    [Theory]
    [InlineData(">&-", "it is closed", "devices")]
    [InlineData("<&- >&-", "it is closed", "devices", "--json")]
    [InlineData(">&-", "it is closed", "--help")]
    [InlineData("1< /dev/null", "permission denied", "devices")] // open, but not for writing
    public async Task Standard_output_that_is_closed_is_one_line(string redirection, string reason, params string[] command)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs a POSIX shell");
        CliResult result = await CliProcess.FinishAsync(CliProcess.StartShell($"\"$@\" {redirection}", command));
        Assert.Equal(1, result.ExitCode);
        Assert.Contains($"dino: error: cannot write standard output: {reason}", result.ErrorLines);
    }

    /// <summary>A command whose result is a file needs no standard output.</summary>
    [Fact]
    public async Task Standard_output_may_be_closed_where_nothing_is_written_to_it()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs a POSIX shell");
        CliResult result = await CliProcess.FinishAsync(CliProcess.StartShell(
            "\"$@\" >&-", ["embed", Chelsea, "-o", _folder.Path("o.npy"), "--weights", CliRunner.TinyWeights, "--device", "cpu"]));
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal(1, Npy.Read(_folder.Path("o.npy")).Shape[0]);
    }

    [Theory]
    [InlineData("errors.jsonl")]
    [InlineData("manifest.jsonl")]
    public async Task A_pipe_in_a_runs_folder_blocks_nobody(string name)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs mkfifo");
        string run = _folder.Path("run");
        Directory.CreateDirectory(run);
        foreach (string file in Directory.GetFiles(GoldenData.PathOf("before", "finished-npy")))
            File.Copy(file, Path.Combine(run, Path.GetFileName(file)));
        File.Delete(Path.Combine(run, name));
        TemporaryFolder.MakeFifo(Path.Combine(run, name));
        CliResult merged = await CliProcess.FinishAsync(CliProcess.Start(["merge", run, "-o", _folder.Path("all.npy")]));
        Assert.Equal(1, merged.ExitCode);
        Assert.Contains("not a regular file", merged.Error, StringComparison.Ordinal);
    }
}
