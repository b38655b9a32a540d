using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>
/// <c>dino merge</c> of what does not fit together: one line that says what and where, and nothing written.
/// </summary>
public sealed class MergeRefusalTests : MergeTestBase
{
    [Theory]
    [InlineData("missing", "parts 0, 2 of 3 are missing\nhint: give the folder too, or run it with --shard 0/3")]
    [InlineData("twice", "part 1 of 3 is in ")]
    [InlineData("other weights", "is not of the same run as ")]
    [InlineData("other list", "the input list changed: 22 rows before, 23 now")]
    [InlineData("other count", "shardCount was 3, is now 4")]
    [InlineData("no run.json", "part-00001-of-00003 has no run.json")]
    [InlineData("damaged run.json", "run.json")]
    [InlineData("edited run.json", "its numbers do not fit together")]
    [InlineData("edited rows", "starts at row 6 of the list, expected row 7")]
    [InlineData("shard gone", "part-00001-of-00003) is not complete, 4 of its 7 rows are in whole shards\nhint: run the command "
        + "that began it with --shard 1/3")]
    [InlineData("journal open", "part-00001-of-00003) is not complete, 4 of its 7 rows are in whole shards; neither are parts 2")]
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
    public async Task A_wrong_part_is_refused(string what, string message)
    {
        string[] run = ["--shard-size", "4"];
        await PartsAsync("out", 3, 0, [Images, .. run]);
        string from = Folder.Path("out");
        string to = Folder.Path("merged");
        string one = Part(1, 3);
        await SpoilAsync(what, one, run);
        if (what == "no folder")
            from = Folder.Path("nowhere");
        else if (what == "nothing")
            from = Directory.CreateDirectory(Folder.Path("empty")).FullName;
        to =
            what switch
            {
                "into the parts" => from,
                "into a part" => one + "/",
                "over a shard" =>
                Path.Combine(one, "shard-00000.npy"),
                _ => to
            };
        string[] before = [.. Folder.Files.Order()];

        string line = (await MergeAsync(what == "missing" ? one : from, "-o", to)).FatalLine();
        Assert.Contains(message, line);
        Assert.Equal(before, Folder.Files.Order());
        Assert.False(Directory.Exists(Folder.Path("merged")));
        if (to == Folder.Path("merged"))
        {
            line = (await MergeAsync(what == "missing" ? one : from, "-o", Folder.Path("one.jsonl"))).FatalLine();
            Assert.Contains(message, line);
            Assert.Equal(before, Folder.Files.Order());
        }
    }

    [Fact]
    public async Task A_shard_of_other_images_is_refused()
    {
        await PartsAsync("out", 2, 3, Images, MissingFiles.List("none.png"), "--shard-size", "4", "--format", "jsonl");
        string shard = Path.Combine(Part(0, 2), "shard-00000.jsonl");
        File.Copy(Path.Combine(Part(0, 2), "shard-00001.jsonl"), shard, overwrite: true);
        Assert.Contains(
            "in row 0 of the list, the manifest beside it",
            (await MergeAsync(Folder.Path("out"), "-o", Folder.Path("merged"))).FatalLine());
    }

    [Fact]
    public async Task A_failed_image_that_errors_jsonl_lacks_is_refused()
    {
        await PartsAsync("out", 2, 3, Images, MissingFiles.List("none.png"), "--format", "jsonl");
        await File.WriteAllTextAsync(Path.Combine(Part(1, 2), "errors.jsonl"), "");
        Assert.Contains(
            "has no embedding in row 22 of the list (no such file)",
            (await MergeAsync(Folder.Path("out"), "-o", Folder.Path("merged"))).FatalLine());
    }

    [Theory]
    [InlineData("hint: run 'dino merge --help'", "merge")]
    [InlineData("hint: run 'dino merge --help'", "merge", "out")]
    [InlineData("hint: run 'dino merge --help'", "merge", "-o", "merged")]
    [InlineData("hint: end it in .npy, ", "merge", "out", "-o", "merged.xyz")]
    [InlineData("hint: run 'dino merge --help'", "merge", "out", "-o", "merged", "--shard-size", "4")]
    public async Task Wrong_usage_says_what_to_do(string hint, params string[] arguments)
    {
        CliResult result = await CliRunner.RunAsync(arguments);
        Assert.Equal(2, result.ExitCode);
        Assert.StartsWith(hint, result.ErrorLines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_has_examples() =>
        Assert.Contains("dino merge out -o merged", (await CliRunner.RunAsync("merge", "--help")).Output);

    private async Task SpoilAsync(string what, string one, string[] run)
    {
        switch (what)
        {
            case "twice":
                CopyFolder(one, Folder.Path("out", "part-00003-of-00003"));
                break;
            case "other weights":
                Directory.Delete(one, recursive: true);
                await CliRunner.RunAsync(
                    [
                        "embed", Images, "--weights", GoldenData.PathOf("checkpoints", "tiny_dino.pth"), "--device", "cpu",
                        .. run, "--shard", "1/3", "-o", Folder.Path("out")
                    ]);
                break;
            case "other list":
                Directory.Delete(one, recursive: true);
                await CliRunner.EmbedTinyAsync([Images, GoldenData.Image("gray.png"), .. run, "--shard", "1/3", "-o", Folder.Path("out")]);
                break;
            case "other count":
                await CliRunner.EmbedTinyAsync([Images, .. run, "--shard", "1/4", "-o", Folder.Path("out")]);
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
                File.Move(
                    Path.Combine(one, "shard-00001.npy"),
                    Path.Combine(one, what == "shard gone" ? "elsewhere.npy" : "shard-00001.journal"));
                break;
            case "shard too short":
                await ReplaceShardAsync(one, GoldenData.Image("gray.png"), GoldenData.Image("gray.png"));
                break;
            case "shard too long":
                File.Copy(Path.Combine(one, "shard-00000.npy"), Path.Combine(one, "shard-00001.npy"), overwrite: true);
                break;
            case "shard torn":
                await using (var shard = new FileStream(Path.Combine(one, "shard-00001.npy"), FileMode.Open))
                    shard.SetLength(300);
                break;
            case "shard of longer rows":
                await ReplaceShardAsync(one, GoldenData.Image("gray.png"), "--output", "cls+mean");
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
                await CliRunner.EmbedTinyAsync([Images, .. run, "-o", Folder.Path("whole")]);
                File.Copy(Folder.Path("whole", "run.json"), Folder.Path("out", "run.json"));
                break;
        }
    }

    /// <summary>Puts other rows in the place of a shard, which <c>dino embed</c> itself refuses to overwrite.</summary>
    private async Task ReplaceShardAsync(string folder, params string[] arguments)
    {
        string rows = Folder.Path("rows.npy");
        await CliRunner.EmbedTinyAsync([.. arguments, "-o", rows]);
        File.Move(rows, Path.Combine(folder, "shard-00001.npy"), overwrite: true);
    }

    private static void CopyFolder(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string file in Directory.GetFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
    }
}
