using System.Globalization;
using Dino.Gpu.Cli;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary><c>dino merge</c>: what it makes equals what one process writes, byte for byte.</summary>
public sealed class MergeTests : MergeTestBase
{
    /// <summary>
    /// Shard boundaries on part boundaries, beside them, one row a shard, all rows in one; more parts than a shard has
    /// rows.
    /// </summary>
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
    public async Task Every_format_holds_columns_failures_and_digests(string format)
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
    public async Task Rows_of_any_shape_are_merged(string format)
    {
        await AssertSameFolderAsync(3, 0, Images, "--shard-size", "9", "--format", format, "--output", "patches");
        await AssertSameFolderAsync(3, 0, Images, "--shard-size", "9", "--format", format, "--output", "cls+mean", "--size", "40x24");
    }

    [Theory]
    [InlineData("nan")]
    [InlineData("skip")]
    public async Task Shards_without_any_embedding_are_merged(string onError)
    {
        string[] inputs = [MissingFiles.List("a.png", "b.png", "c.png", "d.png"), GoldenData.Image("gray.png"), MissingFiles.List("e.png")];
        foreach (string format in new[] { "npy", "npz", "jsonl", "csv", "parquet", "safetensors" })
            await AssertSameFolderAsync(3, 3, [.. inputs, "--shard-size", "2", "--format", format, "--on-error", onError]);
    }

