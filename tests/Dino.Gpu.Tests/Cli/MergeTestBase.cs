using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>Parts of runs of the tiny checkpoint, and how their merger is compared.</summary>
public abstract class MergeTestBase : IDisposable
{
    private protected static string Images { get; } = GoldenData.PathOf("images");

    private protected TemporaryFolder Folder { get; } = new();

    public void Dispose()
    {
        Folder.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>The parts of a run; at least one of them ends with the exit code.</summary>
    private protected async Task PartsAsync(string output, int parts, int exitCode, params string[] run)
    {
        int worst = 0;
        for (int part = 0; part < parts; part++)
            worst = Math.Max(
                worst, (await CliRunner.EmbedTinyAsync([.. run, "--shard", $"{part}/{parts}", "-o", Folder.Path(output)])).ExitCode);
        Assert.Equal(exitCode, worst);
    }

    private protected Task<CliResult> MergeAsync(params string[] arguments) => CliRunner.RunAsync(["merge", .. arguments]);

    private protected string Part(int index, int count) => Folder.Path("out", $"part-{index:D5}-of-{count:D5}");

    private protected static Dictionary<string, byte[]> Contents(string folder) => Directory
        .GetFiles(folder, "*", new EnumerationOptions { AttributesToSkip = 0 })
        .ToDictionary(file => Path.GetFileName(file), File.ReadAllBytes);

    private protected static void AssertSame(Dictionary<string, byte[]> expected, Dictionary<string, byte[]> found)
    {
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), found.Keys.Order(StringComparer.Ordinal));
        Assert.All(expected, file => Assert.True(file.Value.AsSpan().SequenceEqual(found[file.Key]), file.Key));
    }

    private protected static void AssertSameBytes(string expected, string found) =>
        Assert.True(File.ReadAllBytes(expected).AsSpan().SequenceEqual(File.ReadAllBytes(found)), $"{found} differs from {expected}");

    private protected static void Edit(string file, string old, string now)
    {
        string text = File.ReadAllText(file);
        Assert.Contains(old, text);
        int place = text.IndexOf(old, StringComparison.Ordinal);
        File.WriteAllText(file, text[..place] + now + text[(place + old.Length)..]);
    }
}
