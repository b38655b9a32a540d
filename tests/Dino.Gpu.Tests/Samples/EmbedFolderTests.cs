using System.Diagnostics;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Samples;

/// <summary><c>samples/csharp/EmbedFolder</c>, built beside the tests and run as its user runs it.</summary>
public sealed class EmbedFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task It_writes_what_the_command_writes_and_makes_a_lost_shard_again()
    {
        string pictures = SourceTree.Find("samples");
        (int exitCode, string output) = await RunAsync(pictures, CliRunner.TinyWeights, _folder.Path("out"), _folder.Path("e.npz"));
        Assert.Equal(0, exitCode);
        Assert.Equal("4 of 4 rows, 0 failed images", output.Trim());

        await CliRunner.EmbedTinyAsync([pictures, "-o", _folder.Path("expected")]);
        Assert.Equal(0, (await CliRunner.RunAsync("merge", _folder.Path("expected"), "-o", _folder.Path("expected.npz"))).ExitCode);
        Assert.Equal(File.ReadAllBytes(_folder.Path("expected.npz")), File.ReadAllBytes(_folder.Path("e.npz")));
        Assert.Equal(File.ReadAllBytes(_folder.Path("expected/shard-00000.npy")), File.ReadAllBytes(_folder.Path("out/shard-00000.npy")));

        File.Delete(_folder.Path("out/shard-00000.npy"));
        (exitCode, output) = await RunAsync(pictures, CliRunner.TinyWeights, _folder.Path("out"), _folder.Path("e.npz"));
        Assert.Equal((0, "4 of 4 rows, 0 failed images"), (exitCode, output.Trim()));
        Assert.Equal(File.ReadAllBytes(_folder.Path("expected/shard-00000.npy")), File.ReadAllBytes(_folder.Path("out/shard-00000.npy")));
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", ["exec", Path.Combine(AppContext.BaseDirectory, "EmbedFolder.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, output);
    }
}
