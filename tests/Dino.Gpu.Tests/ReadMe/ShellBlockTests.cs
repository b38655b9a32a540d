using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.ReadMe;

/// <summary>
/// Every shell block of every page ends with exit code 0 and leaves the files that it names, or a comment
/// says why it is not run.
/// </summary>
public sealed class ShellBlockTests
{
    /// <summary>How the command is run from a clone; here it is built already.</summary>
    private const string FromClone = "dotnet run -c Release --project src/Dino.Gpu.Cli -- ";

    public static TheoryData<string> Pages =>
        [.. DocPages.Blocks.Where(block => block.IsShell && block.IsRun).Select(block => block.Page).Distinct()];

    /// <summary>The blocks of a page run one after the other in one folder, as a reader would type them.</summary>
    [Theory(SkipTestWithoutData = true)] // where the repository is not around the tests
    [MemberData(nameof(Pages))]
    public async Task Blocks_of_a_page_run(string page)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs bash");
        using var folder = new DocFolder();
        foreach (DocBlock block in DocPages.Blocks.Where(block => block.Page == page && block.IsShell && block.IsRun))
            await RunAsync(folder, block);
        if (page == "README.md") // what its first command says
            Assert.Equal([4, 384], Npy.Read(folder.Path("embeddings.npy")).Shape);
    }

    /// <summary>The runner itself: a command that fails anywhere in a block, and a result that is not there.</summary>
    [Theory]
    [InlineData("false\ntrue")]
    [InlineData("false | true")]
    [InlineData("dino embed samples/missing.png -o e.npy")]
    [InlineData("echo dino embed samples -o e.npy")]
    public async Task Blocks_that_do_not_work_fail(string text)
    {
        SourceTree.Require();
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs bash");
        using var folder = new DocFolder();
        await Assert.ThrowsAnyAsync<Xunit.Sdk.XunitException>(() => RunAsync(folder, new DocBlock("page.md", 1, "sh", text, null)));
    }

    private static async Task RunAsync(DocFolder folder, DocBlock block)
    {
        string script = block.Text.Replace(FromClone, "dino ", StringComparison.Ordinal);
        (int exitCode, string output) = await folder.RunAsync("bash", "-euo", "pipefail", "-c", script);
        Assert.True(exitCode == 0, $"{block.Place}: exit code {exitCode} of\n{block.Text}\n{output}");
        foreach (string result in block.Results)
            Assert.True(System.IO.Path.Exists(folder.Path(result)), $"{block.Place}: {result} is not there after\n{block.Text}\n{output}");
    }
}
