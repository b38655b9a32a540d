using System.Text.Json.Nodes;
using Dino.Gpu.Devices;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>
/// What a run's folder promises, equal bytes, and when it is said that the promise cannot be kept: other vectors,
/// replaced pictures, a log that lost lines, links that somebody planted.
/// </summary>
public sealed class RunPromiseTests : IDisposable
{
    private const int Count = 40;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_width_that_is_asked_for_equals_a_machine_that_has_no_other()
    {
        Assert.SkipUnless(CpuVectors.Widest == 512, "no AVX-512");
        string[] embed = ["embed", GoldenData.PathOf("images"), "-w", CliRunner.TinyWeights, "--device", "cpu", "--shard-size", "9", "-q"];
        CliResult narrow = await CliProcess.FinishAsync(
            CliProcess.Start([.. embed, "-o", _folder.Path("narrow")], new Dictionary<string, string> { ["DOTNET_EnableAVX512"] = "0" }));
        Assert.True(narrow.ExitCode == 0, narrow.Error);
        Assert.Equal(0, (await CliRunner.RunAsync([.. embed, "-o", _folder.Path("asked"), "--vector", "256"])).ExitCode);
        Assert.Equal(0, (await CliRunner.RunAsync([.. embed, "-o", _folder.Path("wide")])).ExitCode);
        Assert.Equal(Contents("narrow"), Contents("asked"));
        Assert.Equal("256-bit FMA", Record("narrow")["vectors"]!.GetValue<string>());
        Assert.Equal("512-bit FMA", Record("wide")["vectors"]!.GetValue<string>());
        Assert.NotEqual(Contents("wide")["shard-00000.npy"], Contents("asked")["shard-00000.npy"]);

        CliResult mixed = await CliProcess.FinishAsync(
            CliProcess.Start([.. embed, "-o", _folder.Path("wide")], new Dictionary<string, string> { ["DOTNET_EnableAVX512"] = "0" }));
        Assert.Contains("vectors was 512-bit FMA, is now 256-bit FMA", mixed.FatalLine());
    }

    [Fact]
    public async Task Vectors_without_the_fused_instruction_are_others()
    {
        Assert.SkipUnless(CpuVectors.Describe(128) == "128-bit FMA" && CpuVectors.Widest > 128, "no FMA");
        string[] embed = ["embed", GoldenData.Image("gray.png"), "-w", CliRunner.TinyWeights, "--device", "cpu", "-o", _folder.Path("out")];
        Assert.Equal(0, (await CliRunner.RunAsync([.. embed, "--vector", "128"])).ExitCode);
        CliResult unfused = await CliProcess.FinishAsync(
            CliProcess.Start(embed, new Dictionary<string, string> { ["DOTNET_EnableAVX2"] = "0" }));
        Assert.Contains("vectors was 128-bit FMA, is now 128-bit", unfused.FatalLine());
    }

    [Fact]
    public async Task A_width_that_the_machine_lacks_is_refused()
    {
        Assert.SkipWhen(CpuVectors.Widest == 512, "this machine has all of them");
        Assert.Contains(
            "the CPU has no vectors of 512 bits",
            (await CliRunner.EmbedTinyAsync(GoldenData.Image("gray.png"), "--vector", "512")).FatalLine());
    }

    [Fact]
    public async Task A_run_resumes_with_other_vectors_only_if_rows_may_be_mixed()
    {
        Assert.SkipUnless(CpuVectors.Widest > 128, "one width only");
        string[] inputs = Inputs();
        string[] run = ["--shard-size", "10", "--vector", "128"];
        string late = await InterruptAsync(inputs, run);
        File.WriteAllBytes(late, KilledRunTests.Bitmap(25));
        string line = (await EmbedAsync(inputs, [.. run[..2], "--on-error", "fail"])).FatalLine();
        Assert.Contains("vectors was 128-bit", line);
        Assert.Contains("--allow-mixed", line);
        CliResult mixed = await EmbedAsync(inputs, [.. run[..2], "--on-error", "fail", "--allow-mixed"]);
        Assert.Equal(0, mixed.ExitCode);
        Assert.Contains("differ in their last digits", mixed.Error);
        string vectors = Record("out")["vectors"]!.GetValue<string>();
        Assert.Contains("128-bit", vectors);
        Assert.Contains(", ", vectors);
        Assert.Contains("holds another run (vectors was ", (await EmbedAsync(inputs, [.. run, "--on-error", "fail"])).FatalLine());
    }

