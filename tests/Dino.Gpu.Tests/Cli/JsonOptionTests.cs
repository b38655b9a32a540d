using System.CommandLine;
using System.Text.Json;
using Dino.Gpu.Cli;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Tests.Model;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary><c>--json</c>: what every command prints for programs.</summary>
public sealed class JsonOptionTests : IDisposable
{
    /// <summary>Commands that print no result, and what they print.</summary>
    private static readonly Dictionary<string, string> Exceptions = new()
    {
        ["help"] = "a page for people",
        ["completion"] = "a shell's script",
        ["docs cli"] = "a page in Markdown",
        ["docs man"] = "pages for man",
        ["serve"] = "answers over HTTP",
    };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>A new command has the option, or a reason here.</summary>
    [Fact]
    public void Every_command_that_prints_a_result_has_it()
    {
        RootCommand root = DinoCommandLine.CreateRoot(
            new CliConsole { Input = TextReader.Null, Output = Stream.Null, Error = TextWriter.Null }, out _, out _);
        (string Name, bool HasJson)[] leaves = [.. Leaves(root, "")];
        Assert.InRange(leaves.Length, 20, 100);
        Assert.Equal(Exceptions.Keys.Order(), leaves.Where(leaf => !leaf.HasJson).Select(leaf => leaf.Name).Order());
    }

    [Fact]
    public async Task Rows_in_a_file_or_a_folder_are_told_on_standard_output()
    {
        string pictures = Pictures();
        JsonElement file = await JsonAsync(3, "embed", pictures, "-o", _folder.Path("e.npy"));
        Assert.Equal(_folder.Path("e.npy"), file.GetProperty("out").GetString());
        Assert.Equal((3, 3, 1), (Number(file, "rows"), Number(file, "images"), Number(file, "failed")));
        Assert.Equal([48], file.GetProperty("rowShape").EnumerateArray().Select(side => side.GetInt32()));
        Assert.True(file.GetProperty("isWhole").GetBoolean());
        Assert.False(file.TryGetProperty("shards", out _));
        Assert.Equal(2, Number(await JsonAsync(3, "embed", pictures, "-o", _folder.Path("f.npy"), "--on-error", "skip"), "rows"));

        JsonElement folder = await JsonAsync(3, "embed", pictures, "-o", _folder.Path("run"), "--shard-size", "2");
        Assert.Equal((3, 2), (Number(folder, "rows"), Number(folder, "shards")));
        JsonElement again = await JsonAsync(3, "embed", "--retry", _folder.Path("run"));
        Assert.Equal((3, 1, 1), (Number(again, "rows"), Number(again, "images"), Number(again, "failed")));

        JsonElement merged = await JsonAsync(0, "merge", _folder.Path("run"), "-o", _folder.Path("m.npz"));
        Assert.Equal((3, 1, 1), (Number(merged, "rows"), Number(merged, "parts"), Number(merged, "failed")));

        JsonElement index = await JsonAsync(0, "index", _folder.Path("m.npz"), "-o", _folder.Path("i.dinoidx"));
        Assert.Equal((2, 48, 1), (Number(index, "vectors"), Number(index, "dimension"), Number(index, "failed")));
        Assert.Equal("cls", index.GetProperty("model").GetProperty("output").GetString());
    }

    [Fact]
    public async Task A_run_without_failed_images_has_nothing_to_retry_and_says_so()
    {
        await JsonAsync(0, "embed", GoldenData.Image("rocket.jpg"), "-o", _folder.Path("run"));
        JsonElement retry = await JsonAsync(0, "embed", "--retry", _folder.Path("run"));
        Assert.Equal((1, 0, 0), (Number(retry, "rows"), Number(retry, "images"), Number(retry, "failed")));
    }

    /// <summary>Rows on standard output are JSON Lines anyway, and nothing is mixed with them.</summary>
    [Fact]
    public async Task Rows_on_standard_output_are_json_lines_with_it_too()
    {
        string picture = GoldenData.Image("rocket.jpg");
        CliResult rows = await CliRunner.RunAsync("embed", picture, "-w", CliRunner.TinyWeights, "-d", "cpu", "--json");
        Assert.Equal((await CliRunner.RunAsync("embed", picture, "-w", CliRunner.TinyWeights, "-d", "cpu")).Output, rows.Output);
        Assert.Contains("standard output gets csv", (await CliRunner.RunAsync("embed", picture, "--format", "csv", "--json")).UsageLine());
        Assert.Contains("standard output gets the rows", (await CliRunner.RunAsync("merge", "run", "-o", "-", "--json")).UsageLine());
    }

