using System.Globalization;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary><c>dino merge</c>: what it makes equals what one process writes, byte for byte.</summary>
public sealed class MergeTests : IDisposable
{
    private static readonly string Images = GoldenData.PathOf("images");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Shard boundaries on part boundaries, beside them, one row a shard, all rows in one; more parts than a shard has rows.</summary>
    [Theory]
    [InlineData(1, 5)]
    [InlineData(2, 1)]
    [InlineData(2, 11)]
    [InlineData(2, 7)]
    [InlineData(3, 4)]
    [InlineData(3, 1000)]
    [InlineData(8, 3)]
    [InlineData(8, 10)]
    [InlineData(30, 4)]
    public async Task A_merged_folder_is_that_of_one_process(int parts, int shardSize) =>
        await AssertSameFolderAsync(parts, 0, Images, "--shard-size", Text(shardSize));

    [Theory]
    [InlineData("npy")]
    [InlineData("npz")]
    [InlineData("jsonl")]
    [InlineData("csv")]
    [InlineData("parquet")]
    [InlineData("safetensors")]
    public async Task Every_format_with_columns_failures_and_digests(string format)
    {
        string[] run = [Manifest(), "--shard-size", "4", "--format", format, "--sha256"];
        await AssertSameFolderAsync(3, 3, run);
        await AssertSameFolderAsync(3, 3, [.. run, "--on-error", "skip"]);
        if (format != "parquet")
            await AssertSameFolderAsync(3, 3, [.. run, "--on-error", "skip", "--dtype", "f16", "--normalize"]);
    }

    [Theory]
    [InlineData("npy")]
    [InlineData("jsonl")]
    [InlineData("csv")]
    [InlineData("parquet")]
    [InlineData("safetensors")]
    public async Task Rows_of_any_shape(string format)
    {
        await AssertSameFolderAsync(3, 0, Images, "--shard-size", "9", "--format", format, "--output", "patches");
        await AssertSameFolderAsync(3, 0, Images, "--shard-size", "9", "--format", format, "--output", "cls+mean", "--size", "40x24");
    }

    [Theory]
    [InlineData("nan")]
    [InlineData("skip")]
    public async Task Shards_without_any_embedding(string onError)
    {
        foreach (string format in new[] { "npy", "npz", "jsonl", "csv", "parquet", "safetensors" })
            await AssertSameFolderAsync(3, 3, "a.png", "b.png", "c.png", "d.png", GoldenData.Image("gray.png"), "e.png", "--shard-size", "2", "--format", format, "--on-error", onError);
    }

    /// <summary>From the shards that hold most to every format, and within each format: as embed writes the file itself.</summary>
    [Theory]
    [InlineData("parquet", "npy")]
    [InlineData("parquet", "npz")]
    [InlineData("parquet", "jsonl")]
    [InlineData("parquet", "csv")]
    [InlineData("parquet", "safetensors")]
    [InlineData("parquet", "parquet")]
    [InlineData("jsonl", "parquet")]
    [InlineData("csv", "npz")]
    [InlineData("npz", "jsonl")]
    [InlineData("npy", "npy")]
    [InlineData("npz", "npz")]
    [InlineData("jsonl", "jsonl")]
    [InlineData("csv", "csv")]
    [InlineData("safetensors", "safetensors")]
    public async Task One_file_in_another_format_is_that_of_embed(string shards, string file)
    {
        foreach (string onError in new[] { "nan", "skip" })
        {
            string[] run = [Manifest(), "--sha256", "--on-error", onError, "--output", "tokens"];
            await PartsAsync("out", 3, 3, [.. run, "--shard-size", "4", "--format", shards, "--overwrite"]);
            Assert.Equal(3, (await CliRunner.EmbedTinyAsync([.. run, "-o", _folder.Path("one." + file)])).ExitCode);
            CliResult merged = await MergeAsync(_folder.Path("out"), "-o", _folder.Path("merged." + file));
            Assert.Equal(0, merged.ExitCode);
            Assert.Contains("26 rows of 3 parts, 3 of them failed images -> ", merged.Error);
            AssertSameBytes(_folder.Path("one." + file), _folder.Path("merged." + file));
        }
    }

