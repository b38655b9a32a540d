using System.Formats.Tar;
using Dino.Gpu.Files;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>Names of outputs that lead nowhere, and of images that would become one file.</summary>
public sealed class OutputRefusalTests : IDisposable
{
    private static readonly string Gray = GoldenData.Image("gray.png");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>.NET calls the file missing that it could not make.</summary>
    [Theory]
    [InlineData("embed", "-o", "/proc/x.npy")]
    [InlineData("embed", "-o", "/proc/x")]
    [InlineData("embed", "-o", "/dev/null/x.npy")]
    [InlineData("embed", "-o", "{folder}/o.npy", "--errors", "/proc/x.jsonl")]
    [InlineData("embed", "-o", "{folder}/o.npy", "--stats", "/proc/x.json")]
    [InlineData("attention", "-o", "/proc/x")]
    public async Task A_place_where_nothing_can_be_created_is_told(string command, params string[] output)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/proc");
        string name = output[^1];
        string line = (await RunAsync(command, output)).FatalLine();
        bool isInFile = name.StartsWith("/dev/null", StringComparison.Ordinal);
        string reason = isInFile ? "/dev/null is a file, expected a folder" : "nothing can be created there";
        Assert.Matches($"cannot (write|make directory) {name}: {reason}", line);
        Assert.Empty(_folder.Files);
    }

    [Theory]
    [InlineData("embed", "{file}/", "is a file, expected a folder\nhint: leave out the slash for one file: {file}")]
    [InlineData("embed", "{file}/x", "{file} is a file, expected a folder")]
    [InlineData("embed", "{file}/x.npy", "{file} is a file, expected a folder")]
    [InlineData("attention", "{file}/", "{file} is a file, expected a folder")]
    [InlineData("attention", "{file}/x", "{file} is a file, expected a folder")]
    public async Task A_file_is_no_folder(string command, string output, string expected)
    {
        string file = _folder.Write("a.npy", "text");
        string line = (await RunAsync(command, ["-o", output.Replace("{file}", file)])).FatalLine();
        Assert.Contains(expected.Replace("{file}", file), line);
        Assert.Contains($" {output.Replace("{file}", file)}", line);
        Assert.Equal([file], _folder.Files);
    }

    [Theory]
    [InlineData("weights", "synth", "-o", "{folder}/x.safetensors/")]
    [InlineData("dedup", "{tiny}", "{tiny}", "-w", "{weights}", "-d", "cpu", "--html", "{folder}/x.html/")]
    public async Task A_name_with_a_slash_at_its_end_is_no_file(params string[] command)
    {
        string name = Of(command[^1]);
        Assert.EndsWith(
            $"cannot write {name}: {OutputPath.IsFolderName}\nhint: leave out the slash: {name[..^1]}",
            (await CliRunner.RunAsync([.. command.Select(Of)])).FatalLine());
        Assert.Empty(_folder.Files);
    }

    /// <summary>A file that is named as one of another format would be read as that.</summary>
    [Theory]
    [InlineData("npy", "csv", "n.npy", "n.csv")]
    [InlineData("jsonl", "npz", "n.ndjson", "n.npz")]
    [InlineData("parquet", "jsonl", "n.PQ", "n.jsonl")]
    public async Task A_format_that_the_extension_contradicts_is_refused(string expected, string found, string name, string renamed)
    {
        CliResult result = await CliRunner.EmbedTinyAsync(Gray, "-o", _folder.Path(name), "--format", found);
        Assert.Equal(
            $"dino: error: --format: expected {expected} for '{_folder.Path(name)}', found {found}\n"
                + $"hint: omit --format, or end the name in {Path.GetExtension(renamed)}",
            result.UsageLine());
        Assert.Empty(_folder.Files);
        Assert.Equal(0, (await CliRunner.EmbedTinyAsync(Gray, "-o", _folder.Path(renamed), "--format", found, "-q")).ExitCode);
        Assert.Equal(0, (await CliRunner.EmbedTinyAsync(Gray, "-o", _folder.Path("n.dat"), "--format", found, "-q")).ExitCode);
    }

    [Theory]
    [InlineData("photos/gray.png is named twice", "photos", "photos")]
    [InlineData("photos/gray.png is named twice, also as ./photos/gray.png", "photos", "./photos")]
    [InlineData("photos.tar:gray.png is named twice", "photos.tar", "photos.tar")]
    [InlineData("photos/gray.png and other/gray.png would both become ", "photos", "other")]
    [InlineData("photos.tar:gray.png and other.tar:gray.png would both become ", "photos.tar", "other.tar")]
    [InlineData("photos/gray.png and photos.tar:gray.png would both become ", "photos", "photos.tar")]
    public async Task An_image_that_is_named_twice_is_not_two(string expected, params string[] inputs)
    {
        foreach (string name in (string[])["photos", "other"])
        {
            _folder.Write(Path.Combine(name, "gray.png"), File.ReadAllBytes(Gray));
            TarFile.CreateFromDirectory(_folder.Path(name), _folder.Path(name + ".tar"), includeBaseDirectory: false);
        }

        foreach (string[] command in (string[][])[["preprocess"], ["attention", "-w", CliRunner.TinyWeights, "-d", "cpu"]])
        {
            string[] arguments = [.. command, .. inputs.Select(input => Path.Combine(_folder.Root, input)), "-o", _folder.Path("out")];
            CliResult result = await CliRunner.RunAsync(arguments);
            Assert.StartsWith($"dino: error: {expected}", result.FatalLine().Replace(_folder.Root + "/", ""));
            Assert.Contains(expected.Contains("twice") ? "name each image once" : "rename one", result.ErrorLines[1]);
        }
    }

    private Task<CliResult> RunAsync(string command, string[] output) => CliRunner.RunAsync(
        [command, Gray, "-w", CliRunner.TinyWeights, "-d", "cpu", .. output.Select(Of)]);

    private string Of(string argument) => argument
        .Replace("{folder}", _folder.Root, StringComparison.Ordinal)
        .Replace("{weights}", CliRunner.TinyWeights, StringComparison.Ordinal)
        .Replace("{tiny}", Gray, StringComparison.Ordinal);
}
