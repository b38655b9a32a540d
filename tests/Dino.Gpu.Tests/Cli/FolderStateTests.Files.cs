namespace Dino.Gpu.Tests.Cli;

public sealed partial class FolderStateTests
{
    /// <summary>A copy of the folder's log, whole also where the run goes on.</summary>
    [Fact]
    public async Task Errors_of_a_folder_are_written_where_asked_too()
    {
        string[] inputs = Inputs(3, 10, 17, 24);
        string log = _folder.Path("log.jsonl");
        await EmbedAsync(inputs, "--max-errors", "2", "--errors", log);
        Assert.Equal([3, 10, 17], (await File.ReadAllLinesAsync(log)).Select(Row));
        // and leaves the log alone
        Assert.Contains("holds another run", (await EmbedAsync(inputs, "--normalize", "--errors", log)).FatalLine());
        Assert.Equal([3, 10, 17], (await File.ReadAllLinesAsync(log)).Select(Row));
        await EmbedAsync(inputs, "--errors", log);
        Assert.Equal(await File.ReadAllBytesAsync(Out("errors.jsonl")), await File.ReadAllBytesAsync(log));
        Assert.Equal([3, 10, 17, 24], (await File.ReadAllLinesAsync(log)).Select(Row));
    }

    [Fact]
    public async Task No_output_replaces_another_or_an_input()
    {
        string[] inputs = Inputs();
        string list = _folder.Write("list.csv", "path\n" + inputs[0] + "\n");
        string both = _folder.Path("same.jsonl");
        Assert.Contains("-o and --stats both name", (await CliRunner.EmbedTinyAsync(inputs[0], "-o", both, "--stats", both)).FatalLine());
        Assert.Contains(
            "--errors and --stats both name", (await CliRunner.EmbedTinyAsync(inputs[0], "--errors", both, "--stats", both)).FatalLine());
        Assert.Contains("-o and the inputs both name", (await CliRunner.EmbedTinyAsync(list, "-o", list)).FatalLine());
        Assert.Contains("is no log of failed images", (await CliRunner.EmbedTinyAsync(inputs[1], "--errors", inputs[0])).FatalLine());
        Assert.Equal("path\n" + inputs[0] + "\n", await File.ReadAllTextAsync(list));
        Assert.NotEqual(0, new FileInfo(inputs[0]).Length);
        Assert.False(File.Exists(both));
    }

    /// <summary>The copy would empty the log that it is made of, and the others replace what the run needs.</summary>
    [Theory]
    [InlineData("--errors", "errors.jsonl")]
    [InlineData("--errors", "errors-behind.jsonl")]
    [InlineData("--errors", "manifest.jsonl")]
    [InlineData("--stats", "run.json")]
    [InlineData("--stats", "shard-00000.npy")]
    public async Task No_output_replaces_the_files_of_the_folder(string option, string name)
    {
        string[] inputs = Inputs(3);
        foreach (int _ in new[] { 1, 2 })
        {
            Assert.Contains("would be taken for one of the run's own files", (await EmbedAsync(inputs, option, Out(name))).FatalLine());
            Assert.Equal(3, (await EmbedAsync(inputs)).ExitCode);
        }

        await AssertWholeAsync(inputs, 3, []);
    }

    [Fact]
    public async Task The_image_that_ends_a_run_is_in_its_log()
    {
        string[] inputs = Inputs(3);
        await CliRunner.EmbedTinyAsync(
            [.. inputs, "-o", _folder.Path("e.npy"), "--on-error", "fail", "--errors", _folder.Path("log.jsonl")]);
        Assert.Equal([3], (await File.ReadAllLinesAsync(_folder.Path("log.jsonl"))).Select(Row));
        await EmbedAsync(inputs, "--on-error", "fail");
        Assert.Equal([3], (await File.ReadAllLinesAsync(Out("errors.jsonl"))).Select(Row));
    }

    [Theory]
    [InlineData("npy")]
    [InlineData("npz")]
    [InlineData("jsonl")]
    [InlineData("csv")]
    [InlineData("parquet")]
    [InlineData("safetensors")]
    public async Task A_shard_that_was_damaged_is_named_and_can_be_made_again(string format)
    {
        string[] inputs = Inputs(3);
        string[] run = ["--shard-size", "10", "--format", format];
        await EmbedAsync(inputs, run);
        string shard = Out("shard-00001." + format);
        await File.WriteAllBytesAsync(shard, (await File.ReadAllBytesAsync(shard))[..^100]);
        string line = (await CliRunner.RunAsync("merge", Out(), "-o", _folder.Path("m.npy"))).FatalLine();
        Assert.Contains(shard, line);
        Assert.EndsWith("delete the shard and run the part again", line);
        line = (await EmbedAsync(inputs, run)).FatalLine();
        Assert.Contains(shard, line);
        Assert.EndsWith("delete it, and the same command makes it again", line);
        File.Delete(shard);
        Assert.Equal(3, (await EmbedAsync(inputs, run)).ExitCode);
        await AssertWholeAsync(inputs, 3, run);
    }

