using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Runs;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>
/// <c>dino embed --retry DIR</c>: the folder becomes that of a run whose images were good from the beginning.
/// </summary>
public sealed class RetryTests : IDisposable
{
    private const int Count = 40;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("npy", "nan")]
    [InlineData("npy", "skip")]
    [InlineData("npz", "nan")]
    [InlineData("npz", "skip")]
    [InlineData("jsonl", "nan")]
    [InlineData("csv", "skip")]
    [InlineData("parquet", "nan")]
    [InlineData("parquet", "skip")]
    [InlineData("safetensors", "nan")]
    [InlineData("safetensors", "skip", "--dtype", "f16")]
    public async Task The_folder_is_what_it_would_have_been(string format, string onError, params string[] more)
    {
        string[] inputs = Inputs(3, 10, 12, 17, 39);
        string[] run = ["--shard-size", "7", "--format", format, "--on-error", onError, "--sha256", "--normalize", .. more];
        Assert.Equal(3, (await EmbedAsync(inputs, [.. run, "-o", Out()])).ExitCode);
        DateTime untouched = File.GetLastWriteTimeUtc(RunFolder.ShardIn(Out(), 3, format));
        Mend(inputs, 3, 10, 39);
        File.Delete(inputs[12]); // fails for another reason now
        CliResult some = await RetryAsync();
        Assert.Equal(3, some.ExitCode);
        Assert.Contains("5 images in ", some.Error);
        Assert.Contains("2 of its 40 images still fail", some.Error);
        await AssertWholeAsync(inputs, run);
        Assert.Equal(untouched, File.GetLastWriteTimeUtc(RunFolder.ShardIn(Out(), 3, format)));

        Mend(inputs, 12, 17);
        Assert.Equal(0, (await RetryAsync()).ExitCode);
        await AssertWholeAsync(inputs, run);
        Assert.Contains("has no failed images", (await RetryAsync()).Error);
        Assert.Contains("holds all 40 rows already", (await EmbedAsync(inputs, [.. run, "-o", Out()])).Error);
    }

    /// <summary>Nothing is changed where nothing can be read, and a part is retried as a whole run.</summary>
    [Fact]
    public async Task Parts_and_failures_that_stay()
    {
        string[] inputs = Inputs(3, 24);
        foreach (string part in new[] { "0/2", "1/2" })
            Assert.Equal(3, (await EmbedAsync(inputs, "--shard", part, "--shard-size", "6", "-o", Out())).ExitCode);
        Assert.Contains("it holds parts of a run", (await RetryAsync()).FatalLine());
        string one = Out("part-00001-of-00002");
        Dictionary<string, string> before = Contents(one);
        Assert.Equal(3, (await CliRunner.RunAsync(Retry(one))).ExitCode);
        Assert.Equal(before, Contents(one));
        Mend(inputs, 3, 24);
        foreach (string part in new[] { Out("part-00000-of-00002"), one })
            Assert.Equal(0, (await CliRunner.RunAsync(Retry(part))).ExitCode);
        Assert.Equal(0, (await CliRunner.RunAsync("merge", Out(), "-o", _folder.Path("merged"))).ExitCode);
        Assert.Equal(0, (await EmbedAsync(inputs, "--shard-size", "6", "-o", _folder.Path("whole"))).ExitCode);
        Assert.Equal(Contents(_folder.Path("whole")), Contents(_folder.Path("merged")));
    }

    /// <summary>As a kill leaves it: shards replaced by their journals, or beside them.</summary>
    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task An_interrupted_retry_is_completed(bool isReplaced, bool byRetry)
    {
        string[] inputs = Inputs(3, 10, 12, 17);
        string[] run = ["--shard-size", "10"];
        Assert.Equal(3, (await EmbedAsync(inputs, [.. run, "-o", Out()])).ExitCode);
        Mend(inputs, 3, 10, 12, 17);
        Assert.Equal(0, (await EmbedAsync(inputs, [.. run, "-o", _folder.Path("whole")])).ExitCode);
        float[] good = Npy.Read(_folder.Path("whole", "shard-00000.npy")).Floats[(3 * 48)..(4 * 48)];
        using (var folder = RunFolder.Open(Out()))
        {
            RunRecord record = RunRecord.Load(Out())!;
            using var rows = new RetriedRows(folder, new RunPart(Out(), record), record.Schema(FormatCatalog.Npy, false, []));
            rows.Write(new RowInfo { Row = 3, Path = inputs[3], Width = 8, Height = 8 }, good);
            if (isReplaced)
                rows.Complete();
        }

        Assert.Equal(!isReplaced, File.Exists(Out("shard-00000.npy")));
        Assert.True(File.Exists(Out("shard-00000.journal")));
        if (!byRetry)
        {
            CliResult same = await EmbedAsync(inputs, [.. run, "-o", Out()]);
            Assert.True(same.ExitCode == 3, same.Error);
            Assert.Equal(3, RunRecord.Load(Out())!.Failed!.Values.Sum());
        }

        Assert.Equal(0, (await RetryAsync()).ExitCode);
        Dictionary<string, string> whole = Contents(_folder.Path("whole")), found = Contents(Out());
        if (isReplaced)
        {
            // Whoever completes it does not know that the row is of a file that was mended.
            whole.Remove("manifest.jsonl");
            found.Remove("manifest.jsonl");
        }

        Assert.Equal(whole, found);
    }

    [Fact]
    public async Task What_cannot_be_retried()
    {
        string[] inputs = Inputs(25);
        await EmbedAsync(inputs, "-o", _folder.Path("one.npy"));
        Assert.Contains("it is a file", (await CliRunner.RunAsync("embed", "--retry", _folder.Path("one.npy"))).FatalLine());
        Assert.Contains("no such folder", (await CliRunner.RunAsync("embed", "--retry", _folder.Path("none"))).FatalLine());
        Assert.Contains("it has no run.json", (await CliRunner.RunAsync("embed", "--retry", _folder.Path("in"))).FatalLine());
        await EmbedAsync(inputs, "--on-error", "fail", "--batch", "1", "-o", Out());
        Assert.Contains("it is not complete", (await RetryAsync()).FatalLine());
        Mend(inputs, 25);
        await EmbedAsync(inputs, "--on-error", "fail", "--batch", "1", "-o", Out());
        Assert.Equal(0, (await RetryAsync()).ExitCode);
    }

    [Fact]
    public async Task Another_model_is_refused()
    {
        await EmbedAsync(Inputs(3), "-o", Out());
        CliResult other = await CliRunner.RunAsync("embed", "--retry", Out(), "-w", GoldenData.PathOf("checkpoints", "tiny_dino.pth"));
        Assert.Contains("weights was sha256:", other.FatalLine());
        Assert.Equal("hint: name the weights of the run with --weights", other.ErrorLines[^1]);
    }

    [Theory]
    [InlineData("found an INPUT", "a.png")]
    [InlineData("found --output", "--output", "mean")]
    [InlineData("found -o", "-o", "x")]
    [InlineData("found --size", "--size", "448")]
    [InlineData("found --precision", "--precision", "fp32")]
    [InlineData("found --max-pixels", "--max-pixels", "900000000")]
    public async Task Its_options_are_the_run_s(string found, params string[] arguments) =>
        Assert.Contains(found, (await CliRunner.RunAsync(["embed", "--retry", Out(), .. arguments])).UsageLine());

    [Theory]
    [InlineData("run.json")]
    [InlineData("shard-00000.npy")]
    public async Task Its_statistics_replace_no_file_of_the_run(string name)
    {
        await EmbedAsync(Inputs(3), "-o", Out());
        byte[] before = File.ReadAllBytes(Path.Combine(Out(), name));
        CliResult result = await CliRunner.RunAsync(
            "embed", "--retry", Out(), "-w", CliRunner.TinyWeights, "--device", "cpu", "--stats", Path.Combine(Out(), name));
        Assert.Contains(name, result.FatalLine());
        Assert.Equal(before, File.ReadAllBytes(Path.Combine(Out(), name)));
    }

    [Fact]
    public async Task Without_it_an_input_is_needed() =>
        Assert.Contains("expected INPUT, found none", (await CliRunner.RunAsync("embed")).UsageLine());

    private static void Mend(string[] inputs, params int[] rows)
    {
        foreach (int row in rows)
            File.WriteAllBytes(inputs[row], KilledRunTests.Bitmap(row));
    }

    private static string[] Retry(string folder) => ["embed", "--retry", folder, "-w", CliRunner.TinyWeights, "--device", "cpu"];

    private Task<CliResult> RetryAsync() => CliRunner.RunAsync(Retry(Out()));

    private string Out(string? name = null) => name is null ? _folder.Path("out") : _folder.Path("out", name);

    private string[] Inputs(params int[] broken) =>
        [.. Enumerable.Range(0, Count).Select(i => _folder.Write($"in/{i:D2}.bmp", broken.Contains(i)
            ? [1, 2, 3] : KilledRunTests.Bitmap(i)))];

    private Task<CliResult> EmbedAsync(string[] inputs, params string[] arguments)
    {
        string list = _folder.Write("list.txt", string.Concat(inputs.Select(input => input + "\n")));
        return CliRunner.EmbedTinyAsync(["@" + list, .. arguments]);
    }

    private async Task AssertWholeAsync(string[] inputs, string[] arguments)
    {
        await EmbedAsync(inputs, [.. arguments, "--overwrite", "-o", _folder.Path("whole")]);
        Assert.Equal(Contents(_folder.Path("whole")), Contents(Out()));
    }

    private static Dictionary<string, string> Contents(string folder) => Directory
        .GetFiles(folder, "*", new EnumerationOptions { AttributesToSkip = 0 })
        .ToDictionary(file => Path.GetFileName(file), file => Convert.ToHexString(File.ReadAllBytes(file)));
}