    [Fact]
    public async Task What_the_shards_do_not_hold_is_missing_in_the_file()
    {
        await PartsAsync("out", 2, 3, Manifest(), "--shard-size", "4", "--sha256", "--dtype", "f16");
        CliResult result = await MergeAsync(_folder.Path("out"), "-o", _folder.Path("one.csv"));
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("hold no sha256", result.Error);
        string[] lines = await File.ReadAllLinesAsync(_folder.Path("one.csv"));
        Assert.StartsWith("path,width,height,label,weight,good,count,error,e0,", lines[0]);
        Assert.StartsWith("missing.png,,,", lines[2]);
        Assert.Contains(",no such file,", lines[2]);
        Assert.DoesNotContain("no such file", lines[1]);
    }

    [Fact]
    public async Task Float16_becomes_float32_in_parquet()
    {
        await PartsAsync("out", 2, 0, Images, "--dtype", "f16");
        Assert.Equal(0, (await MergeAsync(_folder.Path("out"), "-o", _folder.Path("one.parquet"))).ExitCode);
        Assert.Equal(0, (await MergeAsync(_folder.Path("out"), "-o", _folder.Path("one.npy"))).ExitCode);
        await CliRunner.EmbedTinyAsync(Images, "--dtype", "f16", "-o", _folder.Path("embed.npy"));
        AssertSameBytes(_folder.Path("embed.npy"), _folder.Path("one.npy"));
    }

    [Fact]
    public async Task Standard_output_takes_lines()
    {
        await PartsAsync("out", 2, 0, Images, "--format", "jsonl");
        CliResult lines = await MergeAsync(_folder.Path("out"), "-o", "-");
        Assert.Equal((await CliRunner.EmbedTinyAsync(Images)).Output, lines.Output);
    }

    [Fact]
    public async Task A_whole_run_becomes_one_file()
    {
        await CliRunner.EmbedTinyAsync(Images, "-o", _folder.Path("one.npy"));
        await CliRunner.EmbedTinyAsync(Images, "-o", _folder.Path("out"), "--shard-size", "5");
        Assert.Equal(0, (await MergeAsync(_folder.Path("out"), "-o", _folder.Path("merged.npy"))).ExitCode);
        AssertSameBytes(_folder.Path("one.npy"), _folder.Path("merged.npy"));
    }

    [Fact]
    public async Task Folders_may_be_anywhere_and_in_any_order()
    {
        await PartsAsync("out", 3, 0, Images);
        Directory.Move(Part(0, 3), _folder.Path("first"));
        Directory.CreateDirectory(_folder.Path("other"));
        Directory.Move(Part(2, 3), _folder.Path("other", "part-00002-of-00003"));
        Assert.Equal(0, (await MergeAsync(_folder.Path("other"), _folder.Path("out"), _folder.Path("first") + "/", "-o", _folder.Path("one.npy"))).ExitCode);
        await CliRunner.EmbedTinyAsync(Images, "-o", _folder.Path("embed.npy"));
        AssertSameBytes(_folder.Path("embed.npy"), _folder.Path("one.npy"));
    }

    [Fact]
    public async Task A_merged_folder_is_whole_and_merging_again_does_nothing()
    {
        string[] run = [Images, "none.png", "--shard-size", "4"];
        await PartsAsync("out", 3, 3, run);
        string merged = _folder.Path("merged");
        await MergeAsync(_folder.Path("out"), "-o", merged);
        DateTime written = File.GetLastWriteTimeUtc(Path.Combine(merged, "shard-00000.npy"));
        CliResult resumed = await CliRunner.EmbedTinyAsync([.. run, "-o", merged]);
        Assert.Equal(3, resumed.ExitCode);
        Assert.Contains("holds all 23 rows already", resumed.Error);
        CliResult again = await MergeAsync(_folder.Path("out"), "-o", merged);
        Assert.Equal(0, again.ExitCode);
        Assert.Contains("holds all 23 rows already", again.Error);
        Assert.Equal(written, File.GetLastWriteTimeUtc(Path.Combine(merged, "shard-00000.npy")));
    }