    /// <summary>
    /// From the shards that hold most to every format, and within each format: as embed writes the file itself.
    /// </summary>
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
            Assert.Equal(3, (await CliRunner.EmbedTinyAsync([.. run, "-o", Folder.Path("one." + file)])).ExitCode);
            CliResult merged = await MergeAsync(Folder.Path("out"), "-o", Folder.Path("merged." + file));
            Assert.Equal(0, merged.ExitCode);
            Assert.Contains("26 rows of 3 parts, 3 of them failed images -> ", merged.Error);
            AssertSameBytes(Folder.Path("one." + file), Folder.Path("merged." + file));
        }
    }

    [Fact]
    public async Task What_the_shards_do_not_hold_is_missing_in_the_file()
    {
        await PartsAsync("out", 2, 3, Manifest(), "--shard-size", "4", "--sha256", "--dtype", "f16");
        CliResult result = await MergeAsync(Folder.Path("out"), "-o", Folder.Path("one.csv"));
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("hold no sha256", result.Error);
        string[] lines = await File.ReadAllLinesAsync(Folder.Path("one.csv"));
        Assert.StartsWith("path,width,height,label,weight,good,count,error,e0,", lines[0]);
        Assert.StartsWith("missing.png,,,", lines[2]);
        Assert.Contains(",no such file,", lines[2]);
        Assert.DoesNotContain("no such file", lines[1]);
    }

    [Fact]
    public async Task Float16_becomes_float32_in_parquet()
    {
        await PartsAsync("out", 2, 0, Images, "--dtype", "f16");
        Assert.Equal(0, (await MergeAsync(Folder.Path("out"), "-o", Folder.Path("one.parquet"))).ExitCode);
        Assert.Equal(0, (await MergeAsync(Folder.Path("out"), "-o", Folder.Path("one.npy"))).ExitCode);
        await CliRunner.EmbedTinyAsync(Images, "--dtype", "f16", "-o", Folder.Path("embed.npy"));
        AssertSameBytes(Folder.Path("embed.npy"), Folder.Path("one.npy"));
    }

    [Fact]
    public async Task Standard_output_takes_lines()
    {
        await PartsAsync("out", 2, 0, Images, "--format", "jsonl");
        CliResult lines = await MergeAsync(Folder.Path("out"), "-o", "-");
        Assert.Equal((await CliRunner.EmbedTinyAsync(Images)).Output, lines.Output);
    }

    [Fact]
    public async Task A_whole_run_becomes_one_file()
    {
        await CliRunner.EmbedTinyAsync(Images, "-o", Folder.Path("one.npy"));
        await CliRunner.EmbedTinyAsync(Images, "-o", Folder.Path("out"), "--shard-size", "5");
        Assert.Equal(0, (await MergeAsync(Folder.Path("out"), "-o", Folder.Path("merged.npy"))).ExitCode);
        AssertSameBytes(Folder.Path("one.npy"), Folder.Path("merged.npy"));
    }

    [Fact]
    public async Task Folders_may_be_anywhere_and_in_any_order()
    {
        await PartsAsync("out", 3, 0, Images);
        Directory.Move(Part(0, 3), Folder.Path("first"));
        Directory.CreateDirectory(Folder.Path("other"));
        Directory.Move(Part(2, 3), Folder.Path("other", "part-00002-of-00003"));
        CliResult merged = await MergeAsync(
            Folder.Path("other"), Folder.Path("out"), Folder.Path("first") + "/", "-o", Folder.Path("one.npy"));
        Assert.Equal(0, merged.ExitCode);
        await CliRunner.EmbedTinyAsync(Images, "-o", Folder.Path("embed.npy"));
        AssertSameBytes(Folder.Path("embed.npy"), Folder.Path("one.npy"));
    }

    [Fact]
    public async Task A_merged_folder_is_whole_and_merging_again_does_nothing()
    {
        string[] run = [Images, MissingFiles.List("none.png"), "--shard-size", "4"];
        await PartsAsync("out", 3, 3, run);
        string merged = Folder.Path("merged");
        await MergeAsync(Folder.Path("out"), "-o", merged);
        DateTime written = File.GetLastWriteTimeUtc(Path.Combine(merged, "shard-00000.npy"));
        CliResult resumed = await CliRunner.EmbedTinyAsync([.. run, "-o", merged]);
        Assert.Equal(3, resumed.ExitCode);
        Assert.Contains("holds all 23 rows already", resumed.Error);
        CliResult again = await MergeAsync(Folder.Path("out"), "-o", merged);
        Assert.Equal(0, again.ExitCode);
        Assert.Contains("holds all 23 rows already", again.Error);
        Assert.Equal(written, File.GetLastWriteTimeUtc(Path.Combine(merged, "shard-00000.npy")));
    }

    /// <summary>
    /// A merge that was killed left a run of which the last shards are missing; others may have been deleted.
    /// </summary>
    [Theory]
    [InlineData(3, 4, 5, 6)]
    [InlineData(0)]
    [InlineData(1, 3, 4)]
    public async Task A_merge_goes_on_with_what_is_there(params int[] missing)
    {
        string[] run = [Manifest(), "--shard-size", "4", "--on-error", "skip"];
        await PartsAsync("out", 3, 3, run);
        string merged = Folder.Path("merged");
        CliResult first = await MergeAsync(Folder.Path("out"), "-o", merged);
        Dictionary<string, byte[]> whole = Contents(merged);
        foreach (int shard in missing)
            File.Delete(Path.Combine(merged, $"shard-{shard:D5}.npy"));
        if (missing.Length == 1)
            File.Delete(Path.Combine(merged, "manifest.jsonl"));
        Folder.Write("merged/shard-00003.journal", [40, 0, 0, 0, 1, 2, 3]);
        Folder.Write("merged/.shard-00003.npy.0123abcd.tmp", [1]);
        CliResult again = await MergeAsync(Folder.Path("out"), "-o", merged);
        Assert.Equal(0, again.ExitCode);
        Assert.Equal(first.ErrorLines[^1], again.ErrorLines[^1]);
        AssertSame(whole, Contents(merged));
    }

    [Fact]
    public async Task Another_run_in_the_folder_stays_unless_told()
    {
        await PartsAsync("out", 2, 0, Images);
        string merged = Folder.Path("merged");
        await CliRunner.EmbedTinyAsync(Images, "--normalize", "-o", merged);
        Dictionary<string, byte[]> before = Contents(merged);
        string line = (await MergeAsync(Folder.Path("out"), "-o", merged)).FatalLine();
        Assert.Contains("normalize was true, is now false", line);
        Assert.Contains("--overwrite", line);
        AssertSame(before, Contents(merged));
        Assert.Equal(0, (await MergeAsync(Folder.Path("out"), "-o", merged, "--overwrite")).ExitCode);
        await CliRunner.EmbedTinyAsync(Images, "-o", Folder.Path("single"));
        AssertSame(Contents(Folder.Path("single")), Contents(merged));
    }

    [Fact]
    public async Task Another_device_is_a_note()
    {
        await PartsAsync("out", 2, 0, Images);
        Edit(Path.Combine(Part(1, 2), "run.json"), "\"device\": \"", "\"device\": \"cuda Imagined, ");
        CliResult result = await MergeAsync(Folder.Path("out"), "-o", Folder.Path("merged"));
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("different devices", result.Error);
        string record = await File.ReadAllTextAsync(Folder.Path("merged", "run.json"));
        Assert.Single(System.Text.RegularExpressions.Regex.Matches(record, "cuda Imagined"));
        Assert.Single(System.Text.RegularExpressions.Regex.Matches(record, "cpu"));
    }

    /// <summary>Cancelled as soon as it has begun to write.</summary>
    [Theory]
    [InlineData("merged", "manifest.jsonl")]
    [InlineData("merged.csv", ".merged.csv.*.tmp")]
    public async Task Cancelling_leaves_nothing(string output, string begun)
    {
        await PartsAsync(
            "out",
            2,
            0,
            [
                Images, .. Enumerable.Repeat(GoldenData.Image("gray.png"), 400), "--shard-size", "10", "--output", "tokens",
                "--format", "csv"
            ]);
        string[] before = [.. Folder.Files.Order()];
        using var cancellation = new CancellationTokenSource();
        Task<CliResult> merging = Task.Run(
            () => CliRunner.RunAsync(cancellation.Token, ["merge", Folder.Path("out"), "-o", Folder.Path(output)]));
        string place = output == "merged" ? Folder.Path("merged") : Folder.Root;
        while (!merging.IsCompleted
            && !(
                    Directory.Exists(place)
                        && Directory.EnumerateFiles(place, begun, new EnumerationOptions { AttributesToSkip = 0 }).Any()))
            Thread.Yield();
        Assert.False(merging.IsCompleted);
        await cancellation.CancelAsync();
        CliResult result = await merging;
        Assert.Equal(130, result.ExitCode);
        Assert.Equal($"dino: {DinoCommandLine.Canceled}", Assert.Single(result.ErrorLines));
        Assert.Equal(before, Folder.Files.Order());
        Assert.False(Directory.Exists(Folder.Path("merged")));
    }

    /// <summary>26 rows with columns of every type, values missing, three images that cannot be read.</summary>
    private string Manifest()
    {
        string broken = Folder.Write("broken.png", [1, 2, 3]);
        string[] paths = [
            GoldenData.Image("chelsea.png"), "missing.png", .. Directory.GetFiles(Images).Order(StringComparer.Ordinal), broken,
            "none \"ü\",.jpg"
        ];
        var lines = new List<string> { "path,label,weight,good,count" };
        for (int i = 0; i < paths.Length; i++)
        {
            string weight = i % 5 == 0 ? "" : (i / 7.0).ToString(CultureInfo.InvariantCulture);
            string path = paths[i].Replace("\"", "\"\"", StringComparison.Ordinal);
            string text = i % 3 == 0 ? "" : $"\"a, {i}\"";
            lines.Add($"\"{path}\",{text},{weight},{(i % 2 == 0 ? "true" : "false")},{i * 1_000_000_007L}");
        }

        return Folder.Write("list.csv", string.Join('\n', lines) + "\n");
    }

    private async Task AssertSameFolderAsync(int parts, int exitCode, params string[] run)
    {
        Assert.Equal(exitCode, (await CliRunner.EmbedTinyAsync([.. run, "-o", Folder.Path("single"), "--overwrite"])).ExitCode);
        await PartsAsync("out", parts, exitCode, [.. run, "--overwrite"]);
        CliResult merged = await MergeAsync(Folder.Path("out"), "-o", Folder.Path("merged"), "--overwrite");
        Assert.True(merged.ExitCode == 0, merged.Error);
        AssertSame(Contents(Folder.Path("single")), Contents(Folder.Path("merged")));
    }


    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
