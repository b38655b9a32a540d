using System.Diagnostics;
using System.Globalization;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>A run that is killed again and again ends with the very files of one that was not.</summary>
public sealed class KilledRunTests : IDisposable
{
    /// <summary>Some hundred a kill, so that kills fall between two shards as well as inside them.</summary>
    private static readonly int Images = LongTests.AreWanted ? 5_000 : 1_500;

    private static readonly int Kills = LongTests.AreWanted ? 50 : 15;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>
    /// SIGKILL at random moments: while the list is settled, between two rows, inside a shard's last write. Every
    /// second one waits until the run has got a little further, so that they spread over its whole length. A machine
    /// that is fast enough to end the run between them begins another. Fifty with <c>DINO_TEST_LONG=1</c>, and fifteen of
    /// a list as much shorter.
    /// </summary>
    [Fact]
    public async Task Many_kills_and_resumes_give_the_bytes_of_an_uninterrupted_run()
    {
        string list = WriteImages();
        string[] embed = [
            "embed", "@" + list, "--weights", CliRunner.TinyWeights, "--device", "cpu", "--shard-size", "97", "--format", "npz",
            "--sha256", "--batch", "8"
        ];
        Assert.Equal(3, (await CliRunner.RunAsync([.. embed, "-o", _folder.Path("whole")])).ExitCode);
        string[] names = Names(_folder.Path("whole"));
        Assert.Equal(3 + (Images + 96) / 97, names.Length);

        var random = new Random(5);
        int kills = 0, stages = 0;
        string output = _folder.Path("out");
        while (kills < Kills)
        {
            long before = Progress(output), further = before + random.Next(150) * 250L;
            Process process = CliProcess.Start([.. embed, "-o", output, "--quiet"]);
            if (kills % 2 == 0)
                await UntilAsync(() => Progress(output) > further, process);
            else
                await Task.Delay(random.Next(600));
            bool ended = process.HasExited;
            process.Kill();
            CliResult result = await CliProcess.FinishAsync(process);
            Assert.True(ended || result.ExitCode == 137, $"exit code {result.ExitCode}: {result.Error}");
            stages += Progress(output) > before ? 1 : 0;
            kills++;
            if (ended)
            {
                Assert.Equal(3, result.ExitCode);
                AssertSame(names, _folder.Path("whole"), output);
                Directory.Delete(output, recursive: true);
            }
        }

        Assert.Equal(3, (await CliRunner.RunAsync([.. embed, "-o", output])).ExitCode);
        Assert.InRange(stages, Kills / 3, Kills); // the kills were spread over the run, not all before or after it
        AssertSame(names, _folder.Path("whole"), output);
    }

    /// <summary>
    /// SIGKILL while shards are made again that were deleted between others. Whenever all shards are there, so is every
    /// line of the log. Fifteen kills with <c>DINO_TEST_LONG=1</c>, and six of a list as much shorter.
    /// </summary>
    [Fact]
    public async Task Kills_while_deleted_shards_are_made_again()
    {
        (int images, int kills) = LongTests.AreWanted ? (1000, 15) : (400, 6);
        string list = _folder.Write(
            "some.txt", string.Concat((await File.ReadAllLinesAsync(WriteImages()))[..images].Select(line => line + "\n")));
        string[] embed = ["embed", "@" + list, "--weights", CliRunner.TinyWeights, "--device", "cpu", "--shard-size", "47", "--batch", "8"];
        string whole = _folder.Path("whole"), output = _folder.Path("out");
        Assert.Equal(3, (await CliRunner.RunAsync([.. embed, "-o", whole])).ExitCode);
        Assert.Equal(3, (await CliRunner.RunAsync([.. embed, "-o", output])).ExitCode);
        string[] names = Names(whole);
        var random = new Random(7);
        int begun = 0;
        for (int kill = 0; kill < kills; kill++)
        {
            foreach (string shard in names.Where(name => name.EndsWith(".npy", StringComparison.Ordinal) && random.Next(3) == 0))
                File.Delete(Path.Combine(output, shard));
            long before = Progress(output), further = before + random.Next(images * 3 / 10) * 250L;
            Process process = CliProcess.Start([.. embed, "-o", output, "--quiet"]);
            await UntilAsync(() => Progress(output) > further, process);
            process.Kill();
            await CliProcess.FinishAsync(process);
            begun += Progress(output) > before ? 1 : 0;
            if (names.All(name => File.Exists(Path.Combine(output, name))))
                Assert.Equal(
                    await File.ReadAllTextAsync(Path.Combine(whole, "errors.jsonl")),
                    await File.ReadAllTextAsync(Path.Combine(output, "errors.jsonl")));
        }

        Assert.Equal(3, (await CliRunner.RunAsync([.. embed, "-o", output])).ExitCode);
        Assert.InRange(begun, kills / 3, kills);
        AssertSame(names, whole, output);
    }

