using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>
/// Folders of runs that somebody or a crash of the machine has changed, and folders that are somebody else's: no row
/// moves, no failed image is forgotten, nothing is overwritten.
/// </summary>
public sealed partial class FolderStateTests : IDisposable
{
    private const int Count = 40;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> Formats => ["npy", "npz", "jsonl", "safetensors"];

    /// <summary>
    /// Rows 20 to 24 stand in the journal of shard 2 when shard 0 goes: they must not become rows 20 to 24 twice, nor
    /// be moved.
    /// </summary>
    [Theory]
    [MemberData(nameof(Formats))]
    public async Task A_shard_deleted_in_front_of_a_journal_is_made_again(string format)
    {
        string[] inputs = Inputs();
        string late = inputs[25];
        byte[] picture = await File.ReadAllBytesAsync(late);
        File.Delete(late);
        string[] run = ["--format", format, "--shard-size", "10", "--batch", "1"];
        Assert.Equal(1, (await EmbedAsync(inputs, [.. run, "--on-error", "fail"])).ExitCode);
        Assert.NotEqual(0, new FileInfo(Out("shard-00002.journal")).Length);
        File.Delete(Out($"shard-00000.{format}"));
        await File.WriteAllBytesAsync(late, picture);

        CliResult again = await EmbedAsync(inputs, [.. run, "--on-error", "fail"]);
        Assert.True(again.ExitCode == 0, again.Error);
        Assert.Contains("holds 15 of 40 rows; resuming there", again.Error);
        await AssertWholeAsync(inputs, 0, [.. run, "--on-error", "fail"]);
    }

    /// <summary>A crash of the machine may keep the younger of two journals and lose the end of the older.</summary>
    [Fact]
    public async Task A_journal_behind_one_that_is_cut()
    {
        string[] inputs = Inputs();
        string[] run = ["--shard-size", "10"];
        await EmbedAsync(inputs, run);
        byte[] journal = await JournalAsync(inputs, 20, 25, run);
        File.Delete(Out("shard-00001.npy"));
        File.Delete(Out("shard-00003.npy"));
        await File.WriteAllBytesAsync(Out("shard-00002.journal"), journal);
        File.Delete(Out("shard-00002.npy"));
        Assert.Equal(0, (await EmbedAsync(inputs, run)).ExitCode);
        await AssertWholeAsync(inputs, 0, run);
    }

    /// <summary>
    /// Nothing but the shard is made again, and the log keeps its order, also where that is interrupted.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Shards_behind_a_deleted_one_stay_with_their_lines_in_the_log(bool isInterrupted)
    {
        string[] inputs = Inputs(3, 10, 17, 24, 31, 38);
        string[] run = ["--shard-size", "10"];
        Assert.Equal(3, (await EmbedAsync(inputs, run)).ExitCode);
        (string, string)[] whole = Content();
        File.Delete(Out("shard-00001.npy"));
        foreach (string other in inputs[..10].Concat(inputs[20..]))
            File.Delete(other);
        if (isInterrupted)
        {
            Assert.Equal(1, (await EmbedAsync(inputs, [.. run, "--max-errors", "5"])).ExitCode);
            Assert.Equal([3, 10, 17], (await File.ReadAllLinesAsync(Out("errors.jsonl"))).Select(Row));
            Assert.Contains("is not complete", (await CliRunner.RunAsync("merge", Out(), "-o", _folder.Path("m.npy"))).FatalLine());
        }

        CliResult again = await EmbedAsync(inputs, run);
        Assert.Equal(3, again.ExitCode);
        Assert.Contains($"holds {(isInterrupted ? 37 : 30)} of 40 rows; resuming there", again.Error);
        Assert.Contains($"dino: {(isInterrupted ? 3 : 10)} images in", again.Error);
        Assert.Equal(whole, Content());
        Assert.Contains("holds all 40 rows already", (await EmbedAsync(inputs, run)).Error);
        Assert.Equal(whole, Content());
    }