    [Fact]
    public async Task Parts_of_different_vectors_are_merged_only_if_rows_may_be_mixed()
    {
        Assert.SkipUnless(CpuVectors.Widest > 128, "one width only");
        string[] inputs = Inputs();
        await EmbedAsync(inputs, "--shard", "0/2");
        await EmbedAsync(inputs, "--shard", "1/2", "--vector", "128");
        foreach (string to in new[] { _folder.Path("merged"), _folder.Path("merged.npy") })
        {
            Assert.Contains("made by different vectors", (await CliRunner.RunAsync("merge", Out(), "-o", to)).FatalLine());
            CliResult mixed = await CliRunner.RunAsync("merge", Out(), "-o", to, "--allow-mixed");
            Assert.Equal(0, mixed.ExitCode);
            Assert.Contains("agree within rounding, not byte for byte", mixed.Error);
        }

        Assert.Contains(", ", Record("merged")["vectors"]!.GetValue<string>());
    }

    /// <summary>Of a processor only the vectors count.</summary>
    [Fact]
    public async Task Processors_of_equal_vectors_share_a_run()
    {
        string[] inputs = Inputs();
        string late = await InterruptAsync(inputs, "--shard-size", "10");
        Edit("run.json", record => record["device"] = "cpu Imagined(R) Processor");
        File.WriteAllBytes(late, KilledRunTests.Bitmap(25));
        Assert.Equal(0, (await EmbedAsync(inputs, "--shard-size", "10", "--on-error", "fail")).ExitCode);
        Edit("run.json", record => record.Remove("vectors"));
        Assert.Contains("device was cpu Imagined", (await EmbedAsync(inputs, "--shard-size", "10", "--on-error", "fail")).FatalLine());
    }

    /// <summary>Rows that are done are of the earlier picture; rows to come are of the one that is there now.</summary>
    [Fact]
    public async Task Pictures_that_were_replaced_since_are_noticed()
    {
        string[] inputs = Inputs();
        string late = await InterruptAsync(inputs, "--shard-size", "10");
        string[] run = ["--shard-size", "10", "--on-error", "fail"];
        File.WriteAllBytes(late, KilledRunTests.Bitmap(25));
        byte[] before = File.ReadAllBytes(inputs[5]);
        DateTime time = File.GetLastWriteTimeUtc(inputs[5]);
        File.Copy(GoldenData.Image("gray.png"), inputs[5], overwrite: true);
        string line = (await EmbedAsync(inputs, run)).FatalLine();
        Assert.Contains($"1 input was replaced after the rows were made, such as '{inputs[5]}': {before.Length} bytes before", line);
        Assert.Contains("--allow-mixed", line);
        File.WriteAllBytes(inputs[5], before); // the size of before, another time
        Assert.Contains("1 input was replaced", (await EmbedAsync(inputs, run)).FatalLine());

        File.SetLastWriteTimeUtc(inputs[5], time);
        File.Copy(GoldenData.Image("gray.png"), inputs[33], overwrite: true);
        CliResult resumed = await EmbedAsync(inputs, run);
        Assert.Equal(0, resumed.ExitCode);
        Assert.Contains($"note: 1 input was replaced since the run began, such as '{inputs[33]}'", resumed.Error);
        await AssertWholeAsync(inputs, run);
    }

    [Fact]
    public async Task Replaced_pictures_are_kept_if_rows_may_be_mixed()
    {
        string[] inputs = Inputs(3);
        string late = await InterruptAsync(inputs, "--shard-size", "10", "--max-errors", "1");
        File.WriteAllBytes(late, KilledRunTests.Bitmap(25));
        File.WriteAllBytes(inputs[3], KilledRunTests.Bitmap(3)); // mended, which is no reason to refuse
        File.Copy(GoldenData.Image("gray.png"), inputs[5], overwrite: true);
        CliResult mixed = await EmbedAsync(inputs, "--shard-size", "10", "--allow-mixed");
        Assert.Equal(3, mixed.ExitCode);
        Assert.Contains("the rows are of the earlier pictures", mixed.Error);
        Assert.Contains("1 input was", mixed.Error);
    }

    [Theory]
    [InlineData(1, 0, "errors.jsonl lost lines: 0 failed images of shard 1, expected 2")]
    [InlineData(2, 5, "errors.jsonl lost lines: 1 failed image of shard 1, expected 2")]
    [InlineData(3, 12, "errors.jsonl lost lines: 0 failed images of shard 2, expected 1")]
    public async Task A_log_that_lost_its_end_is_noticed(int lines, int bytes, string lost)
    {
        string[] inputs = Inputs(3, 10, 17, 24, 35);
        string[] run = ["--shard-size", "10"];
        Assert.Equal(3, (await EmbedAsync(inputs, run)).ExitCode);
        Assert.Equal("{\"0\":1,\"1\":2,\"2\":1,\"3\":1}", Record("out")["failed"]!.ToJsonString());
        File.Delete(Out("shard-00003.npy"));
        string[] log = File.ReadAllLines(Out("errors.jsonl"));
        File.WriteAllText(Out("errors.jsonl"), string.Concat(log[..lines].Select(line => line + "\n")) + log[lines][..bytes]);
        string error = (await EmbedAsync(inputs, run)).FatalLine();
        Assert.Contains(lost, error);
        File.WriteAllLines(Out("errors.jsonl"), log);
        Assert.Equal(3, (await EmbedAsync(inputs, run)).ExitCode);
        await AssertWholeAsync(inputs, run);
    }