    /// <summary>A merge that was killed left a run of which some shards are missing.</summary>
    [Fact]
    public async Task A_killed_merge_is_gone_on_with()
    {
        string[] run = [Manifest(), "--shard-size", "4", "--on-error", "skip"];
        await PartsAsync("out", 3, 3, run);
        string merged = _folder.Path("merged");
        await MergeAsync(_folder.Path("out"), "-o", merged);
        Dictionary<string, byte[]> whole = Contents(merged);
        foreach (int shard in Enumerable.Range(3, 4))
            File.Delete(Path.Combine(merged, $"shard-{shard:D5}.npy"));
        _folder.Write("merged/shard-00003.journal", [40, 0, 0, 0, 1, 2, 3]);
        _folder.Write("merged/.shard-00003.npy.0123abcd.tmp", [1]);
        Assert.Equal(0, (await MergeAsync(_folder.Path("out"), "-o", merged)).ExitCode);
        AssertSame(whole, Contents(merged));
    }

    [Fact]
    public async Task Another_run_in_the_folder_stays_unless_told()
    {
        await PartsAsync("out", 2, 0, Images);
        string merged = _folder.Path("merged");
        await CliRunner.EmbedTinyAsync(Images, "--normalize", "-o", merged);
        Dictionary<string, byte[]> before = Contents(merged);
        string line = (await MergeAsync(_folder.Path("out"), "-o", merged)).FatalLine();
        Assert.Contains("normalize was true, is now false", line);
        Assert.Contains("--overwrite", line);
        AssertSame(before, Contents(merged));
        Assert.Equal(0, (await MergeAsync(_folder.Path("out"), "-o", merged, "--overwrite")).ExitCode);
        await CliRunner.EmbedTinyAsync(Images, "-o", _folder.Path("single"));
        AssertSame(Contents(_folder.Path("single")), Contents(merged));
    }

    [Fact]
    public async Task Another_device_is_a_note()
    {
        await PartsAsync("out", 2, 0, Images);
        Edit(Path.Combine(Part(1, 2), "run.json"), "\"device\": \"", "\"device\": \"cuda Imagined, ");
        CliResult result = await MergeAsync(_folder.Path("out"), "-o", _folder.Path("merged"));
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("different devices", result.Error);
        string record = await File.ReadAllTextAsync(_folder.Path("merged", "run.json"));
        Assert.Single(System.Text.RegularExpressions.Regex.Matches(record, "cuda Imagined"));
        Assert.Single(System.Text.RegularExpressions.Regex.Matches(record, "cpu"));
    }

