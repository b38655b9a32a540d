using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Dino.Gpu.Cli;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary><c>dino index</c>, <c>search</c> and <c>compare</c> with a model of hidden 48.</summary>
public sealed class SearchTests : IDisposable
{
    private static readonly string Chelsea = GoldenData.Image("chelsea.png");
    private static readonly string Gray = GoldenData.Image("gray.png");
    private static readonly string Tiny = GoldenData.Image("tiny_5x7.png");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task An_index_is_an_npz_that_says_what_made_it()
    {
        string index = _folder.Path("photos.npz");
        CliResult result = await RunAsync(
            "index",
            Chelsea,
            MissingFiles.List("missing.png"),
            Gray,
            "-o",
            index,
            "--size",
            "64x40",
            "--output",
            "mean",
            "--preprocess",
            "dino");
        Assert.Equal(3, result.ExitCode);
        Assert.Empty(result.Output);
        Assert.Contains("2 vectors of 48, 1 without an embedding left out", result.ErrorLines[^1]);
        var table = EmbeddingTable.Load(index, TestContext.Current.CancellationToken);
        Assert.Equal([Chelsea, Gray], table.Rows.Select(row => row.Path));
        Assert.Equal(("64x40", "mean", "dino"), (table.Model!.Size, table.Model.Output, table.Model.Preprocess));
        Assert.StartsWith("sha256:", table.Model.Weights, StringComparison.Ordinal);

        // The same vectors as embed's, under the name that NumPy looks for.
        string plain = _folder.Path("plain.npz");
        await CliRunner.EmbedTinyAsync(Chelsea, Gray, "-o", plain, "--size", "64x40", "--output", "mean", "--preprocess", "dino");
        Assert.Equal(EmbeddingTable.Load(plain, TestContext.Current.CancellationToken).Values.ToArray(), table.Values.ToArray());
        using ZipArchive zip = ZipFile.OpenRead(index);
        Assert.Contains("embedding.npy", zip.Entries.Select(entry => entry.FullName));

        // A query is embedded as the index was, without being told.
        CliResult found = await RunAsync("search", index, Chelsea);
        Assert.Equal(0, found.ExitCode);
        Assert.Equal(["query\trank\tscore\tpath", $"{Chelsea}\t1\t1.0000\t{Chelsea}"], found.OutputLines[..2]);
        Assert.Equal(3, found.OutputLines.Length);

        // An index of an index keeps the model; one of plain embeddings has none to keep.
        string again = _folder.Path("again.npz");
        Assert.Equal(0, (await RunAsync("index", index, "-o", again)).ExitCode);
        Assert.Equal(File.ReadAllBytes(index), File.ReadAllBytes(again));
        string unknown = _folder.Path("plain.npy");
        await CliRunner.EmbedTinyAsync(Chelsea, Gray, "-o", unknown);
        Assert.Contains("do not say what made them", (await RunAsync("index", unknown, "-o", again)).Error);
    }