    /// <summary>A first Ctrl-C ends in order, and nothing of what was computed is lost.</summary>
    [Theory]
    [InlineData("INT")]
    [InlineData("TERM")]
    public async Task Signal_ends_a_folder_run_in_order(string signal)
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("POSIX signals");
        string list = WriteImages();
        string output = _folder.Path("out");
        string[] embed = [
            "embed", "@" + list, "--weights", CliRunner.TinyWeights, "--device", "cpu", "-o", output, "--stats",
            _folder.Path("stats.json")
        ];
        Process process = CliProcess.Start(embed);
        await UntilAsync(() => Progress(output) > 20_000, process);
        using (var kill = Process.Start("kill", ["-" + signal, process.Id.ToString(CultureInfo.InvariantCulture)]))
            await kill.WaitForExitAsync();
        CliResult stopped = await CliProcess.FinishAsync(process);
        Assert.Equal(130, stopped.ExitCode);
        Assert.Matches($@"stopped: \d+ of {Images} rows are in .*out; run the same command again to resume", stopped.ErrorLines[^1]);
        Assert.Contains("imagesPerSecond", await File.ReadAllTextAsync(_folder.Path("stats.json")));
        long rows = long.Parse(stopped.ErrorLines[^1].Split("stopped: ")[1].Split(' ')[0], CultureInfo.InvariantCulture);

        CliResult again = await CliRunner.RunAsync(embed);
        Assert.Equal(3, again.ExitCode);
        Assert.Contains($"holds {rows} of {Images} rows; resuming there", again.Error);
        Assert.Equal(Images, Npy.Read(Path.Combine(output, "shard-00000.npy")).Shape[0]);
    }

    /// <summary>A list of <see cref="Images"/>, 100 different ones and some that cannot be read.</summary>
    private string WriteImages()
    {
        string[] files = [.. Enumerable.Range(0, 100).Select(i => i % 25 == 7 ? _folder.Path("in", $"missing{i}.bmp")
            : _folder.Write($"in/{i}.bmp", Bitmap(i)))];
        return _folder.Write("list.txt", string.Concat(Enumerable.Range(0, Images).Select(i => files[i * 37 % 100] + "\n")));
    }

    /// <summary>8x8 pixels, 24 bits each.</summary>
    internal static byte[] Bitmap(int seed)
    {
        byte[] file = new byte[54 + 8 * 24];
        new Random(seed).NextBytes(file.AsSpan(54));
        "BM"u8.CopyTo(file);
        BitConverter.TryWriteBytes(file.AsSpan(2), file.Length);
        file[10] = 54;
        file[14] = 40;
        file[18] = 8;
        file[22] = 8;
        file[26] = 1;
        file[28] = 24;
        return file;
    }

    /// <summary>Bytes of rows that are there.</summary>
    private static long Progress(string folder) => TemporaryFolder.Bytes(folder, "shard-*");

    private static void AssertSame(string[] names, string whole, string output)
    {
        Assert.Equal(names, Names(output));
        Assert.All(
            names,
            name =>
                Assert.True(
                    File.ReadAllBytes(Path.Combine(output, name)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(whole, name))),
                    name));
    }

    private static async Task UntilAsync(Func<bool> condition, Process process)
    {
        for (int i = 0; i < 20_000 && !process.HasExited && !condition(); i++)
            await Task.Delay(1);
    }

    private static string[] Names(string folder) =>
        [.. Directory.GetFiles(folder, "*", new EnumerationOptions { AttributesToSkip = 0 })
            .Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];
}
