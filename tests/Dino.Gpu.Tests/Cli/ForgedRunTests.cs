using System.Diagnostics;
using System.IO.Hashing;
using System.Text.Json.Nodes;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>Records and journals that no run wrote: one line each, in no time and little memory.</summary>
public sealed class ForgedRunTests : IDisposable
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(20);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Every property with every value: what is not refused does not matter.</summary>
    [Theory]
    [InlineData("null")]
    [InlineData("\"224xabc\"")]
    [InlineData("9000000000000000000")]
    [InlineData("2147483647")]
    [InlineData("-1")]
    [InlineData("1e400")]
    [InlineData("[]")]
    [InlineData("{\"a\":1}")]
    [InlineData("\"\"")]
    public async Task Any_value_of_a_record_is_one_line_or_harmless(string value)
    {
        await EmbedAsync();
        string text = File.ReadAllText(Out("run.json"));
        JsonObject record = JsonNode.Parse(text)!.AsObject();
        string[][] paths = [.. record.Select(property => new[] { property.Key }),
            .. record["provenance"]!.AsObject().Select(property => new[] { "provenance", property.Key })];
        foreach (string[] path in paths)
        {
            string old = path.Aggregate((JsonNode)record, (node, name) => node[name]!).ToJsonString(
                new System.Text.Json.JsonSerializerOptions { WriteIndented = true });
            string line = $"\"{path[^1]}\": ";
            int start = text.IndexOf(line, StringComparison.Ordinal) + line.Length;
            int end = path[^1] == "provenance" ? text.IndexOf('}', start) + 1 : text.AsSpan(start).IndexOfAny(',', '\n') + start;
            if (old.StartsWith('"'))
                end = text.IndexOf('"', start + 1) + 1;
            File.WriteAllText(Out("run.json"), text[..start] + value + text[end..]);
            long began = Stopwatch.GetTimestamp();
            foreach (CliResult result in new[]
            {
                await CliRunner.RunAsync("merge", Out(), "-o", _folder.Path("merged.npy")),
                await CliRunner.RunAsync("merge", Out(), "-o", _folder.Path("merged")),
                await CliRunner.RunAsync("dedup", Out(), "--list"),
                await CliRunner.RunAsync("embed", "--retry", Out(), "-w", CliRunner.TinyWeights, "--device", "cpu"),
                await EmbedAsync(),
            })
            {
                if (result.ExitCode is not (0 or 3))
                {
                    string said = result.FatalLine();
                    Assert.True(said.Split('\n')[0].Length < 600, said);
                }
            }

            Assert.True(Stopwatch.GetElapsedTime(began) < Long, string.Join('.', path));
            if (Directory.Exists(_folder.Path("merged")))
                Directory.Delete(_folder.Path("merged"), recursive: true);
        }
    }

    [Theory]
    [InlineData("lastRow", "inputRows")] // more rows than there are
    [InlineData("shardCount")]
    public async Task Numbers_that_only_fit_each_other(params string[] names)
    {
        await EmbedAsync();
        JsonObject record = JsonNode.Parse(File.ReadAllText(Out("run.json")))!.AsObject();
        foreach (string name in names)
            record[name] = name == "shardCount" ? int.MaxValue : 1L << 40;
        File.WriteAllText(Out("run.json"), record.ToJsonString());
        long began = Stopwatch.GetTimestamp();
        (await CliRunner.RunAsync("merge", Out(), "-o", _folder.Path("merged.npy"))).FatalLine();
        if (names.Length > 1)
            (await CliRunner.RunAsync("embed", "--retry", Out())).FatalLine();
        (await EmbedAsync()).FatalLine();
        Assert.True(Stopwatch.GetElapsedTime(began) < Long);
    }

    [Fact]
    public async Task A_record_that_is_a_pipe_or_a_giant()
    {
        await EmbedAsync();
        File.WriteAllText(Out("run.json"), new string(' ', 2 << 20) + "{}");
        Assert.Contains("run.json", (await CliRunner.RunAsync("merge", Out(), "-o", _folder.Path("merged.npy"))).FatalLine());
        Assert.Contains("run.json", (await EmbedAsync()).FatalLine());
        if (OperatingSystem.IsWindows())
            return;
        foreach (string name in new[] { "run.json", "errors.jsonl", "shard-00000.journal" })
        {
            Directory.Delete(Out(), recursive: true);
            await EmbedAsync();
            File.Delete(Out(name));
            File.Delete(Out("shard-00000.npy"));
            TemporaryFolder.MakeFifo(Out(name));
            Assert.Contains(name, (await EmbedAsync().WaitAsync(Long)).FatalLine());
        }
    }

    [Theory]
    [InlineData("nothing")]
    [InlineData("kind")]
    [InlineData("text too long")]
    [InlineData("text of billions")]
    [InlineData("values missing")]
    [InlineData("values too many")]
    [InlineData("error of an embedding")]
    [InlineData("failure without a reason")]
    public async Task A_record_of_a_journal_that_no_run_writes(string what)
    {
        byte[] none = [255, 255, 255, 255];
        byte[] numbers = [1, 0, 0, 0, 1, 0, 0, 0];
        byte[] values = new byte[48 * sizeof(float)];
        byte[] content = what switch
        {
            "nothing" => [1],
            "kind" => [9, .. numbers, .. none, .. none],
            "text too long" => [2, .. numbers, .. none, 100, 0, 0, 0, 65],
            "text of billions" => [2, .. numbers, .. none, 255, 255, 255, 127],
            "values missing" => [1, .. numbers, .. none, .. none, .. values[..^4]],
            "values too many" => [1, .. numbers, .. none, .. none, .. values, 0, 0, 0, 0],
            "error of an embedding" => [1, .. numbers, .. none, 1, 0, 0, 0, 65, .. values],
            _ => [2, .. numbers, .. none, .. none],
        };
        await EmbedAsync();
        File.Delete(Out("shard-00000.npy"));
        File.WriteAllBytes(Out("shard-00000.journal"), Record(content));
        string line = (await EmbedAsync()).FatalLine();
        Assert.Contains("shard-00000.journal: it has a record that no run writes, number 0", line);
        File.Delete(Out("shard-00000.journal"));
        Assert.Equal(0, (await EmbedAsync()).ExitCode);
    }

    [Fact]
    public async Task A_journal_of_more_rows_than_its_shard()
    {
        await EmbedAsync();
        File.Delete(Out("shard-00000.npy"));
        byte[] none = [255, 255, 255, 255];
        byte[] record = Record([1, 1, 0, 0, 0, 1, 0, 0, 0, .. none, .. none, .. new byte[48 * sizeof(float)]]);
        File.WriteAllBytes(Out("shard-00000.journal"), [.. Enumerable.Repeat(record, 5).SelectMany(bytes => bytes)]);
        Assert.Contains("has more rows than its shard, 2", (await EmbedAsync()).FatalLine());
    }

    private static byte[] Record(byte[] content) =>
        [.. BitConverter.GetBytes(content.Length), .. content, .. BitConverter.GetBytes(Crc32.HashToUInt32(content))];

    private Task<CliResult> EmbedAsync() =>
        CliRunner.EmbedTinyAsync(GoldenData.Image("gray.png"), GoldenData.Image("rgba.png"), GoldenData.Image("palette.png"),
            "--shard-size", "2", "-o", Out());

    private string Out(string? name = null) => name is null ? _folder.Path("out") : _folder.Path("out", name);
}