    [Theory]
    [InlineData("missing", "parts 0, 2 of 3 are missing: give the folder too, or run it with --shard 0/3")]
    [InlineData("twice", "part 1 of 3 is in ")]
    [InlineData("other weights", "is not of the same run as ")]
    [InlineData("other list", "the input list was another one, of 22 rows, and has 23 now")]
    [InlineData("other count", "shardCount was 3, is now 4")]
    [InlineData("no run.json", "part-00001-of-00003 has no run.json")]
    [InlineData("damaged run.json", "run.json")]
    [InlineData("edited run.json", "its numbers do not fit together")]
    [InlineData("edited rows", "starts at row 6 of the list, expected row 7")]
    [InlineData("shard gone", "part-00001-of-00003) is not complete, 4 of its 7 rows are in whole shards: the command that began it, with --shard 1/3, goes on with it")]
    [InlineData("journal open", "part-00001-of-00003) is not complete, 4 of its 7 rows are in whole shards: the command that began it, with --shard 1/3, goes on with it; neither are parts 2")]
    [InlineData("shard too short", "shard-00001.npy ends before row 13 of the list")]
    [InlineData("shard too long", "shard-00001.npy has more rows than those up to row 13 of the list")]
    [InlineData("shard torn", "cannot read ")]
    [InlineData("shard of longer rows", "has rows of 96 values, expected 48")]
    [InlineData("manifest changed", "is not the list of the run")]
    [InlineData("no manifest", "manifest.jsonl")]
    [InlineData("no errors.jsonl", "errors.jsonl: no such file")]
    [InlineData("errors.jsonl torn", "errors.jsonl: line 1 is not that of a failed image")]
    [InlineData("errors of others", "errors.jsonl has row 2 where it should not be")]
    [InlineData("errors of good images", "has an embedding in row 8 of the list, which failed after the errors.jsonl beside it")]
    [InlineData("nothing", "has no run.json and no folders such as part-00000-of-00008")]
    [InlineData("no folder", "there is no folder ")]
    [InlineData("run and parts", "is a run itself and holds parts of one")]
    [InlineData("into the parts", "is among the folders to merge")]
    [InlineData("into a part", "is among the folders to merge")]
    [InlineData("over a shard", "is among the folders to merge")]
    public async Task Refused(string what, string message)
    {
        string[] run = ["--shard-size", "4"];
        await PartsAsync("out", 3, 0, [Images, .. run]);
        string from = _folder.Path("out");
        string to = _folder.Path("merged");
        string one = Part(1, 3);
        await SpoilAsync(what, one, run);
        if (what == "no folder")
            from = _folder.Path("nowhere");
        else if (what == "nothing")
            from = Directory.CreateDirectory(_folder.Path("empty")).FullName;
        to = what switch { "into the parts" => from, "into a part" => one + "/", "over a shard" => Path.Combine(one, "shard-00000.npy"), _ => to };
        string[] before = [.. _folder.Files.Order()];

        string line = (await MergeAsync(what == "missing" ? one : from, "-o", to)).FatalLine();
        Assert.Contains(message, line);
        Assert.Equal(before, _folder.Files.Order());
        Assert.False(Directory.Exists(_folder.Path("merged")));
        if (to == _folder.Path("merged"))
        {
            line = (await MergeAsync(what == "missing" ? one : from, "-o", _folder.Path("one.jsonl"))).FatalLine();
            Assert.Contains(message, line);
            Assert.Equal(before, _folder.Files.Order());
        }
    }

    [Fact]
    public async Task A_shard_of_other_images_is_refused()
    {
        await PartsAsync("out", 2, 3, Images, "none.png", "--shard-size", "4", "--format", "jsonl");
        string shard = Path.Combine(Part(0, 2), "shard-00000.jsonl");
        File.Copy(Path.Combine(Part(0, 2), "shard-00001.jsonl"), shard, overwrite: true);
        Assert.Contains("in row 0 of the list, the manifest beside it", (await MergeAsync(_folder.Path("out"), "-o", _folder.Path("merged"))).FatalLine());
    }

    [Fact]
    public async Task A_failed_image_that_errors_jsonl_lacks_is_refused()
    {
        await PartsAsync("out", 2, 3, Images, "none.png", "--format", "jsonl");
        await File.WriteAllTextAsync(Path.Combine(Part(1, 2), "errors.jsonl"), "");
        Assert.Contains("has no embedding in row 22 of the list (no such file)", (await MergeAsync(_folder.Path("out"), "-o", _folder.Path("merged"))).FatalLine());
    }

    /// <summary>Cancelled as soon as it has begun to write.</summary>
    [Theory]
    [InlineData("merged", "manifest.jsonl")]
    [InlineData("merged.csv", ".merged.csv.*.tmp")]
    public async Task Cancelling_leaves_nothing(string output, string begun)
    {
        await PartsAsync("out", 2, 0, [Images, .. Enumerable.Repeat(GoldenData.Image("gray.png"), 400), "--shard-size", "10", "--output", "tokens", "--format", "csv"]);
        string[] before = [.. _folder.Files.Order()];
        using var cancellation = new CancellationTokenSource();
        Task<CliResult> merging = Task.Run(() => CliRunner.RunAsync(cancellation.Token, ["merge", _folder.Path("out"), "-o", _folder.Path(output)]));
        string place = output == "merged" ? _folder.Path("merged") : _folder.Root;
        while (!merging.IsCompleted && !(Directory.Exists(place) && Directory.EnumerateFiles(place, begun, new EnumerationOptions { AttributesToSkip = 0 }).Any()))
            Thread.Yield();
        Assert.False(merging.IsCompleted);
        await cancellation.CancelAsync();
        CliResult result = await merging;
        Assert.Equal(130, result.ExitCode);
        Assert.Equal("dino: cancelled", Assert.Single(result.ErrorLines));
        Assert.Equal(before, _folder.Files.Order());
        Assert.False(Directory.Exists(_folder.Path("merged")));
    }