    [Fact]
    public async Task Neighbors_are_those_of_the_cosines_in_every_form()
    {
        string[] images = [Chelsea, Gray, Tiny, Chelsea];
        string file = _folder.Path("e.parquet");
        await CliRunner.EmbedTinyAsync([.. images, "-o", file]);
        var table = EmbeddingTable.Load(file, TestContext.Current.CancellationToken);
        CliResult result = await RunAsync("search", file, file, "-k", "3", "--json", "--quiet");
        Assert.Equal(0, result.ExitCode);
        Assert.Empty(result.Error);
        Assert.Equal(4, result.OutputLines.Length);
        for (int query = 0; query < 4; query++)
        {
            using var line = JsonDocument.Parse(result.OutputLines[query]);
            Assert.Equal(images[query], line.RootElement.GetProperty("query").GetString());
            JsonElement[] hits = [.. line.RootElement.GetProperty("neighbours").EnumerateArray()];
            int[] expected = [.. Enumerable.Range(0, 4).OrderByDescending(i => Cosine(table, query, i)).ThenBy(i => i).Take(3)];
            Assert.Equal(expected, hits.Select(hit => hit.GetProperty("row").GetInt32()));
            Assert.Equal([1, 2, 3], hits.Select(hit => hit.GetProperty("rank").GetInt32()));
            Assert.All(
                hits,
                hit => Assert.Equal(Cosine(table, query, hit.GetProperty("row").GetInt32()), hit.GetProperty("score").GetDouble(), 1e-12));
        }

        // The picture that is there twice finds neither of its rows.
        CliResult others = await RunAsync("search", file, Chelsea, "--exclude-self");
        Assert.Equal(3, others.OutputLines.Length);
        Assert.DoesNotContain(others.OutputLines.Skip(1), line => line.EndsWith("chelsea.png", StringComparison.Ordinal));
        string unknown = _folder.Path("e.csv");
        await CliRunner.EmbedTinyAsync([.. images, "-o", unknown]);
        Assert.Contains("does not say what made the vectors", (await RunAsync("search", unknown, Chelsea)).Error);
        CliResult close = await RunAsync("search", file, Chelsea, "--threshold", "0.999999", "--quiet");
        Assert.Equal(3, close.OutputLines.Length);

        // Vectors without paths are named by their rows.
        string bare = _folder.Path("e.npy");
        await CliRunner.EmbedTinyAsync([.. images[..3], "-o", bare]);
        CliResult rows = await RunAsync("search", bare, bare, "--exclude-self", "-q");
        Assert.Equal(7, rows.OutputLines.Length);
        Assert.StartsWith("row 0\t1\t", rows.OutputLines[1], StringComparison.Ordinal);
        Assert.DoesNotContain("row 0\t1\t1.0000", rows.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_the_query_s_own_picture_is_left_out()
    {
        // Two archives have members of one name, which is no file's, and a file is a link to another.
        string[] archives = ["one", "two"];
        foreach (string name in archives)
        {
            using var writer = new TarWriter(File.Create(_folder.Path(name + ".tar")));
            writer.WriteEntry(
                new PaxTarEntry(
                    TarEntryType.RegularFile, "a.png")
                { DataStream = new MemoryStream(File.ReadAllBytes(name == "one" ? Gray : Tiny)) });
        }

        string one = _folder.Path("one.tar"), two = _folder.Path("two.tar");
        CliResult found = await RunAsync("search", one, one, "--exclude-self", "-q");
        Assert.Single(found.OutputLines);
        string index = _folder.Path("i.npz");
        Assert.Equal(0, (await RunAsync("index", one, two, "-o", index)).ExitCode);
        CliResult other = await RunAsync("search", index, one, "--exclude-self", "-q");
        Assert.Matches($"^{Regex.Escape(one)}:a.png\t1\t[-0-9.]+\t{Regex.Escape(two)}:a.png$", Assert.Single(other.OutputLines[1..]));
        Assert.Contains(
            $"\"path\":\"a.png\",\"archive\":\"{two}\"", (await RunAsync("search", index, one, "--exclude-self", "-q", "--json")).Output);

        if (OperatingSystem.IsWindows())
            return; // links need a privilege there
        string file = _folder.Write("b.png", File.ReadAllBytes(Tiny)), link = _folder.Path("c.png");
        File.CreateSymbolicLink(link, "b.png");
        Assert.Single((await RunAsync("search", file, link, "--exclude-self", "-q")).OutputLines);
    }

    [Fact]
    public async Task Another_member_of_the_query_s_name_is_found()
    {
        string tar = _folder.Path("two.tar"), index = _folder.Path("i.npz"), query = _folder.Path("one.tar");
        foreach ((string file, string[] pictures) in ((string, string[])[])[(tar, [Gray, Tiny]), (query, [Gray])])
        {
            using var writer = new TarWriter(File.Create(file));
            foreach (string picture in pictures)
            {
                var data = new MemoryStream(File.ReadAllBytes(picture));
                writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "a.png") { DataStream = data });
            }
        }

        Assert.Equal(0, (await RunAsync("index", tar, "-o", index)).ExitCode);
        File.Move(query, tar, overwrite: true); // an archive with the first member alone
        CliResult found = await RunAsync("search", index, tar, "--exclude-self", "-q");
        Assert.StartsWith($"{tar}:a.png\t1\t", Assert.Single(found.OutputLines[1..]));
    }