    [Theory]
    [InlineData("attention")]
    [InlineData("features")]
    [InlineData("pca")]
    [InlineData("preprocess")]
    public async Task Files_of_each_image_are_summed_up_and_failed_images_named(string command)
    {
        string[] size = command == "preprocess" ? [] : ["--size", "32"];
        JsonElement summary = await JsonAsync(3, [command, Pictures(), "-o", _folder.Path("out"), .. size]);
        Assert.Equal(_folder.Path("out"), summary.GetProperty("directory").GetString());
        Assert.Equal((3, 1), (Number(summary, "images"), Number(summary, "failed")));
        JsonElement failure = Assert.Single(summary.GetProperty("failures").EnumerateArray());
        Assert.EndsWith("bad.png", failure.GetProperty("path").GetString());
        Assert.NotEmpty(failure.GetProperty("error").GetString()!);
        Assert.Equal(command == "pca", summary.TryGetProperty("explainedVariance", out JsonElement shares));
        if (command == "pca")
            Assert.InRange(shares.EnumerateArray().Sum(share => share.GetDouble()), 0.1, 1);
    }

    [Fact]
    public async Task A_cosine_has_all_its_digits()
    {
        string[] pictures = [GoldenData.Image("rocket.jpg"), GoldenData.Image("chelsea.png")];
        JsonElement compared = await JsonAsync(0, ["compare", .. pictures]);
        CliResult plain = await CliRunner.RunAsync(["compare", .. pictures, "-w", CliRunner.TinyWeights, "-d", "cpu"]);
        Assert.Equal(pictures[1], compared.GetProperty("b").GetString());
        Assert.Equal(double.Parse(plain.Output), compared.GetProperty("cosine").GetDouble(), 5.1e-7);
    }

    [Fact]
    public async Task Written_weights_have_their_digest()
    {
        string source = GoldenData.PathOf("checkpoints", "tiny_dino.pth");
        string path = _folder.Path("model.safetensors");
        JsonElement written = Object(await CliRunner.RunAsync("weights", "convert", source, "-o", path, "--json"), 0);
        Assert.Equal(path, written.GetProperty("path").GetString());
        Assert.Equal(new FileInfo(path).Length, written.GetProperty("bytes").GetInt64());
        Assert.Equal(Gpu.Checkpoints.Checkpoint.Sha256(path), written.GetProperty("sha256").GetString());
        Assert.EndsWith("config.json", Assert.Single(written.GetProperty("beside").EnumerateArray()).GetString());

        using var server = new HubServer(File.ReadAllBytes(source));
        string[] pull =
        [
            "weights", "pull", "--endpoint", server.Endpoint, "--sha256", server.AnnouncedHash!, "-o", _folder.Path("pulled.bin"), "--json",
        ];
        JsonElement pulled = Object(await CliRunner.RunAsync(pull), 0);
        Assert.Equal(server.AnnouncedHash, pulled.GetProperty("sha256").GetString());
        Assert.False(pulled.GetProperty("wasPresent").GetBoolean());
    }

    private string Pictures()
    {
        string folder = Directory.CreateDirectory(_folder.Path("pictures")).FullName;
        foreach (string name in (string[])["chelsea.png", "rocket.jpg"])
            File.Copy(GoldenData.Image(name), Path.Combine(folder, name), overwrite: true);
        File.WriteAllText(Path.Combine(folder, "bad.png"), "no picture");
        return folder;
    }

    private static async Task<JsonElement> JsonAsync(int exitCode, params string[] arguments)
    {
        string[] model = arguments[0] switch
        {
            "merge" => [],
            "preprocess" => ["-w", CliRunner.TinyWeights],
            _ => ["-w", CliRunner.TinyWeights, "-d", "cpu"],
        };
        return Object(await CliRunner.RunAsync([.. arguments, .. model, "--json"]), exitCode);
    }

    /// <summary>Standard output is one object and nothing else.</summary>
    private static JsonElement Object(CliResult result, int exitCode)
    {
        Assert.True(exitCode == result.ExitCode, result.Error);
        return JsonDocument.Parse(result.Output).RootElement;
    }

    private static long Number(JsonElement json, string name) => json.GetProperty(name).GetInt64();

    private static IEnumerable<(string Name, bool HasJson)> Leaves(Command command, string path)
    {
        if (command.Subcommands.Count == 0)
            yield return (path, command.Options.Any(option => option.Name == "--json"));
        foreach (Command one in command.Subcommands)
        {
            foreach ((string Name, bool HasJson) leaf in Leaves(one, $"{path} {one.Name}".Trim()))
                yield return leaf;
        }
    }
}