    [Theory]
    [InlineData("merge")]
    [InlineData("merge", "out")]
    [InlineData("merge", "-o", "merged")]
    [InlineData("merge", "out", "-o", "merged.xyz")]
    [InlineData("merge", "out", "-o", "merged", "--shard-size", "4")]
    public async Task Wrong_usage(params string[] arguments)
    {
        CliResult result = await CliRunner.RunAsync(arguments);
        Assert.Equal(2, result.ExitCode);
        Assert.Equal("Try 'dino merge --help'.", result.ErrorLines[^1]);
    }

    [Fact]
    public async Task Help_has_examples() => Assert.Contains("dino merge out -o merged", (await CliRunner.RunAsync("merge", "--help")).Output);

    private async Task SpoilAsync(string what, string one, string[] run)
    {
        switch (what)
        {
            case "twice":
                CopyFolder(one, _folder.Path("out", "part-00003-of-00003"));
                break;
            case "other weights":
                Directory.Delete(one, recursive: true);
                await CliRunner.RunAsync(["embed", Images, "--weights", GoldenData.PathOf("checkpoints", "tiny_dino.pth"), "--device", "cpu", .. run, "--shard", "1/3", "-o", _folder.Path("out")]);
                break;
            case "other list":
                Directory.Delete(one, recursive: true);
                await CliRunner.EmbedTinyAsync([Images, GoldenData.Image("gray.png"), .. run, "--shard", "1/3", "-o", _folder.Path("out")]);
                break;
            case "other count":
                await CliRunner.EmbedTinyAsync([Images, .. run, "--shard", "1/4", "-o", _folder.Path("out")]);
                break;
            case "no run.json":
                File.Delete(Path.Combine(one, "run.json"));
                break;
            case "damaged run.json":
                await File.WriteAllTextAsync(Path.Combine(one, "run.json"), "{\"version\":");
                break;
            case "edited run.json":
                Edit(Path.Combine(one, "run.json"), "\"lastRow\": 14", "\"lastRow\": 3");
                break;
            case "edited rows":
                Edit(Path.Combine(one, "run.json"), "\"firstRow\": 7", "\"firstRow\": 6");
                break;
            case "journal open":
                File.Delete(Path.Combine(Part(2, 3), "shard-00000.npy"));
                goto case "shard gone";
            case "shard gone":
                File.Move(Path.Combine(one, "shard-00001.npy"), Path.Combine(one, what == "shard gone" ? "elsewhere.npy" : "shard-00001.journal"));
                break;
            case "shard too short":
                await CliRunner.EmbedTinyAsync(GoldenData.Image("gray.png"), GoldenData.Image("gray.png"), "-o", Path.Combine(one, "shard-00001.npy"));
                break;
            case "shard too long":
                File.Copy(Path.Combine(one, "shard-00000.npy"), Path.Combine(one, "shard-00001.npy"), overwrite: true);
                break;
            case "shard torn":
                await using (var shard = new FileStream(Path.Combine(one, "shard-00001.npy"), FileMode.Open))
                    shard.SetLength(300);
                break;
            case "shard of longer rows":
                await CliRunner.EmbedTinyAsync(GoldenData.Image("gray.png"), "--output", "cls+mean", "-o", Path.Combine(one, "shard-00001.npy"));
                break;
            case "manifest changed":
                Edit(Path.Combine(one, "manifest.jsonl"), ".png", ".PNG");
                break;
            case "no manifest":
                File.Delete(Path.Combine(one, "manifest.jsonl"));
                break;
            case "no errors.jsonl":
                File.Delete(Path.Combine(one, "errors.jsonl"));
                break;
            case "errors.jsonl torn":
                await File.WriteAllTextAsync(Path.Combine(one, "errors.jsonl"), "{\"row\":8,\"pa");
                break;
            case "errors of others":
                await File.WriteAllTextAsync(Path.Combine(one, "errors.jsonl"), "{\"row\":2,\"path\":\"a\",\"error\":\"b\"}\n");
                break;
            case "errors of good images":
                await File.WriteAllTextAsync(Path.Combine(one, "errors.jsonl"), "{\"row\":8,\"path\":\"a\",\"error\":\"b\"}\n");
                break;
            case "run and parts":
                await CliRunner.EmbedTinyAsync([Images, .. run, "-o", _folder.Path("out")]);
                break;
        }
    }

