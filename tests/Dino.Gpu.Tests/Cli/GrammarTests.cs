using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>One image is not "1 images".</summary>
public sealed class GrammarTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task One_is_not_many()
    {
        string image = GoldenData.Image("gray.png");
        string run = _folder.Path("run"), index = _folder.Path("index.npz"), merged = _folder.Path("all");
        await SaysAsync("1 image in ", "embed", image, "-o", run);
        await SaysAsync("holds its 1 row already", "embed", image, "-o", run);
        await SaysAsync("1 vector of 48 -> ", "index", image, "-o", index);
        await SaysAsync("1 query in 1 vector of 48, ", "search", index, image);
        await SaysAsync("1 image, 0 groups of near-duplicates", "dedup", image);
        CliResult merge = await CliRunner.RunAsync("merge", run, "-o", merged);
        Assert.Contains("1 row of 1 part -> ", merge.Error);
        Assert.Contains("holds its 1 row already", (await CliRunner.RunAsync("merge", run, "-o", merged)).Error);
        Assert.Contains("1 query in 1 image of", await PageAsync(index, image));
    }

    private static async Task SaysAsync(string expected, params string[] command)
    {
        CliResult result = await CliRunner.RunAsync([.. command, "-w", CliRunner.TinyWeights, "-d", "cpu"]);
        Assert.Equal(0, result.ExitCode);
        Assert.Contains(expected, result.Error);
        Assert.DoesNotMatch(@"\b1 [a-z]+s\b(?!/s)", result.Error);
    }

    private async Task<string> PageAsync(string index, string image)
    {
        string page = _folder.Path("page.html");
        await SaysAsync("1 query", "search", index, image, "--html", page);
        return File.ReadAllText(page);
    }
}
