using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text.Json;
using Dino.Gpu.Cli.Commands;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Imaging;
using Dino.Gpu.Tests.Data.Formats;
using Dino.Gpu.Tests.Imaging;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary><c>dino dedup</c> on vectors made by hand.</summary>
public sealed class DedupTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Groups_keep_the_largest_picture()
    {
        // Directions in degrees: 0, 10 and 19 are a chain at cosine 0.98 (11.5 degrees); 90 twice; 200 alone.
        string file = Vectors((0, 10, 10), (90, 5, 5), (10, 30, 30), (200, 9, 9), (90, 5, 5), (19, 20, 20));
        CliResult result = await CliRunner.RunAsync("dedup", file, "--threshold", "0.98", "-d", "cpu");
        Assert.Equal(0, result.ExitCode);
        Assert.Equal(
            [
                "group\taction\tscore\twidth\theight\tpath",
                $"1\tkeep\t\t30\t30\t{P(2)}", $"1\tduplicate\t0.9877\t20\t20\t{P(5)}", $"1\tduplicate\t0.9848\t10\t10\t{P(0)}",
                $"2\tkeep\t\t5\t5\t{P(1)}", $"2\tduplicate\t1.0000\t5\t5\t{P(4)}",
            ],
            result.OutputLines);
        Assert.Contains("6 images, 2 groups of near-duplicates at 0.98, 3 could go", Assert.Single(result.ErrorLines));

        Assert.Equal([P(5), P(0), P(4)], (await CliRunner.RunAsync("dedup", file, "-t", "0.98", "--list", "-q", "-d", "cpu")).OutputLines);
        CliResult json = await CliRunner.RunAsync("dedup", file, "-t", "0.98", "--json", "-q", "-d", "cpu");
        using var group = JsonDocument.Parse(json.OutputLines[0]);
        Assert.Equal(P(2), group.RootElement.GetProperty("keep").GetProperty("path").GetString());
        Assert.Equal([5, 0], group.RootElement.GetProperty("duplicates").EnumerateArray().Select(one => one.GetProperty("row").GetInt32()));
        Assert.Equal(2, json.OutputLines.Length);

        // Only copies are left at 1; at the default 0.95 (18.2 degrees) the chain is one group still.
        Assert.Equal([P(4)], (await CliRunner.RunAsync("dedup", file, "-t", "1", "--list", "-q", "-d", "cpu")).OutputLines);
        Assert.Equal(3, (await CliRunner.RunAsync("dedup", file, "--list", "-q", "-d", "cpu")).OutputLines.Length);
    }

    [Fact]
    public async Task Images_are_embedded_now_and_shown_on_a_page()
    {
        byte[] picture = File.ReadAllBytes(GoldenData.Image("tiny_5x7.png"));
        string first = _folder.Write(Path.Combine("photos", "a.png"), picture);
        _folder.Write(Path.Combine("photos", "b.png"), File.ReadAllBytes(GoldenData.Image("chelsea.png")));
        string second = _folder.Write(Path.Combine("photos", "c.png"), picture);
        string page = _folder.Path("page.html");
        string killed = _folder.Write(".page.html.0123abcd.tmp", "half a page");
        CliResult result = await CliRunner.RunAsync(
            "dedup", _folder.Path("photos"), "-t", "0.9999", "--html", page, "-w", CliRunner.TinyWeights, "-d", "cpu");
        Assert.Equal(0, result.ExitCode);
        Assert.Equal([$"1\tkeep\t\t5\t7\t{first}", $"1\tduplicate\t1.0000\t5\t7\t{second}"], result.OutputLines[1..]);
        Assert.Equal(2, File.ReadAllText(page).Split("data:image/jpeg").Length - 1);
        Assert.DoesNotContain(killed, _folder.Files);
    }

    /// <summary>A picture and its seven mirrored and turned copies are one group, with the option only.</summary>
    [Fact]
    public async Task Transforms_find_mirrored_and_turned_copies()
    {
        RgbImage picture = GoldenImages.Of("chelsea_png").Decoded;
        for (int turn = 1; turn <= 8; turn++)
            PngFile.Write(_folder.Path($"p{turn}.png"), ImageHeader.Upright(picture, turn));
        _folder.Write("other.png", File.ReadAllBytes(GoldenData.Image("rgba.png")));
        _folder.Write("broken.png", "no picture");
        string[] command = ["dedup", _folder.Root, "-t", "0.9999", "--json", "-w", CliRunner.TinyWeights, "-d", "cpu"];
        Assert.Empty((await CliRunner.RunAsync(command)).OutputLines);
        CliResult result = await CliRunner.RunAsync([.. command, "--transforms"]);
        Assert.Equal(3, result.ExitCode);
        using var group = JsonDocument.Parse(result.OutputLines.Single());
        Assert.Equal(_folder.Path("p1.png"), group.RootElement.GetProperty("keep").GetProperty("path").GetString());
        JsonElement[] copies = [.. group.RootElement.GetProperty("duplicates").EnumerateArray()];
        Assert.Equal(
            Enumerable.Range(2, 7).Select(turn => _folder.Path($"p{turn}.png")),
            copies.Select(copy => copy.GetProperty("path").GetString()!).Order(StringComparer.Ordinal));
        Assert.All(copies, copy => Assert.Equal(1, copy.GetProperty("score").GetDouble(), 1e-3));
        Assert.Single(result.ErrorLines, line => line.Contains("broken.png"));
        Assert.Contains("9 images, 1 group of near-duplicates at 0.9999, 7 could go", result.ErrorLines[^1]);
    }

    [Fact]
    public async Task Transforms_need_pictures() => Assert.Contains(
        "--transforms: expected images", (await CliRunner.RunAsync("dedup", Vectors((0, 1, 1), (1, 1, 1)), "--transforms")).FatalLine());

    [Fact]
    public async Task Vectors_without_paths_cannot_be_listed()
    {
        string file = _folder.Path("e.npy");
        await CliRunner.EmbedTinyAsync(GoldenData.Image("gray.png"), "-o", file);
        Assert.Contains(DedupJob.NoPaths, (await CliRunner.RunAsync("dedup", file, "--list")).FatalLine());
    }

    /// <summary>Row 0 of one file is not row 0 of the other, in whatever form it is shown.</summary>
    [Fact]
    public async Task Rows_of_several_files_without_paths_are_told_apart()
    {
        string first = Unnamed("a.npy", (0, 1), (1, 0)), second = Unnamed("b.npy", (3, 0), (-1, 0)), page = _folder.Path("page.html");
        CliResult table = await CliRunner.RunAsync("dedup", first, second, "-d", "cpu", "--html", page);
        Assert.Equal([$"1\tkeep\t\t\t\t{first}, row 1", $"1\tduplicate\t1.0000\t\t\t{second}, row 0"], table.OutputLines[1..]);
        Assert.Contains("b.npy, row 0</bdi>", File.ReadAllText(page));
        CliResult groups = await CliRunner.RunAsync("dedup", first, second, "-d", "cpu", "--json");
        using var group = JsonDocument.Parse(groups.OutputLines.Single());
        JsonElement keep = group.RootElement.GetProperty("keep"), other = group.RootElement.GetProperty("duplicates")[0];
        Assert.Equal((first, 1), (keep.GetProperty("file").GetString(), keep.GetProperty("row").GetInt32()));
        Assert.Equal((second, 0), (other.GetProperty("file").GetString(), other.GetProperty("row").GetInt32()));

        // --list names the file that has no paths, and queries are rows of several files, too.
        string named = Vectors((0, 1, 1), (90, 1, 1));
        CliResult list = await CliRunner.RunAsync("dedup", named, second, "--list", "-q", "-d", "cpu");
        Assert.Contains($"{second} {DedupJob.NoPaths}", list.FatalLine());
        CliResult found = await CliRunner.RunAsync("search", first, first, second, "-k", "1", "-d", "cpu", "-q");
        Assert.Contains($"{second}, row 0\t1\t1.0000\trow 1", found.OutputLines);
        CliResult json = await CliRunner.RunAsync("search", first, first, second, "-k", "1", "-d", "cpu", "-q", "--json");
        Assert.Contains(second, json.OutputLines[2]);
    }

    [Fact]
    public async Task A_file_of_embeddings_that_is_named_twice_has_no_duplicates()
    {
        string file = Unnamed("a.npy", (0, 1), (1, 0));
        CliResult result = await CliRunner.RunAsync("dedup", file, Path.Combine(_folder.Root, ".", "a.npy"), "-d", "cpu");
        Assert.Single(result.OutputLines);
        Assert.Contains("dino: note: 1 input left out: named before", result.ErrorLines);
    }

    /// <summary>Whoever deletes what is listed keeps every picture once, whatever names it has.</summary>
    [Fact]
    public async Task The_only_copy_is_never_listed()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a privilege there");
        byte[] picture = File.ReadAllBytes(GoldenData.Image("tiny_5x7.png"));
        string photos = _folder.Path("photos"), file = _folder.Write(Path.Combine("photos", "a.png"), picture);
        Assert.Empty((await ListAsync(photos, photos)).OutputLines);
        Assert.Empty((await ListAsync(file, _folder.Path("photos", "*.png"), _folder.Path("photos", ".", "a.png"))).OutputLines);
        Directory.CreateSymbolicLink(_folder.Path("other"), "photos");
        Assert.Empty((await ListAsync(photos, _folder.Path("other"))).OutputLines);

        CliResult twice = await ListAsync(photos, photos);
        Assert.Contains("dino: note: 1 row repeats an image", twice.Error);
        Assert.Contains("dino: 1 image, 0 groups of near-duplicates at 0.95, 0 could go", twice.ErrorLines);

        // A link that comes first is kept, and the file behind it is not listed; a copy is.
        string copy = _folder.Write(Path.Combine("photos", "b.png"), picture);
        File.CreateSymbolicLink(_folder.Path("photos", "0.png"), "a.png");
        Assert.Equal([copy], (await ListAsync(photos)).OutputLines);
        string embedded = _folder.Path("photos.npz");
        Assert.Equal(0, (await CliRunner.EmbedTinyAsync(photos, photos, "-o", embedded, "-q")).ExitCode);
        Assert.Equal([copy], (await ListAsync(embedded, embedded)).OutputLines);
        Assert.Equal(2, (await CliRunner.RunAsync("dedup", embedded, "-q", "-d", "cpu")).OutputLines.Length - 1);
    }

    /// <summary>The names of an archive's members are the paths of files that are kept.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData("e.npz")]
    [InlineData("e.csv")]
    [InlineData("e.jsonl")]
    [InlineData("e.parquet")]
    [InlineData("run")]
    public async Task Members_of_archives_are_not_listed_and_have_no_thumbnail(string? embedded)
    {
        byte[] picture = File.ReadAllBytes(GoldenData.Image("tiny_5x7.png"));
        string file = _folder.Write(Path.Combine("photos", "a.png"), picture);
        string tar = _folder.Path("photos.tar");
        using (var writer = new TarWriter(File.Create(tar)))
            writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, file) { DataStream = new MemoryStream(picture) });
        string[] inputs = [_folder.Path("photos"), tar];
        if (embedded is not null)
        {
            Assert.Equal(0, (await CliRunner.EmbedTinyAsync([.. inputs, "-o", _folder.Path(embedded), "-q"])).ExitCode);
            inputs = [_folder.Path(embedded)];
        }

        string page = _folder.Path("page.html");
        CliResult list = await ListAsync([.. inputs, "--html", page]);
        Assert.Equal(0, list.ExitCode);
        Assert.Empty(list.Output);
        Assert.Contains($"dino: warning: {DedupJob.NotListed}1, in archives", list.Error);
        string html = File.ReadAllText(page);
        Assert.Equal(1, html.Split("data:image/jpeg").Length - 1);
        Assert.Equal(1, html.Split("no picture</div>").Length - 1);

        CliResult json = await CliRunner.RunAsync(["dedup", .. inputs, "--json", "-q", "-w", CliRunner.TinyWeights, "-d", "cpu"]);
        using var group = JsonDocument.Parse(json.Output);
        Assert.False(group.RootElement.GetProperty("keep").TryGetProperty("archive", out _));
        JsonElement member = Assert.Single(group.RootElement.GetProperty("duplicates").EnumerateArray());
        Assert.Equal((file, tar), (member.GetProperty("path").GetString(), member.GetProperty("archive").GetString()));
        CliResult table = await CliRunner.RunAsync(["dedup", .. inputs, "-q", "-w", CliRunner.TinyWeights, "-d", "cpu"]);
        Assert.EndsWith($"\t{tar}:{file}", table.OutputLines[^1]);
    }

    /// <summary>An archive may have several members of one name: what it says where members were appended.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData("e.npz")]
    [InlineData("e.npz", "--sha256")]
    public async Task Members_of_one_name_are_several_pictures(string? embedded, params string[] options)
    {
        string tar = _folder.Path("photos.tar");
        using (var writer = new TarWriter(File.Create(tar)))
        {
            foreach (string name in (string[])["chelsea.png", "gray.png", "chelsea.png"])
            {
                var picture = new MemoryStream(File.ReadAllBytes(GoldenData.Image(name)));
                writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "a.png") { DataStream = picture });
            }
        }

        string input = tar;
        if (embedded is not null)
        {
            input = _folder.Path(embedded);
            Assert.Equal(0, (await CliRunner.EmbedTinyAsync([tar, "-o", input, "-q", .. options])).ExitCode);
        }

        CliResult result = await CliRunner.RunAsync("dedup", input, "-t", "0.9999", "-w", CliRunner.TinyWeights, "-d", "cpu");
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("dino: note: 1 row repeats an image", result.Error); // the first, once more
        Assert.Contains("dino: 2 images, 0 groups", result.Error);
    }

    [Fact]
    public async Task A_reference_that_is_a_file_is_no_folder()
    {
        string file = Vectors((0, 1, 1), (1, 1, 1));
        string line = (await CliRunner.RunAsync("dedup", file, "--reference", file)).FatalLine();
        Assert.Equal($"dino: error: --reference: expected a folder, found a file: {file}", line);
    }

    private static Task<CliResult> ListAsync(params string[] arguments) =>
        CliRunner.RunAsync(["dedup", .. arguments, "--list", "-w", CliRunner.TinyWeights, "-d", "cpu"]);

    /// <summary>Embeddings of files that are there, with the digests of these.</summary>
    private string Vectors(params (double Degrees, int Width, int Height)[] rows) =>
        _folder.Write("e.jsonl", string.Concat(rows.Select((row, i) =>
    {
        string path = _folder.Write($"p{i}.png", $"picture {i}");
        return JsonSerializer.Serialize(new
        {
            path,
            width = row.Width,
            height = row.Height,
            sha256 = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))),
            embedding = new[] { (float)Math.Cos(row.Degrees * Math.PI / 180), (float)Math.Sin(row.Degrees * Math.PI / 180) },
        }) + "\n";
    })));

    /// <summary>Embeddings in a format without paths.</summary>
    private string Unnamed(string name, params (float X, float Y)[] rows)
    {
        string path = _folder.Path(name);
        FormatRows.Write(
            path, RowSchema.Plain(2), [.. rows.Select((row, i) => new FormatRow(new RowInfo { Row = i, Path = "" }, [row.X, row.Y]))]);
        return path;
    }

    /// <summary>The path of a row of <see cref="Vectors"/>.</summary>
    private string P(int row) => _folder.Path($"p{row}.png");
}