    /// <summary>
    /// Whatever is deleted, cut off or interrupted, in any order: in the end it is the run that nothing happened to.
    /// </summary>
    [Theory]
    [InlineData("npy", "nan", 1)]
    [InlineData("npy", "skip", 2)]
    [InlineData("jsonl", "nan", 3)]
    [InlineData("csv", "skip", 4)]
    public async Task Any_damage_is_made_good(string format, string onError, int seed)
    {
        const int ShardSize = 6; // the last has four rows
        var random = new Random(seed);
        int[] broken = [1, 5, 6, 13, 14, 20, 21, 22, 23, 24, 25, 31, 39];
        string[] inputs = Inputs(broken);
        string[] run = ["--shard-size", $"{ShardSize}", "--format", format, "--on-error", onError];
        Assert.Equal(3, (await EmbedAsync(inputs, run)).ExitCode);
        (string, string)[] whole = Content();
        for (int round = 0; round < 25; round++)
        {
            for (int shard = 0; shard * ShardSize < Count; shard++)
            {
                if (random.Next(4) == 0)
                    File.Delete(Out($"shard-{shard:D5}.{format}"));
                if (File.Exists(Out($"shard-{shard:D5}.journal")) && random.Next(2) == 0)
                    Cut(Out($"shard-{shard:D5}.journal"), random);
            }

            // The lines of shards that are there were on the disk before those; the others may be lost, or cut.
            bool IsThere(int row) => File.Exists(Out($"shard-{row / ShardSize:D5}.{format}"));
            foreach (string log in new[] { Out("errors.jsonl"), Out("errors-behind.jsonl") }.Where(File.Exists))
            {
                string[] lines = await File.ReadAllLinesAsync(log);
                int kept = Array.FindLastIndex(lines, line => IsThere(Row(line))) + 1;
                kept = random.Next(kept, lines.Length + 1);
                await File.WriteAllTextAsync(
                    log,
                    string.Concat(lines[..kept].Select(line => line + "\n"))
                        + (kept < lines.Length ? lines[kept][..random.Next(lines[kept].Length)] : ""));
            }

            CliResult result = await EmbedAsync(
                inputs, [.. run, .. random.Next(3) > 0 ? ["--max-errors", $"{random.Next(broken.Length)}"] : Array.Empty<string>()]);
            Assert.True(result.ExitCode is 1 or 3, result.Error);
            if (result.ExitCode == 3)
                Assert.Equal(whole, Content());
        }

        Assert.Equal(3, (await EmbedAsync(inputs, run)).ExitCode);
        Assert.Equal(whole, Content());
    }

    /// <summary>Of log and journal, a crash of the machine may keep the one and lose lines of the other.</summary>
    [Theory]
    [InlineData("line lost")]
    [InlineData("line too much")]
    public async Task The_log_of_the_open_shard_follows_its_journal(string what)
    {
        string[] inputs = Inputs(3, 10, 12, 17, 24);
        string[] run = ["--shard-size", "10", "--batch", "1"];
        Assert.Equal(1, (await EmbedAsync(inputs, [.. run, "--max-errors", "3"])).ExitCode); // ends at row 17
        string[] lines = await File.ReadAllLinesAsync(Out("errors.jsonl"));
        Assert.Equal([3, 10, 12, 17], lines.Select(Row)); // the image that ended the run is named too
        await File.WriteAllLinesAsync(
            Out("errors.jsonl"),
            what == "line lost" ? lines[..2] : [.. lines[..3], lines[2].Replace("\"row\":12", "\"row\":15", StringComparison.Ordinal)]);
        Assert.Equal(3, (await EmbedAsync(inputs, run)).ExitCode);
        await AssertWholeAsync(inputs, 3, run);
    }

    [Fact]
    public async Task Without_its_log_a_run_does_not_go_on()
    {
        string[] inputs = Inputs(3);
        await EmbedAsync(inputs);
        File.Delete(Out("errors.jsonl"));
        Assert.Contains("errors.jsonl is missing", (await EmbedAsync(inputs)).FatalLine());
        Assert.Equal(3, (await EmbedAsync(inputs, "--overwrite")).ExitCode);
    }

    [Fact]
    public async Task A_list_that_was_deleted_is_written_again()
    {
        string[] inputs = Inputs();
        await EmbedAsync(inputs);
        byte[] list = await File.ReadAllBytesAsync(Out("manifest.jsonl"));
        File.Delete(Out("manifest.jsonl"));
        Assert.Equal(0, (await EmbedAsync(inputs)).ExitCode);
        Assert.Equal(list, await File.ReadAllBytesAsync(Out("manifest.jsonl")));
    }

    [Fact]
    public async Task Fewer_errors_allowed_than_there_are()
    {
        string[] inputs = Inputs(3, 10, 17, 24);
        Assert.Equal(1, (await EmbedAsync(inputs, "--max-errors", "3")).ExitCode);
        Assert.Contains(
            "has 3 failed images so far, more than --max-errors 2", (await EmbedAsync(inputs, "--max-errors", "2")).FatalLine());
        Assert.Equal(3, (await EmbedAsync(inputs)).ExitCode);
        Assert.Contains(
            "has 4 failed images so far, more than --max-errors 0", (await EmbedAsync(inputs, "--max-errors", "0")).FatalLine());
    }

    [Theory]
    [InlineData("manifest.jsonl", "{\"path\":\"1.png\",\"label\":\"cat\"}\n")]
    [InlineData("errors.jsonl", "{\"time\":1,\"text\":\"mine\"}\n")]
    [InlineData("errors-behind.jsonl", "{\"mine\":1}\n")]
    public async Task Lists_of_others_are_not_overwritten(string name, string text)
    {
        string[] inputs = Inputs();
        string file = _folder.Write("out/" + name, text);
        foreach (string[] run in (string[][])[[], ["--overwrite"]])
        {
            Assert.Contains(name + " is not dino's", (await EmbedAsync(inputs, run)).FatalLine());
            Assert.Equal(text, await File.ReadAllTextAsync(file));
        }
    }

