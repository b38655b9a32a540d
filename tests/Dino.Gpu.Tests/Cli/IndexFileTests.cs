using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Tests.Search;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary><c>dino index -o FILE.dinoidx</c>, and the commands that read it.</summary>
public sealed class IndexFileTests : IDisposable
{
    private const int Dimension = 16;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("search", "-k", "5", "--json")]
    [InlineData("search", "--exclude-self", "--threshold", "0.1")]
    [InlineData("dedup", "--threshold", "0.6", "--json")]
    [InlineData("knn", "--k", "3", "--json")]
    public async Task An_index_file_gives_the_results_of_an_npz(params string[] command)
    {
        string rows = Rows("rows.jsonl", 60, 1);
        string npz = _folder.Path("a.npz"), file = _folder.Path("a.dinoidx");
        Assert.Contains("60 vectors of 16", (await RunAsync("index", rows, "-o", npz)).Error);
        CliResult built = await RunAsync("index", rows, "-o", file);
        Assert.Equal((0, ""), (built.ExitCode, built.Output));
        Assert.Contains($"60 vectors of 16 -> {file}", built.Error);
        foreach (int queries in new[] { 3, 40 }) // read where they lie; packed, if they are in memory
        {
            string[] second = command[0] == "dedup" ? [] : [Rows("queries.jsonl", queries, 2)];
            CliResult expected = await RunAsync([command[0], npz, .. second, .. command[1..], "-q", "--device", "cpu"]);
            CliResult found = await RunAsync([command[0], file, .. second, .. command[1..], "-q", "--device", "cpu"]);
            Assert.Equal((0, 0), (expected.ExitCode, found.ExitCode));
            Assert.NotEmpty(expected.Output);
            Assert.Equal(expected.Output, found.Output);
            CliResult automatic = await RunAsync([command[0], file, .. second, .. command[1..], "-q"]);
            Assert.Equal(expected.Output, automatic.Output);
        }
    }

    /// <summary>Whatever is joined, the file claims what is true of every row.</summary>
    [Theory]
    [InlineData("all.npz")]
    [InlineData("all.dinoidx")]
    public async Task Joined_vectors_are_not_all_of_the_first_precision(string name)
    {
        string first = Made("a.npz", SampleProvenance.Of(2)), file = _folder.Path(name);
        string second = Made("b.npz", SampleProvenance.Of(2) with { Precision = "bf16", Exif = "ignore" });
        CliResult joined = await RunAsync("index", first, second, "-o", file);
        Assert.Equal(0, joined.ExitCode);
        string note = Assert.Single(joined.ErrorLines, line => line.StartsWith("dino: note: ", StringComparison.Ordinal));
        Assert.Equal(
            "dino: note: the vectors differ in precision, EXIF orientation: what made them is recorded as 'mixed' there", note);
        Provenance model = EmbeddingTable.Load(file, TestContext.Current.CancellationToken).Model!;
        Assert.Equal(("mixed", "mixed", "skia"), (model.Precision, model.Exif, model.Decoder));
        CliResult same = await RunAsync("index", first, first, "-o", file);
        Assert.DoesNotContain("mixed", same.Error);
        Assert.Equal("fp32", EmbeddingTable.Load(file, TestContext.Current.CancellationToken).Model!.Precision);
    }

    private string Made(string name, Provenance model)
    {
        string path = _folder.Path(name);
        using IEmbeddingWriter writer = FormatCatalog.Create(FormatCatalog.Npz, path, RowSchema.Plain(2) with { Provenance = model });
        writer.Write(new RowInfo { Row = 0, Path = name + ".jpg" }, [1, 2]);
        writer.Complete();
        return path;
    }

    [Fact]
    public async Task Files_of_different_columns_are_gathered_row_by_row()
    {
        string first = Rows("a.jsonl", 20, 1), second = _folder.Path("b.npz");
        var schema = new RowSchema([Dimension], FloatType.Float32, false, [new("other", ColumnType.Integer)]);
        using (IEmbeddingWriter writer = FormatCatalog.Create(FormatCatalog.Npz, second, schema))
        {
            for (int i = 0; i < 5; i++)
            {
                bool failed = i == 2;
                float[] values = SearchTwin.Normal(Dimension, 70 + i);
                writer.Write(
                    new RowInfo { Row = i, Path = $"b{i}.jpg", Columns = [(long)i], Error = failed ? "truncated" : null },
                    failed ? [.. Enumerable.Repeat(float.NaN, Dimension)] : values);
            }

            writer.Complete();
        }

        string npz = _folder.Path("all.npz"), file = _folder.Path("all.dinoidx"), again = _folder.Path("again.npz");
        Assert.Equal(0, (await RunAsync("index", first, second, "-o", npz)).ExitCode);
        CliResult gathered = await RunAsync("index", first, second, "-o", file);
        Assert.Contains($"24 vectors of 16, 1 without an embedding left out -> {file}", gathered.Error);
        Assert.Contains("do not say what made", gathered.Error);
        Assert.Equal(0, (await RunAsync("index", file, "-o", again)).ExitCode);
        EmbeddingTable expected = Load(npz), found = Load(again);
        Assert.Equal(expected.Values.ToArray(), found.Values.ToArray());
        Assert.Equal(expected.Columns, found.Columns);
        Assert.Equal(expected.Rows.Select(Text), found.Rows.Select(Text));

        // With one that has no vector at all nothing is written.
        string none = _folder.Path("none.csv");
        File.WriteAllText(none, "path,e0,e1,error\na.jpg,,,truncated\n");
        CliResult refused = await RunAsync("index", none, "-o", _folder.Path("none.dinoidx"));
        Assert.Contains("has no embeddings, only 1 failed image", refused.FatalLine());
        Assert.False(File.Exists(_folder.Path("none.dinoidx")));
    }

    /// <summary>Without paths, the number is all that tells rows of several files apart.</summary>
    [Theory]
    [InlineData("all.dinoidx")]
    [InlineData("all.npz")]
    public async Task Rows_of_several_files_are_numbered_anew(string name)
    {
        string first = Rows("a.jsonl", 3, 1), second = Rows("b.jsonl", 2, 2), index = _folder.Path(name);
        Assert.Equal(0, (await RunAsync("index", first, second, "-o", index)).ExitCode);
        Assert.Equal([0L, 1, 2, 3, 4], Load(index).Rows.Select(row => row.Row));
    }

    [Fact]
    public async Task Values_are_rounded_where_that_is_asked_for()
    {
        string rows = Rows("rows.jsonl", 10, 1), file = _folder.Path("half.dinoidx"), npz = _folder.Path("half.npz");
        Assert.Equal(0, (await RunAsync("index", rows, "-o", file, "--dtype", "f16")).ExitCode);
        Assert.Equal(0, (await RunAsync("index", rows, "-o", npz, "--dtype", "f16")).ExitCode);
        float[] expected = Array.ConvertAll(Load(rows).Values.ToArray(), value => (float)(Half)value);
        Assert.Equal(expected, Load(file).Values.ToArray());
        Assert.Equal(expected, Load(npz).Values.ToArray());
    }

    [Fact]
    public async Task An_index_says_what_made_it_and_replaces_only_its_kind()
    {
        string chelsea = GoldenData.Image("chelsea.png"), file = _folder.Path("photos.dinoidx");
        string[] model = ["-w", CliRunner.TinyWeights, "-d", "cpu"];
        CliResult built = await RunAsync(["index", chelsea, GoldenData.Image("gray.png"), "-o", file, "--output", "mean", .. model]);
        Assert.Equal(0, built.ExitCode);
        CliResult found = await RunAsync(["search", file, chelsea, .. model]);
        Assert.Equal($"{chelsea}\t1\t1.0000\t{chelsea}", found.OutputLines[1]);
        Assert.Contains("2 vectors of 48", found.Error);
        Assert.Contains("on cpu", found.Error);

        string other = _folder.Path("other.npz");
        await CliRunner.EmbedTinyAsync(chelsea, "-o", other);
        Assert.Contains("were made differently", (await RunAsync("search", file, other)).FatalLine());
        Assert.Contains("were made differently", (await RunAsync("index", file, other, "-o", _folder.Path("both.dinoidx"))).FatalLine());
        Assert.Equal(0, (await RunAsync("index", other, "-o", file)).ExitCode);
        string text = _folder.Write("text.dinoidx", "a letter");
        Assert.Contains("it would replace a file that is not a dinoidx file", (await RunAsync("index", other, "-o", text)).FatalLine());
        Assert.Contains("not an index of dino", (await RunAsync("search", text, other)).FatalLine());
        Assert.Contains("expected a file that ends in .npz or .dinoidx", (await RunAsync("index", other, "-o", "a.npy")).UsageLine());
    }

    private static Task<CliResult> RunAsync(params string[] arguments) => CliRunner.RunAsync(arguments);

    private static EmbeddingTable Load(string path) => EmbeddingTable.Load(path, TestContext.Current.CancellationToken);

    private static string Text(RowInfo row) => $"{row.Row} {row.Path} {row.Width} {string.Join('|', row.Columns)}";

    /// <summary>Vectors around three directions, which are the labels.</summary>
    private string Rows(string name, int count, int seed)
    {
        float[] noise = SearchTwin.Normal(count * Dimension, seed), directions = SearchTwin.Normal(3 * Dimension, 99);
        var schema = new RowSchema([Dimension], FloatType.Float32, false, [new("label", ColumnType.Text)]);
        string path = _folder.Path(name);
        using IEmbeddingWriter writer = FormatCatalog.Create(FormatCatalog.JsonLines, path, schema);
        for (int row = 0; row < count; row++)
        {
            float[] values = [.. Enumerable.Range(0, Dimension).Select(i =>
                directions[row % 3 * Dimension + i] + 0.7f * noise[row * Dimension + i])];
            writer.Write(
                new RowInfo { Row = row, Path = $"{name}/{row}.jpg", Width = row, Height = 7, Columns = [$"class {row % 3}"] }, values);
        }

        writer.Complete();
        return path;
    }
}
