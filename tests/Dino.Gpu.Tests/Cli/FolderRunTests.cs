using System.Globalization;
using System.Text.Json;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Model;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary><c>dino embed -o DIR</c>: shards, resuming, refusals.</summary>
public sealed class FolderRunTests : IDisposable
{
    private static readonly string Images = GoldenData.PathOf("images");
    private static readonly int Count = Directory.GetFiles(Images).Length;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(22)]
    [InlineData(1000)]
    public async Task Shards_joined_are_the_rows_of_one_file(int shardSize)
    {
        string one = _folder.Path("one.npy");
        Assert.Equal(0, (await CliRunner.EmbedTinyAsync(Images, "-o", one)).ExitCode);
        CliResult result = await RunAsync("--shard-size", Text(shardSize));
        Assert.Equal(0, result.ExitCode);

        Npy[] shards = [.. Shards().Select(Npy.Read)];
        Assert.Equal((Count + shardSize - 1) / shardSize, shards.Length);
        Assert.Equal(Npy.Read(one).Floats, shards.SelectMany(shard => shard.Floats));
        Assert.All(shards[..^1], shard => Assert.Equal(shardSize, shard.Shape[0]));
        Assert.Equal(
            ["errors.jsonl", "manifest.jsonl", "run.json", .. Enumerable.Range(0, shards.Length).Select(i => $"shard-{i:D5}.npy")],
            Names());
    }

    [Fact]
    public async Task A_whole_run_again_does_nothing()
    {
        await RunAsync();
        DateTime written = File.GetLastWriteTimeUtc(Shards()[0]);
        CliResult again = await RunAsync();
        Assert.Equal(0, again.ExitCode);
        Assert.Contains($"holds all {Count} rows already", again.Error);
        Assert.Equal(written, File.GetLastWriteTimeUtc(Shards()[0]));
    }

    [Fact]
    public async Task Failed_images_are_in_the_log_in_order_and_the_exit_code_stays()
    {
        string broken = _folder.Write("broken.png", [1, 2, 3]);
        string none = _folder.Path("none.jpg");
        string[] inputs =
        [
            MissingFiles.List("missing.png"), GoldenData.Image("chelsea.png"), broken, GoldenData.Image("gray.png"),
            MissingFiles.List(none),
        ];
        for (int run = 0; run < 2; run++)
        {
            CliResult result = await CliRunner.EmbedTinyAsync([.. inputs, "-o", _folder.Path("out/"), "--shard-size", "2"]);
            Assert.Equal(3, result.ExitCode);
            JsonElement[] errors = [.. File.ReadAllLines(_folder.Path("out", "errors.jsonl"))
                .Select(line => JsonDocument.Parse(line).RootElement)];
            Assert.Equal([0, 2, 4], errors.Select(error => error.GetProperty("row").GetInt32()));
            Assert.Equal(["missing.png", broken, none], errors.Select(error => error.GetProperty("path").GetString()));
            Assert.Equal("no such file", errors[0].GetProperty("error").GetString());
        }

        bool[] missing = [.. Shards().SelectMany(shard => Npy.Read(shard).Floats.Chunk(48)).Select(row => row.All(float.IsNaN))];
        Assert.Equal([true, false, true, false, true], missing);
    }

    [Fact]
    public async Task Skipped_images_have_no_row_and_do_not_shift_shards()
    {
        string[] inputs =
        [
            MissingFiles.List("missing.png"), GoldenData.Image("chelsea.png"), MissingFiles.List(
                "missing2.png", "missing3.png"), GoldenData.Image("gray.png"),
        ];
        Assert.Equal(
            3,
            (await CliRunner.EmbedTinyAsync([.. inputs, "-o", _folder.Path("out"), "--shard-size", "2", "--on-error", "skip"])).ExitCode);
        Assert.Equal([1, 0, 1], Shards().Select(shard => Npy.Read(shard).Shape[0]));
        Assert.Equal(3, File.ReadAllLines(_folder.Path("out", "errors.jsonl")).Length);
    }

    [Fact]
    public async Task Failing_at_the_first_error_can_be_gone_on_with()
    {
        string late = _folder.Path("late.png");
        string[] run = [
            GoldenData.Image("chelsea.png"), GoldenData.Image("gray.png"), MissingFiles.List(late), GoldenData.Image("rgba.png"),
            "-o", _folder.Path("out"), "--on-error", "fail", "--batch", "1"
        ];
        string line = (await CliRunner.EmbedTinyAsync(run)).FatalLine();
        Assert.Contains("late.png: no such file", line);
        Assert.Contains("run the same command again to resume", line);
        Assert.Empty(Shards());

        File.Copy(GoldenData.Image("palette.png"), late);
        Assert.Equal(0, (await CliRunner.EmbedTinyAsync(run)).ExitCode);
        Assert.Equal(4, Npy.Read(Assert.Single(Shards())).Shape[0]);
    }

    [Fact]
    public async Task More_errors_than_allowed_end_the_run()
    {
        string[] inputs = [GoldenData.Image("chelsea.png"), MissingFiles.List("a.png", "b.png", "c.png")];
        Assert.Equal(3, (await CliRunner.EmbedTinyAsync([.. inputs, "-o", _folder.Path("enough"), "--max-errors", "3"])).ExitCode);
        CliResult tooMany = await CliRunner.EmbedTinyAsync([.. inputs, "-o", _folder.Path("out"), "--max-errors", "2"]);
        Assert.Equal(1, tooMany.ExitCode);
        Assert.Contains("c.png: no such file", tooMany.ErrorLines[^2]);
        Assert.Contains("--max-errors 2", tooMany.ErrorLines[^2]);
        Assert.StartsWith(CliConsole.HintPrefix, tooMany.ErrorLines[^1]);
    }

    [Theory]
    [InlineData("normalize was false, is now true", "--normalize")]
    [InlineData("output was cls, is now mean", "--output", "mean")]
    [InlineData("preprocess was hf, is now dino", "--preprocess", "dino")]
    [InlineData("size was 32x32, is now 40x40", "--size", "40")]
    [InlineData("exif was apply, is now ignore", "--exif", "ignore")]
    [InlineData("format was npy, is now jsonl", "--format", "jsonl")]
    [InlineData("shardSize was 10000, is now 9", "--shard-size", "9")]
    [InlineData("onError was nan, is now skip", "--on-error", "skip")]
    [InlineData("the input list changed: 22 rows before, 23 now", "extra.png")]
    public async Task A_run_goes_on_only_as_it_began(string difference, params string[] changed)
    {
        await RunAsync();
        byte[] before = File.ReadAllBytes(Shards()[0]);
        changed = [.. changed.Select(argument => argument == "extra.png" ? MissingFiles.List(argument) : argument)];
        string line = (await RunAsync(changed)).FatalLine();
        Assert.Contains(difference, line);
        Assert.Contains("--overwrite", line);
        Assert.Equal(before, File.ReadAllBytes(Shards()[0]));

        Assert.InRange((await RunAsync([.. changed, "--overwrite"])).ExitCode, 0, 3);
        Assert.InRange((await RunAsync(changed)).ExitCode, 0, 3);
    }

    [Fact]
    public async Task A_run_that_never_began_leaves_no_folder()
    {
        CliResult result = await CliRunner.RunAsync(
            "embed", Images, "--weights", CliRunner.TinyWeights, "--device", "cuda:99", "-o", _folder.Path("out"));
        Assert.Contains("cuda:99", result.FatalLine());
        Assert.False(Directory.Exists(_folder.Path("out")));
    }

    [Fact]
    public async Task Json_progress_is_json_in_every_line()
    {
        CliResult result = await RunAsync(
            MissingFiles.List("missing.png"), "--progress", "json", "--verbose", "--stats", _folder.Path("stats.json"));
        Assert.All(result.ErrorLines, line => JsonDocument.Parse(line));
        Assert.Contains("missing.png: no such file", result.Error);
        JsonElement stats = JsonDocument.Parse(File.ReadAllText(_folder.Path("stats.json"))).RootElement;
        Assert.Equal((Count + 1, 1), (stats.GetProperty("images").GetInt32(), stats.GetProperty("failed").GetInt32()));
        Assert.InRange(stats.GetProperty("stages").GetProperty("model").GetDouble(), 1e-6, 600);
    }

    [Fact]
    public async Task Other_weights_are_another_run()
    {
        await RunAsync();
        CliResult other = await CliRunner.RunAsync(
            "embed", Images, "--weights", GoldenData.PathOf("checkpoints", "tiny_dino.pth"), "--device", "cpu", "-o", _folder.Path("out"));
        Assert.Contains("weights was sha256:", other.FatalLine());
    }

    [Fact]
    public async Task Shards_of_something_else_are_not_touched()
    {
        _folder.Write("out/shard-00000.npy", "precious");
        Assert.Contains("no run.json", (await RunAsync()).FatalLine());
        Assert.Equal("precious", File.ReadAllText(_folder.Path("out", "shard-00000.npy")));
        _folder.Write("out/notes.txt", "mine");
        Assert.Equal(0, (await RunAsync("--overwrite")).ExitCode);
        Assert.Equal("mine", File.ReadAllText(_folder.Path("out", "notes.txt")));
        Assert.Equal(Count, Npy.Read(Assert.Single(Shards())).Shape[0]);
    }

    [Fact]
    public async Task A_damaged_run_json_is_said_in_one_line()
    {
        await RunAsync();
        _folder.Write("out/run.json", "{\"version\":");
        Assert.Contains("run.json", (await RunAsync()).FatalLine());
    }

    /// <summary>What a process that was killed at a bad moment can leave.</summary>
    [Theory]
    [InlineData("no shards", "shard-00001.npy", "shard-00002.npy")]
    [InlineData("journal torn")]
    [InlineData("journal of a shard that is there")]
    [InlineData("temporary files")]
    [InlineData("errors ahead of the rows")]
    public async Task Leftovers_are_cleared_and_the_rest_is_done(string state, params string[] delete)
    {
        await RunAsync("--shard-size", "9", MissingFiles.List(Images + "/none.png"));
        Dictionary<string, byte[]> whole = Contents();
        string errors = _folder.Path("out", "errors.jsonl");
        foreach (string name in delete)
            File.Delete(_folder.Path("out", name));
        switch (state)
        {
            case "journal torn":
                File.Delete(_folder.Path("out", "shard-00002.npy"));
                _folder.Write("out/shard-00002.journal", [40, 0, 0, 0, 1, 2, 3, 4, 5]);
                break;
            case "journal of a shard that is there":
                _folder.Write("out/shard-00001.journal", [1, 2, 3]);
                break;
            case "temporary files":
                _folder.Write("out/.shard-00001.npy.0123abcd.tmp", [1]);
                _folder.Write("out/.run.json.89abcdef.tmp", [1]);
                break;
            case "errors ahead of the rows":
                File.Delete(_folder.Path("out", "shard-00002.npy"));
                File.AppendAllText(errors, "{\"row\":99,\"path\":\"x\",\"error\":\"y\"}\n{\"row\":1");
                break;
        }

        Assert.Equal(3, (await RunAsync("--shard-size", "9", MissingFiles.List(Images + "/none.png"))).ExitCode);
        Assert.Equal(whole, Contents());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(30)]
    public async Task Parts_hold_the_rows_of_the_whole_in_order(int parts)
    {
        string one = _folder.Path("one.npy");
        await CliRunner.EmbedTinyAsync(Images, "-o", one);
        var rows = new List<float>();
        for (int part = 0; part < parts; part++)
        {
            Assert.Equal(0, (await RunAsync("--shard", $"{part}/{parts}", "--shard-size", "4")).ExitCode);
            string folder = parts == 1 ? _folder.Path("out") : _folder.Path("out", $"part-{part:D5}-of-{parts:D5}");
            rows.AddRange(
                Directory.GetFiles(folder, "shard-*.npy").Order(StringComparer.Ordinal).SelectMany(shard => Npy.Read(shard).Floats));
        }

        Assert.Equal(Npy.Read(one).Floats, rows);
    }

    [Fact]
    public async Task Parts_do_not_write_one_file()
    {
        string line = (await CliRunner.EmbedTinyAsync(Images, "-o", _folder.Path("one.npy"), "--shard", "1/3")).FatalLine();
        Assert.Contains("-o out", line);
        Assert.Empty(_folder.Files);
        CliResult lines = await CliRunner.EmbedTinyAsync(Images, "--shard", "1/3");
        Assert.Equal(14 - 7, lines.OutputLines.Length);
    }

    [Fact]
    public async Task Two_at_once_in_one_folder_are_refused()
    {
        Directory.CreateDirectory(_folder.Path("out"));
        using (new FileStream(_folder.Path("out", ".lock"), FileMode.Create, FileAccess.ReadWrite, FileShare.None))
            Assert.Contains("in use by another dino", (await RunAsync()).FatalLine());
        Assert.Equal(0, (await RunAsync()).ExitCode);
    }

    [Fact]
    public async Task Cancelling_ends_in_order_and_the_same_command_goes_on()
    {
        string[] run = [.. Enumerable.Repeat(GoldenData.Image("rocket.jpg"), 200), "--shard-size", "50", "--batch", "2"];
        Assert.Equal(0, (await RunAsync(run)).ExitCode);
        Dictionary<string, byte[]> whole = Contents();
        Directory.Delete(_folder.Path("out"), recursive: true);

        int stops = 0;
        for (int exit = 130; exit == 130;)
        {
            using var cancellation = new CancellationTokenSource();
            long rows = Progress();
            Task<CliResult> running = CliRunner.RunAsync(
                cancellation.Token,
                ["embed", "--weights", CliRunner.TinyWeights, "--device", "cpu", Images, .. run, "-o", _folder.Path("out")]);
            // The first stop at the first row: a busy machine may look at it late.
            while (!running.IsCompleted && Progress() < rows + (stops == 0 ? 1 : 20 * 200))
                await Task.Delay(1);
            await cancellation.CancelAsync();
            CliResult result = await running;
            exit = result.ExitCode;
            stops += exit == 130 ? 1 : 0;
            if (exit == 130)
                Assert.Matches(@"dino: stopped: \d+ of 222 rows are in .*out; run the same command again to resume", result.ErrorLines[^1]);
        }

        Assert.InRange(stops, 1, 200);
        Dictionary<string, byte[]> again = Contents();
        Assert.Equal(whole.Keys.Order(), again.Keys.Order());
        Assert.All(whole, file => Assert.True(file.Value.AsSpan().SequenceEqual(again[file.Key]), file.Key));

        long Progress() => TemporaryFolder.Bytes(_folder.Path("out"), "shard-*");
    }

    /// <summary>At the image, not when its shard is full, which may be hours later.</summary>
    [Fact]
    public async Task A_value_beyond_float16_ends_the_run_at_its_image()
    {
        VitWeights weights = SyntheticWeights.Create(TinyModel.Weights.Config);
        weights.Norm.Bias[3] = 70000;
        string path = _folder.Path("far.safetensors");
        SafetensorsWriter.Write(path, weights);
        SafetensorsWriter.WriteConfig(_folder.Path("config.json"), weights.Config);
        CliResult result = await CliRunner.RunAsync(
            ["embed", Images, "--weights", path, "--device", "cpu", "--dtype", "f16", "-o", _folder.Path("out")]);
        Assert.Matches(@"images.\w+\.\w+: a value of 7\d{4}(\.\d+)? does not fit float16", result.FatalLine());
        Assert.Empty(Shards());
        Assert.Equal(0, Directory.GetFiles(_folder.Path("out"), "*.journal").Sum(file => new FileInfo(file).Length));
    }

    private Task<CliResult> RunAsync(params string[] arguments) =>
        CliRunner.EmbedTinyAsync([Images, .. arguments, "-o", _folder.Path("out")]);

    private string[] Shards() =>
        [.. Directory.GetFiles(_folder.Path("out"), "shard-*").Where(file => !file.EndsWith(".journal", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)];

    private string[] Names() => [.. Contents().Keys.Order(StringComparer.Ordinal)];

    private Dictionary<string, byte[]> Contents() => Directory
        .GetFiles(_folder.Path("out"), "*", new EnumerationOptions { AttributesToSkip = 0 })
        .ToDictionary(file => Path.GetFileName(file), File.ReadAllBytes);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