    /// <summary>26 rows with columns of every type, values missing, three images that cannot be read.</summary>
    private string Manifest()
    {
        string broken = _folder.Write("broken.png", [1, 2, 3]);
        string[] paths = [GoldenData.Image("chelsea.png"), "missing.png", .. Directory.GetFiles(Images).Order(StringComparer.Ordinal), broken, "none \"ü\",.jpg"];
        var lines = new List<string> { "path,label,weight,good,count" };
        for (int i = 0; i < paths.Length; i++)
        {
            string weight = i % 5 == 0 ? "" : (i / 7.0).ToString(CultureInfo.InvariantCulture);
            lines.Add($"\"{paths[i].Replace("\"", "\"\"", StringComparison.Ordinal)}\",{(i % 3 == 0 ? "" : $"\"a, {i}\"")},{weight},{(i % 2 == 0 ? "true" : "false")},{i * 1_000_000_007L}");
        }

        return _folder.Write("list.csv", string.Join('\n', lines) + "\n");
    }

    private async Task AssertSameFolderAsync(int parts, int exitCode, params string[] run)
    {
        Assert.Equal(exitCode, (await CliRunner.EmbedTinyAsync([.. run, "-o", _folder.Path("single"), "--overwrite"])).ExitCode);
        await PartsAsync("out", parts, exitCode, [.. run, "--overwrite"]);
        CliResult merged = await MergeAsync(_folder.Path("out"), "-o", _folder.Path("merged"), "--overwrite");
        Assert.True(merged.ExitCode == 0, merged.Error);
        AssertSame(Contents(_folder.Path("single")), Contents(_folder.Path("merged")));
    }

    /// <summary>The parts of a run; at least one of them ends with the exit code.</summary>
    private async Task PartsAsync(string output, int parts, int exitCode, params string[] run)
    {
        int worst = 0;
        for (int part = 0; part < parts; part++)
            worst = Math.Max(worst, (await CliRunner.EmbedTinyAsync([.. run, "--shard", $"{part}/{parts}", "-o", _folder.Path(output)])).ExitCode);
        Assert.Equal(exitCode, worst);
    }

    private Task<CliResult> MergeAsync(params string[] arguments) => CliRunner.RunAsync(["merge", .. arguments]);

    private string Part(int index, int count) => _folder.Path("out", $"part-{index:D5}-of-{count:D5}");

    private static Dictionary<string, byte[]> Contents(string folder) => Directory
        .GetFiles(folder, "*", new EnumerationOptions { AttributesToSkip = 0 })
        .ToDictionary(file => Path.GetFileName(file), File.ReadAllBytes);

    private static void AssertSame(Dictionary<string, byte[]> expected, Dictionary<string, byte[]> found)
    {
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), found.Keys.Order(StringComparer.Ordinal));
        Assert.All(expected, file => Assert.True(file.Value.AsSpan().SequenceEqual(found[file.Key]), file.Key));
    }

    private static void AssertSameBytes(string expected, string found) =>
        Assert.True(File.ReadAllBytes(expected).AsSpan().SequenceEqual(File.ReadAllBytes(found)), $"{found} differs from {expected}");

    private static void Edit(string file, string old, string now)
    {
        string text = File.ReadAllText(file);
        Assert.Contains(old, text);
        int place = text.IndexOf(old, StringComparison.Ordinal);
        File.WriteAllText(file, text[..place] + now + text[(place + old.Length)..]);
    }

    private static void CopyFolder(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string file in Directory.GetFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