    [Fact]
    public async Task A_merge_into_a_link_to_its_input_is_refused()
    {
        await EmbedAsync(Inputs());
        string[] before = Directory.GetFiles(Out());
        Directory.CreateSymbolicLink(_folder.Path("link"), Out());
        CliResult merge = await CliRunner.RunAsync("merge", Out(), "-o", _folder.Path("link"), "--overwrite");
        Assert.Contains("is the same folder", merge.FatalLine());
        Assert.Equal(before.Order(), Directory.GetFiles(Out()).Order());
    }

    /// <summary>One task of an array started alone does not know the others' numbers.</summary>
    [Fact]
    public async Task Parts_and_a_whole_run_do_not_mix()
    {
        string[] inputs = Inputs();
        Assert.Equal(0, (await EmbedAsync(inputs, "--shard", "1/2")).ExitCode);
        Assert.Contains("holds parts of a run", (await EmbedAsync(inputs)).FatalLine());
        Directory.Delete(Out(), recursive: true);
        Assert.Equal(0, (await EmbedAsync(inputs)).ExitCode);
        Assert.Contains("holds a whole run", (await EmbedAsync(inputs, "--shard", "1/2")).FatalLine());
    }

    [Theory]
    [InlineData("npz")]
    [InlineData("safetensors")]
    public async Task Shards_in_each_others_place_are_not_merged(string format)
    {
        string[] inputs = [.. Enumerable.Repeat(Inputs()[0], 20)]; // paths tell nothing
        await EmbedAsync(inputs, "--shard-size", "10", "--format", format);
        File.Move(Out("shard-00000." + format), Out("x"));
        File.Move(Out("shard-00001." + format), Out("shard-00000." + format));
        File.Move(Out("x"), Out("shard-00001." + format));
        Assert.Contains(
            "has row 10 where row 0 of the list should be",
            (await CliRunner.RunAsync("merge", Out(), "-o", _folder.Path("m.npy"))).FatalLine());
        Assert.False(File.Exists(_folder.Path("m.npy")));
    }

    private static int Row(string line) => System.Text.Json.JsonDocument.Parse(line).RootElement.GetProperty("row").GetInt32();

    private string Out(string? name = null) => name is null ? _folder.Path("out") : _folder.Path("out", name);

    /// <summary>Pictures that all differ, and files without one.</summary>
    private string[] Inputs(params int[] broken) =>
        [.. Enumerable.Range(0, Count).Select(i => _folder.Write($"in/{i:D2}.bmp", broken.Contains(i)
            ? [1, 2, 3] : KilledRunTests.Bitmap(i)))];

    private Task<CliResult> EmbedAsync(string[] inputs, params string[] arguments) =>
        CliRunner.EmbedTinyAsync([.. inputs.Select(Argument), .. arguments, "-o", Out()]);

    /// <summary>A file that is not there can only be a row of a list.</summary>
    private static string Argument(string path) => Path.Exists(path) ? path : MissingFiles.List(path);

    /// <summary>The files are those of a run that nothing happened to.</summary>
    private async Task AssertWholeAsync(string[] inputs, int exitCode, string[] arguments)
    {
        Assert.Equal(exitCode, (await CliRunner.EmbedTinyAsync([.. inputs, .. arguments, "-o", _folder.Path("whole")])).ExitCode);
        string[] names = [.. Directory.GetFiles(_folder.Path("whole")).Select(file => Path.GetFileName(file))
            .Order(StringComparer.Ordinal)];
        Assert.Equal(names, Directory.GetFiles(Out()).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal));
        Assert.All(
            names,
            name => Assert.True(File.ReadAllBytes(_folder.Path("whole", name)).AsSpan().SequenceEqual(File.ReadAllBytes(Out(name))), name));
    }

    private static void Cut(string file, Random random)
    {
        using FileStream stream = File.OpenWrite(file);
        stream.SetLength(random.NextInt64(stream.Length + 1));
    }

    /// <summary>Every file of the folder.</summary>
    private (string Name, string Bytes)[] Content() =>
        [.. Directory.GetFiles(Out(), "*", new EnumerationOptions { AttributesToSkip = 0 })
            .Order(StringComparer.Ordinal).Select(file => (Path.GetFileName(file), Convert.ToHexString(File.ReadAllBytes(file))))];

    /// <summary>The journal of some rows of a list.</summary>
    private async Task<byte[]> JournalAsync(string[] inputs, int first, int last, string[] arguments)
    {
        string folder = _folder.Path("journal");
        string[] some = [.. inputs[first..last], MissingFiles.List(_folder.Path("none.bmp"))];
        Assert.Equal(
            1, (await CliRunner.EmbedTinyAsync([.. some, .. arguments, "--on-error", "fail", "--batch", "1", "-o", folder])).ExitCode);
        return await File.ReadAllBytesAsync(Path.Combine(folder, "shard-00000.journal"));
    }
}