    /// <summary>A table has no room for its cells there.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_narrow_terminal_gets_lines(bool isNarrow)
    {
        string index = _folder.Path("i.npz");
        await RunAsync("index", Gray, "-o", index);
        foreach (string[] command in (string[][])[["search", index, Gray], ["dedup", index, index]])
        {
            using var output = new MemoryStream();
            var console = new CliConsole
            {
                Input = TextReader.Null,
                Output = output,
                Error = TextWriter.Null,
                OutputIsTerminal = true,
                OutputIsNarrow = isNarrow,
            };
            string[] arguments = [.. command, "-w", CliRunner.TinyWeights, "-d", "cpu"];
            Assert.Equal(0, await DinoCommandLine.RunAsync(arguments, console, TestContext.Current.CancellationToken));
            string text = Encoding.UTF8.GetString(output.ToArray());
            Assert.Equal(isNarrow, text.Contains('\t', StringComparison.Ordinal));
            Assert.Equal(isNarrow && command[0] == "search", text.Contains($"{Gray}\t1\t1.0000\t{Gray}\n", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Pages_hold_their_pictures_and_no_markup_of_names()
    {
        byte[] picture = File.ReadAllBytes(Tiny);
        string hostile = _folder.Write(Path.Combine("photos", "<img src=x onerror=alert(1)> & \"q\".png"), picture);
        _folder.Write(Path.Combine("photos", "b.png"), File.ReadAllBytes(Chelsea));
        string gone = _folder.Write(Path.Combine("photos", "gone.png"), picture);
        string index = _folder.Path("i.npz"), page = _folder.Path("found.html");
        await RunAsync("index", _folder.Path("photos"), "-o", index);
        File.Delete(gone);
        CliResult result = await RunAsync("search", index, hostile, Chelsea, "--html", page);
        Assert.Equal(0, result.ExitCode);
        string html = File.ReadAllText(page);
        Assert.DoesNotContain("<img src=x", html, StringComparison.Ordinal);
        Assert.Contains("&lt;img src=x onerror=alert(1)&gt; &amp; &quot;q&quot;.png", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("http", html.Replace("http-equiv", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Equal(2, Count(html, "<section>"));
        Assert.Equal(6, Count(html, "<li>"));
        Assert.Equal(6, Count(html, "src=\"data:image/jpeg;base64,")); // two queries, two of three found twice
        Assert.Equal(2, Count(html, "no picture</div>"));
        Assert.Equal(Count(html, "<img "), Count(html, " alt=\""));

        // A thumbnail is a picture of at most 256 pixels.
        string data = html.Split("base64,")[^1].Split('"')[0];
        Assert.Equal([0xFF, 0xD8], Convert.FromBase64String(data)[..2]);
    }

    [Fact]
    public async Task What_cannot_be_compared_is_refused()
    {
        string index = _folder.Path("i.npz");
        await RunAsync("index", Chelsea, Gray, "-o", index);
        string index384 = _folder.Path("synthetic.npz");
        await CliRunner.RunAsync("index", Tiny, "-o", index384, "-w", "synthetic", "-d", "cpu");
        Assert.Contains(
            "made differently (weights synthetic:0x44494E4F and synthetic:0x5)",
            (await CliRunner.RunAsync("search", index384, Tiny, "-w", "synthetic:5", "-d", "cpu", "-q")).FatalLine());
        Assert.Contains("has vectors of 384 values, ", (await RunAsync("search", index384, Tiny, "-q")).FatalLine());
        Assert.Contains(
            "made differently (size 32x32 and 64x64)", (await RunAsync("search", index, Chelsea, "--size", "64", "-q")).FatalLine());
        Assert.Contains("no such file", (await RunAsync("search", _folder.Path("none.npz"), Chelsea)).FatalLine());
        Assert.Contains("has 2 vectors, expected one", (await RunAsync("compare", index, Chelsea)).FatalLine());
        Assert.Contains("no directory", (await RunAsync("search", index, Chelsea, "--html", _folder.Path("no", "page.html"))).FatalLine());
        using (ZipArchive zip = ZipFile.Open(index, ZipArchiveMode.Update))
        {
            zip.GetEntry("model.json")!.Delete();
            using Stream member = zip.CreateEntry("model.json").Open();
            member.Write(Encoding.UTF8.GetBytes("{\"weights\":null}"));
        }

        Assert.Contains("cannot read ", (await RunAsync("search", index, Chelsea)).FatalLine());
    }

    /// <summary>Files of two models meet: whatever the formats, as long as each says what made its vectors.</summary>
    [Theory]
    [InlineData("npz", "npz")]
    [InlineData("parquet", "safetensors")]
    [InlineData("jsonl", "npz")]
    [InlineData("npz", "run/")]
    public async Task Vectors_of_two_models_are_refused_in_every_format(string first, string second)
    {
        (string one, string other) = (_folder.Path("one." + first), _folder.Path(second == "run/" ? "run" : "other." + second));
        await CliRunner.RunAsync("embed", Tiny, Gray, "-w", CliRunner.TinyWeights, "-d", "cpu", "-o", one);
        await CliRunner.RunAsync("embed", Tiny, Gray, "-w", CliRunner.TinyWeights, "-d", "cpu", "-o", other, "--preprocess", "dino");
        foreach (string[] command in new[] { new[] { "search", one, other }, ["dedup", one, other],
            ["index", one, other, "-o", _folder.Path("joined.npz")] })
        {
            string refused = (await CliRunner.RunAsync(command)).FatalLine();
            Assert.Contains("made differently (preprocessing hf and dino)", refused);
            Assert.Contains("--force", refused);
            CliResult forced = await CliRunner.RunAsync([.. command, "--force", "-d", "cpu"]);
            Assert.Equal(0, forced.ExitCode);
            Assert.Single(forced.ErrorLines, line => line.StartsWith("dino: note: ", StringComparison.Ordinal)
                && line.Contains("made differently"));
        }

        // What is made of two models says nothing of what made it.
        Assert.Null(EmbeddingTable.Load(_folder.Path("joined.npz"), CancellationToken.None).Model);
    }

    /// <summary>Vectors of other lengths have no cosine, whoever insists.</summary>
    [Fact]
    public async Task Vectors_of_two_lengths_are_refused_even_by_force()
    {
        string one = _folder.Path("one.npz"), other = _folder.Path("other.npz");
        await CliRunner.RunAsync("embed", Tiny, Gray, "-w", CliRunner.TinyWeights, "-d", "cpu", "-o", one);
        await CliRunner.RunAsync("embed", Tiny, Gray, "-w", CliRunner.TinyWeights, "-d", "cpu", "-o", other, "--output", "cls+mean");
        Assert.Contains("they cannot be compared", (await CliRunner.RunAsync("search", one, other, "--force")).FatalLine());
    }

    /// <summary>Two checkpoints are told apart in a line that fits on a screen.</summary>
    [Fact]
    public async Task Both_models_are_named_in_a_short_line()
    {
        string one = _folder.Path("one.npz"), other = _folder.Path("other.npz");
        await CliRunner.RunAsync("embed", Tiny, Gray, "-w", CliRunner.TinyWeights, "-d", "cpu", "-o", one);
        string copy = _folder.Path("copy.safetensors");
        await CliRunner.RunAsync("weights", "convert", CliRunner.TinyWeights, "-o", copy, "--dtype", "f16");
        await CliRunner.RunAsync("embed", Tiny, Gray, "-w", copy, "-d", "cpu", "-o", other);
        string line = (await CliRunner.RunAsync("search", one, other)).FatalLine().Split('\n')[0];
        Assert.Matches("weights sha256:[0-9a-f]{16}\\.\\.\\. and sha256:[0-9a-f]{16}\\.\\.\\.", line);
        CliResult compared = await CliRunner.RunAsync("compare", Tiny, Tiny, "-w", copy, "-d", "cpu", "--force");
        Assert.Equal("1.000000", compared.OutputLines.Single());
    }

    /// <summary>Queries are decoded as the index was, and a mixture is refused.</summary>
    [Fact]
    public async Task Fast_decoding_is_remembered()
    {
        string picture = _folder.Write("photo.jpg", GeneratedPictures.Picture(seed: 5, 900, 600));
        string index = _folder.Path("fast.npz");
        CliResult made = await CliRunner.RunAsync(
            "index", picture, "-o", index, "-w", CliRunner.TinyWeights, "-d", "cpu", "--decode", "fast");
        Assert.Equal(0, made.ExitCode);
        Assert.Equal("skia-fast", EmbeddingTable.Load(index, CancellationToken.None).Model!.Decoder);
        CliResult found = await CliRunner.RunAsync("search", index, picture, "-w", CliRunner.TinyWeights, "-d", "cpu");
        Assert.Contains("\t1\t1.0000\t", found.Output);
        string[] exact = ["search", index, picture, "-w", CliRunner.TinyWeights, "-d", "cpu", "--decode", "exact"];
        Assert.Contains("made differently (decode fast and exact)", (await CliRunner.RunAsync(exact)).FatalLine());
    }

    [Fact]
    public async Task A_file_of_somebody_else_beside_the_rows_stays()
    {
        string rows = _folder.Path("e.jsonl");
        string beside = _folder.Write("e.jsonl.provenance.json", "{\"mine\":1}");
        Assert.Contains("is not a file of provenance", (await CliRunner.EmbedTinyAsync(Tiny, "-o", rows)).FatalLine());
        Assert.Equal("{\"mine\":1}", await File.ReadAllTextAsync(beside, TestContext.Current.CancellationToken));
        Assert.False(File.Exists(rows));
    }

    [Fact]
    public async Task Rows_that_were_changed_since_have_no_provenance_beside_them()
    {
        string rows = _folder.Path("e.jsonl");
        await CliRunner.EmbedTinyAsync(Tiny, Gray, "-o", rows);
        Assert.NotNull(EmbeddingTable.Load(rows, TestContext.Current.CancellationToken).Model);
        string[] lines = await File.ReadAllLinesAsync(rows, TestContext.Current.CancellationToken);
        await File.WriteAllLinesAsync(rows, lines[..1], TestContext.Current.CancellationToken);
        Assert.Null(EmbeddingTable.Load(rows, TestContext.Current.CancellationToken).Model);
    }

    [Fact]
    public async Task Compare_prints_a_cosine()
    {
        Assert.Equal("1.000000\n", (await RunAsync("compare", Chelsea, Chelsea)).Output);
        string file = _folder.Path("e.npz");
        await RunAsync("index", Chelsea, Gray, "-o", file, "--size", "64");
        var table = EmbeddingTable.Load(file, TestContext.Current.CancellationToken);
        string expected = Cosine(table, 0, 1).ToString("F6", System.Globalization.CultureInfo.InvariantCulture) + "\n";
        Assert.Equal(expected, (await RunAsync("compare", Chelsea, Gray, "--size", "64")).Output);

        // With an index of one image the other is embedded as it was.
        string one = _folder.Path("one.npz");
        await RunAsync("index", Gray, "-o", one, "--size", "64");
        Assert.Equal(expected, (await RunAsync("compare", Chelsea, one)).Output);
        Assert.Equal(1, (await RunAsync("compare", Chelsea, "missing.png")).ExitCode);
    }

    [Theory]
    [InlineData("index", "a.jpg")]
    [InlineData("index", "a.jpg", "-o", "a.npy")]
    [InlineData("search", "a.npz")]
    [InlineData("search", "a.npz", "b.jpg", "-k", "0")]
    [InlineData("search", "a.npz", "b.jpg", "--threshold", "2")]
    [InlineData("compare", "a.jpg")]
    [InlineData("dedup", "a.npz", "--json", "--list")]
    [InlineData("dedup", "a.npz", "-t", "high")]
    public async Task Wrong_usage_says_what_was_expected(params string[] arguments)
    {
        Assert.Contains($"hint: run 'dino {arguments[0]} --help'", (await CliRunner.RunAsync(arguments)).UsageLine());
    }

    [Theory]
    [InlineData("multiscale:1,0.5")]
    [InlineData("last2+mean")]
    public async Task Every_output_that_is_a_vector_can_be_indexed_and_searched(string output)
    {
        string index = _folder.Path("photos.npz");
        Assert.Equal(0, (await RunAsync("index", Chelsea, Gray, "-o", index, "--output", output)).ExitCode);
        Assert.Equal(output, EmbeddingTable.Load(index, TestContext.Current.CancellationToken).Model!.Output);
        CliResult found = await RunAsync("search", index, Gray);
        Assert.Equal($"{Gray}\t1\t1.0000\t{Gray}", found.OutputLines[1]);
        CliResult tokens = await RunAsync("index", Chelsea, "-o", index, "--output", "tokens");
        Assert.Equal(2, tokens.ExitCode);
        Assert.DoesNotContain("patches", tokens.Error); // is no vector either
    }

    private static int Count(string text, string part) => text.Split(part).Length - 1;

    private static double Cosine(EmbeddingTable table, int left, int right)
    {
        double Dot(int a, int b) =>
            Enumerable.Range(0, table.Dimension).Sum(
                i => (double)table.Values.Span[a * table.Dimension + i] * table.Values.Span[b * table.Dimension + i]);
        return Dot(left, right) / Math.Sqrt(Dot(left, left) * Dot(right, right));
    }

    private static Task<CliResult> RunAsync(params string[] arguments) =>
        CliRunner.RunAsync([.. arguments, "-w", CliRunner.TinyWeights, "-d", "cpu"]);
}