    [Theory]
    [InlineData("shard-00000.journal")]
    [InlineData("errors.jsonl")]
    [InlineData("errors-behind.jsonl")]
    [InlineData("manifest.jsonl")]
    [InlineData("run.json")]
    [InlineData("shard-00000.npy")]
    [InlineData("shard-00000.jsonl")]
    [InlineData(".lock")]
    public async Task Planted_links_are_never_followed(string name)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need rights");
        string[] inputs = Inputs();
        Directory.CreateDirectory(Out());
        string[] format = name.EndsWith(".jsonl", StringComparison.Ordinal) && name.StartsWith("shard", StringComparison.Ordinal)
            ? ["--format", "jsonl"] : [];
        foreach (string? content in new[] { null, "precious" })
        {
            string victim = _folder.Path("victim");
            if (content is not null)
                _folder.Write("victim", content);
            File.Delete(Out(name));
            File.CreateSymbolicLink(Out(name), victim);
            (await EmbedAsync(inputs, format)).FatalLine();
            if (name is not "shard-00000.npy" and not "shard-00000.jsonl")
                (await EmbedAsync(inputs, [.. format, "--overwrite"])).FatalLine();
            Assert.Equal(content, File.Exists(victim) ? File.ReadAllText(victim) : null);
        }
    }

    /// <summary>Planted after the run began, in the place of a journal to come.</summary>
    [Fact]
    public async Task A_link_in_the_place_of_a_later_journal_is_not_followed()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need rights");
        string[] inputs = Inputs();
        string late = await InterruptAsync(inputs, "--shard-size", "10");
        File.WriteAllBytes(late, KilledRunTests.Bitmap(25));
        File.CreateSymbolicLink(Out("shard-00003.journal"), _folder.Path("victim"));
        Assert.Contains("is a link", (await EmbedAsync(inputs, "--shard-size", "10", "--on-error", "fail")).FatalLine());
        Assert.False(File.Exists(_folder.Path("victim")));
    }

    /// <summary>A run that ends at row 25, whose picture is missing.</summary>
    private async Task<string> InterruptAsync(string[] inputs, params string[] run)
    {
        string late = inputs[25];
        File.Delete(late);
        string[] fail = run.Contains("--max-errors") ? [] : ["--on-error", "fail"];
        Assert.Equal(1, (await EmbedAsync(inputs, [.. run, .. fail, "--batch", "1"])).ExitCode);
        return late;
    }

    private JsonNode Record(string folder) => JsonNode.Parse(File.ReadAllText(_folder.Path(folder, "run.json")))!;

    private void Edit(string name, Action<JsonObject> change)
    {
        JsonObject json = JsonNode.Parse(File.ReadAllText(Out(name)))!.AsObject();
        change(json);
        File.WriteAllText(Out(name), json.ToJsonString());
    }

    private string Out(string? name = null) => name is null ? _folder.Path("out") : _folder.Path("out", name);

    private string[] Inputs(params int[] broken) =>
        [.. Enumerable.Range(0, Count).Select(i => _folder.Write($"in/{i:D2}.bmp", broken.Contains(i)
            ? [1, 2, 3] : KilledRunTests.Bitmap(i)))];

    private Task<CliResult> EmbedAsync(string[] inputs, params string[] arguments)
    {
        string list = _folder.Write("list.txt", string.Concat(inputs.Select(input => input + "\n")));
        return CliRunner.EmbedTinyAsync(["@" + list, .. arguments, "-o", Out()]);
    }

    private async Task AssertWholeAsync(string[] inputs, string[] arguments)
    {
        string list = _folder.Write("list.txt", string.Concat(inputs.Select(input => input + "\n")));
        await CliRunner.EmbedTinyAsync(["@" + list, .. arguments, "-o", _folder.Path("whole")]);
        Assert.Equal(Contents("whole"), Contents("out"));
    }

    private Dictionary<string, string> Contents(string folder) => Directory
        .GetFiles(_folder.Path(folder), "*", new EnumerationOptions { AttributesToSkip = 0 })
        .ToDictionary(file => Path.GetFileName(file), file => Convert.ToHexString(File.ReadAllBytes(file)));
}