    [Fact]
    public async Task A_damaged_record_says_how_to_go_on()
    {
        string[] inputs = Inputs();
        await EmbedAsync(inputs);
        await File.WriteAllTextAsync(Out("run.json"), "null");
        Assert.EndsWith("run.json: it is damaged", (await EmbedAsync(inputs)).FatalLine().Split((char)10)[0]);
        Assert.Equal(0, (await EmbedAsync(inputs, "--overwrite")).ExitCode);
    }

    /// <summary>Pictures of a kind that is not read are rows that fail, not rows that are missing.</summary>
    [Fact]
    public async Task Pictures_of_other_kinds_in_a_folder_are_named()
    {
        Inputs();
        _folder.Write("in/00a.TIF", [.. "II*\0"u8, 8, 0, 0, 0]);
        _folder.Write("in/00b.heic", [0, 0, 0, 24, .. "ftypheic"u8]);
        CliResult result = await CliRunner.EmbedTinyAsync(_folder.Path("in"), "-o", Out());
        Assert.Equal(3, result.ExitCode);
        Assert.Contains("00a.TIF: truncated TIFF", result.Error);
        Assert.Contains("00b.heic: not an image: expected JPEG, PNG, WebP, BMP, GIF, TIFF or ICO, found HEIF", result.Error);
        Assert.Equal([1, 2], (await File.ReadAllLinesAsync(Out("errors.jsonl"))).Select(Row));
    }

    /// <summary>WebDataset archives have names like shards.</summary>
    [Fact]
    public async Task Overwriting_deletes_nothing_of_others_and_no_input()
    {
        string[] inputs = Inputs();
        string archive = _folder.Write("out/shard-00000.tar", "an archive"), list = _folder.Write(
            "out/shard-00000.jsonl", $"{{\"path\":\"{inputs[0]}\"}}\n");
        foreach (string input in new[] { list, Out("*.jsonl"), "@" + list })
            Assert.Contains("would be taken for one of the run's own files",
                (await CliRunner.EmbedTinyAsync(input, "--overwrite", "-o", Out())).FatalLine());
        Assert.True(File.Exists(list));
        File.Delete(list);
        Assert.Equal(0, (await EmbedAsync(inputs, "--overwrite")).ExitCode);
        Assert.Equal(0, (await EmbedAsync(inputs, "--overwrite", "--normalize")).ExitCode);
        Assert.Equal("an archive", await File.ReadAllTextAsync(archive));
    }

    /// <summary>A log that is whole when all is well, and is no reason to hide why a run ended.</summary>
    [Fact]
    public async Task The_copy_of_the_log_has_what_waits_too()
    {
        string[] inputs = Inputs(3, 10, 17, 24, 31, 38);
        string[] run = ["--shard-size", "10", "--errors", _folder.Path("log.jsonl")];
        await EmbedAsync(inputs, run);
        File.Delete(Out("shard-00001.npy"));
        Assert.Contains("more than --max-errors 5", (await EmbedAsync(inputs, [.. run, "--max-errors", "5"])).Error);
        Assert.Equal([3, 10, 17, 24, 31, 38], (await File.ReadAllLinesAsync(_folder.Path("log.jsonl"))).Select(Row));
        Assert.True(File.Exists(Out("errors-behind.jsonl")));
        File.Copy(Out("shard-00000.npy"), Out("shard-00001.npy")); // as if it were put back
        Assert.Contains(
            "lines of its errors.jsonl wait in", (await CliRunner.RunAsync("merge", Out(), "-o", _folder.Path("m.npy"))).FatalLine());
    }

    /// <summary>
    /// The temporary files of a run that was killed go; those of files that others write into the folder may be in use.
    /// </summary>
    [Fact]
    public async Task Temporary_files_of_others_stay()
    {
        string[] own = [.. new[] { ".shard-00000.npy.0123abcd.tmp", ".manifest.jsonl.0123abcd.tmp",
            ".run.json.0123abcd.tmp" }.Select(name => _folder.Write("out/" + name, "killed"))];
        string other = _folder.Write("out/.x.npy.0123abcd.tmp", "in use");
        Assert.Equal(0, (await EmbedAsync(Inputs())).ExitCode);
        Assert.All(own, name => Assert.False(File.Exists(name), name));
        Assert.True(File.Exists(other));
    }

    [Fact]
    public async Task A_log_is_made_only_by_a_run_that_begins()
    {
        string log = _folder.Path("log.jsonl");
        CliResult result = await CliRunner.RunAsync(
            "embed", Inputs()[0], "--device", "cpu", "--errors", log, "--weights", _folder.Path("none.bin"));
        result.FatalLine();
        Assert.False(File.Exists(log));
    }

    [Fact]
    public async Task A_file_where_the_folder_should_be_is_refused()
    {
        _folder.Write("out", "mine");
        Assert.Contains("is a file, expected a folder", (await EmbedAsync(Inputs())).FatalLine());
        Assert.Equal("mine", await File.ReadAllTextAsync(_folder.Path("out")));
    }
}
