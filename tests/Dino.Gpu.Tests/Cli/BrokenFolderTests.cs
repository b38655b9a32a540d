using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>
/// A folder of a thousand images of which fifty are broken in every way: those fifty end in errors.jsonl, and nothing
/// else is touched by them.
/// </summary>
public sealed class BrokenFolderTests : IDisposable
{
    private const int Images = 1000;
    private const int BrokenEvery = 20;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>How an image is broken, with a piece of the reason that is expected.</summary>
    private sealed record Kind(string Extension, string Reason, Action<string> Make);

    [Fact]
    public async Task Exactly_the_broken_are_in_the_log()
    {
        Kind[] kinds = Kinds();
        var good = new List<string>();
        var broken = new List<(int Row, string Path, string Reason)>();
        string root = _folder.Path("photos");
        Directory.CreateDirectory(root);
        for (int i = 0; i < Images; i++)
        {
            // Folders of a hundred, names in byte order: row i is image i.
            string folder = Path.Combine(root, Number(i / 100));
            Directory.CreateDirectory(folder);
            string stem = Path.Combine(folder, Number(i));
            if (i % BrokenEvery == 7)
            {
                Kind kind = kinds[i / BrokenEvery % kinds.Length];
                kind.Make(stem + kind.Extension);
                broken.Add((i, stem + kind.Extension, kind.Reason));
                continue;
            }

            // A PNG that is called a JPEG is a good image: its content says what it is.
            string path = stem + (i % 50 == 3 ? ".jpg" : ".bmp");
            File.WriteAllBytes(path, i % 50 == 3 ? File.ReadAllBytes(GoldenData.Image("tiny_5x7.png")) : Bmp(i));
            good.Add(path);
        }

        Assert.Equal(50, broken.Count);
        var watch = Stopwatch.StartNew();
        CliResult result = await CliRunner.EmbedTinyAsync(root, "-o", _folder.Path("out/"), "--shard-size", "300");
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(60)); // seconds, but the machine may be busy

        Assert.Equal(3, result.ExitCode);
        JsonElement[] errors = [.. File.ReadAllLines(_folder.Path("out", "errors.jsonl"))
            .Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(
            broken.Select(one => (one.Row, one.Path)),
            errors.Select(error => (error.GetProperty("row").GetInt32(), error.GetProperty("path").GetString()!)));
        Assert.All(broken.Zip(errors), pair => Assert.Contains(pair.First.Reason, pair.Second.GetProperty("error").GetString()));
        // The log has all of them; people are told the first ten and how many more there are.
        Assert.Equal(10, result.ErrorLines.Count(line => broken.Exists(one => line.Contains(one.Path, StringComparison.Ordinal))));
        Assert.Contains(result.ErrorLines, line => line.Contains("40 more images could not be read", StringComparison.Ordinal));

        Npy[] shards = [.. Enumerable.Range(0, 4).Select(i => Npy.Read(_folder.Path("out", $"shard-{i:D5}.npy")))];
        float[] all = [.. shards.SelectMany(shard => shard.Floats)];
        int length = all.Length / Images;
        CliResult alone = await CliRunner.EmbedTinyAsync(
            "@" + _folder.Write("good.txt", string.Join('\n', good)), "-o", _folder.Path("good.npy"));
        Assert.Equal(0, alone.ExitCode);
        float[] expected = [.. Npy.Read(_folder.Path("good.npy")).Floats];
        HashSet<int> failed = [.. broken.Select(one => one.Row)];
        Assert.Equal(
            expected.Select(BitConverter.SingleToInt32Bits),
            Enumerable.Range(0, Images).Where(row => !failed.Contains(row)).SelectMany(
                row => all[(row * length)..((row + 1) * length)]).Select(BitConverter.SingleToInt32Bits));
        Assert.All(failed, row => Assert.All(all[(row * length)..((row + 1) * length)], value => Assert.True(float.IsNaN(value))));
    }

    private static Kind[] Kinds()
    {
        byte[] jpeg = File.ReadAllBytes(GoldenData.Image("rocket.jpg"));
        byte[] png = File.ReadAllBytes(GoldenData.Image("tiny_5x7.png"));
        byte[] huge = BrokenImages.All.Single(image => image.Name == "huge.bmp").Content!;
        byte[] flat = BrokenImages.All.Single(image => image.Name == "zero.bmp").Content!;
        byte[] noise = new byte[3000];
        new Random(5).NextBytes(noise);
        List<Kind> kinds =
        [
            new(".jpg", "truncated", path => File.WriteAllBytes(path, jpeg[..(jpeg.Length / 2)])),
            new(".PNG", "PNG", path => File.WriteAllBytes(path, png[..^20])),
            new(".jpeg", "empty", path => File.WriteAllBytes(path, [])),
            new(".webp", "not an image", path => File.WriteAllText(path, "<html>404 Not Found</html>")), // wrong extension
            new(".bmp", "65535", path => File.WriteAllBytes(path, huge)),
            new(".gif", "not an image", path => File.WriteAllBytes(path, noise)),
            new(
                ".jpg",
                "directory",
                path => File.WriteAllText(Path.Combine(Directory.CreateDirectory(path).FullName, "notes.txt"), "no image")),
        ];
        if (OperatingSystem.IsLinux() || OperatingSystem.IsMacOS())
        {
            kinds.Add(new(".png", "link to a file that is not there", path => File.CreateSymbolicLink(path, "nowhere.png")));
            kinds.Add(new(".jpg", "not a regular file", TemporaryFolder.MakeFifo));
            if (Environment.UserName != "root") // who may read everything: then a picture without pixels takes its turn
                kinds.Add(new(".jpg", "permission denied", MakeUnreadable));
        }

        if (kinds.Count < 10)
            kinds.Add(new(".bmp", "0x0", path => File.WriteAllBytes(path, flat)));
        return [.. kinds];
    }

    private static void MakeUnreadable(string path)
    {
        File.WriteAllBytes(path, Bmp(0));
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.None);
    }

    /// <summary>A picture of 8x8 with colors of its own.</summary>
    private static byte[] Bmp(int seed)
    {
        const int HeaderLength = 54;
        byte[] file = new byte[HeaderLength + 8 * 8 * 3];
        using var writer = new BinaryWriter(new MemoryStream(file));
        writer.Write("BM"u8);
        foreach (int value in (int[])[file.Length, 0, HeaderLength, 40, 8, 8, 1 | 24 << 16, 0, 0, 0, 0, 0, 0])
            writer.Write(value);
        new Random(seed).NextBytes(file.AsSpan(HeaderLength));
        return file;
    }

    private static string Number(int number) => number.ToString("D4", CultureInfo.InvariantCulture);
}
