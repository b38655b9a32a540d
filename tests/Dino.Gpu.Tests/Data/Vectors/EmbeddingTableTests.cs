using Dino.Gpu.Cli.Commands;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;
using ParquetSharp;

namespace Dino.Gpu.Tests.Data.Vectors;

/// <summary>Vectors for the commands that compare them, from files, from runs and from images.</summary>
public sealed class EmbeddingTableTests : IDisposable
{
    private static readonly string[] Images = [
        GoldenData.Image("chelsea.png"), GoldenData.Image("gray.png"), GoldenData.Image("tiny_5x7.png")
    ];

    private readonly TemporaryFolder _folder = new();
    private readonly StringWriter _error = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("e.npy")]
    [InlineData("e.npz")]
    [InlineData("e.jsonl")]
    [InlineData("e.csv")]
    [InlineData("e.parquet")]
    [InlineData("e.safetensors")]
    [InlineData("run")]
    [InlineData("parts")]
    public async Task Every_output_of_embed_is_read_back_without_its_failed_images(string name)
    {
        string file = await EmbedAsync(name, [Images[0], MissingFiles.List("missing.png"), .. Images[1..]]);
        Assert.True(EmbeddingTable.IsEmbeddings(file));
        var table = EmbeddingTable.Load(file, TestContext.Current.CancellationToken);
        Assert.Equal((3, 48), (table.Count, table.Dimension));
        Assert.Equal(await ExpectedAsync(), table.Values.ToArray());
        Assert.Equal([0, 2, 3], table.Rows.Select(row => row.Row));
        Assert.Equal(1, Assert.Single(table.Failures).Row);
        if (name is not ("e.npy" or "e.safetensors"))
            Assert.Equal(Images, table.Rows.Select(row => row.Path));
        Assert.Equal(name is not ("e.npy" or "e.csv"), table.Model is not null);
    }

    [Fact]
    public async Task Images_are_embedded_as_embed_does_and_failures_are_named()
    {
        using EmbeddingSource source = Source();
        EmbeddingTable table = await source.LoadAsync([.. Images, MissingFiles.List("missing.png")], TestContext.Current.CancellationToken);
        Assert.Equal(await ExpectedAsync(), table.Values.ToArray());
        Assert.Equal(Images, table.Rows.Select(row => row.Path));
        Assert.Equal((451, 300), (table.Rows[0].Width, table.Rows[0].Height));
        Assert.Equal(1, source.Failed);
        Assert.Equal("missing.png", Assert.Single(table.Failures).Path);
        Assert.Contains(
            "missing.png",
            Assert.Single(_error.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries), line => line.Contains("missing")));

        // What made them is known, and agrees with the record of a run.
        var run = EmbeddingTable.Load(await EmbedAsync("run", Images), TestContext.Current.CancellationToken);
        Assert.Null(table.Model!.DifferenceFrom(run.Model!));
        using EmbeddingSource other = Source("64x40");
        EmbeddingTable larger = await other.LoadAsync(Images, TestContext.Current.CancellationToken);
        Assert.Equal("size 32x32 and 64x40", larger.Model!.DifferenceFrom(run.Model!));
    }

    [Fact]
    public async Task A_table_of_images_is_not_taken_for_embeddings()
    {
        string list = _folder.Write("labels.csv", $"path,label\n{Images[0]},cat\n{Images[1]},gray\n");
        Assert.False(EmbeddingTable.IsEmbeddings(list));
        Assert.False(EmbeddingTable.IsEmbeddings(Images[0]));
        Assert.False(EmbeddingTable.IsEmbeddings(_folder.Root));
        Assert.False(EmbeddingTable.IsEmbeddings(_folder.Write("paths.jsonl", $"{{\"path\":\"{Images[0]}\"}}\n")));
        using EmbeddingSource source = Source();
        EmbeddingTable table = await source.LoadAsync([list], TestContext.Current.CancellationToken);
        Assert.Equal(["cat", "gray"], table.Rows.Select(row => row.Columns[0]));
    }

    [Fact]
    public async Task Tables_are_joined_with_the_columns_of_both()
    {
        string cats = await EmbedAsync(
            "cats.parquet", [_folder.Write("cats.jsonl", $"{{\"path\":\"{Images[0]}\",\"label\":\"cat\",\"year\":1999}}\n")]);
        string others = await EmbedAsync(
            "others.npz",
            [_folder.Write("others.jsonl", $"{{\"path\":\"{Images[1]}\",\"year\":2000.5}}\n{{\"path\":\"missing.png\",\"year\":1}}\n")]);
        using EmbeddingSource source = Source();
        EmbeddingTable table = await source.LoadAsync([cats, others], TestContext.Current.CancellationToken);
        Assert.Equal(["label", "year"], table.Columns.Select(column => column.Name));
        Assert.Equal(new object?[] { "cat", 1999.0 }, table.Rows[0].Columns);
        Assert.Equal(new object?[] { null, 2000.5 }, table.Rows[1].Columns);
        Assert.Equal([1.0], table.Failures.Select(row => row.Columns[1]));
        Assert.Equal((await ExpectedAsync())[..96], table.Values.ToArray());
    }

    [Fact]
    public async Task What_cannot_be_compared_is_refused()
    {
        string vectors = await EmbedAsync("e.npy", Images);
        string tokens = await EmbedAsync("tokens.npy", [.. Images, "--output", "tokens"]);
        string wide = await EmbedAsync("wide.npy", [.. Images, "--output", "cls+mean"]);
        string nothing = await EmbedAsync("none.jsonl", [MissingFiles.List("missing.png")]);
        string run = await EmbedAsync("run", Images), larger = await EmbedAsync("larger", [.. Images, "--size", "64"]);
        using EmbeddingSource source = Source();
        await RefusedAsync("rows of (17, 48), expected one vector per image", tokens);
        await RefusedAsync("vectors of 48 values, ", vectors, wide);
        await RefusedAsync("no such file", _folder.Path("gone.npy"));
        await RefusedAsync("expected embeddings or images, found both", vectors, Images[0]);
        await RefusedAsync("were made differently (size 32x32 and 64x64)", run, larger);
        Assert.Contains(
            "only 1 failed image", Assert.Throws<DinoException>(() => EmbeddingTable.Load(nothing, CancellationToken.None)).Message);
        string infinite = _folder.Write(
            "infinite.jsonl", "{\"path\":\"a.png\",\"embedding\":[1,2]}\n{\"path\":\"b.png\",\"embedding\":[1,1e39]}\n");
        await RefusedAsync("row 1 (b.png): a value is infinite, or larger than float32 holds", infinite);

        async Task RefusedAsync(string message, params string[] inputs) =>
            Assert.Contains(
                message, (await Assert.ThrowsAsync<DinoException>(() => source.LoadAsync(inputs, CancellationToken.None))).Message);
    }

    /// <summary>Whatever the reader narrows: float32 ends long before float64 does.</summary>
    [Theory]
    [InlineData("e.csv", "path,e0,e1\na.png,1e300,1\n")]
    [InlineData("e.csv", "path,embedding\na.png,\"[1,-1e300]\"\n")]
    [InlineData("e.jsonl", "{\"path\":\"a.png\",\"embedding\":[1e300,1]}\n")]
    [InlineData("e.npy", null)]
    public void Values_that_float32_does_not_hold_are_told(string name, string? text)
    {
        byte[] header = NpyHeader.Reserve("<f8", 1, [2]);
        string file = text is null
            ? _folder.Write(name, [.. header, .. BitConverter.GetBytes(1e300), .. BitConverter.GetBytes(1.0)])
            : _folder.Write(name, text);
        Assert.EndsWith(
            "a value is infinite, or larger than float32 holds (expected finite numbers up to 3.4e38)",
            Assert.Throws<DinoException>(() => EmbeddingTable.Load(file, CancellationToken.None)).Message);
    }

    /// <summary>It has embeddings, so it is no list of images either, which would be embedded now.</summary>
    [Theory]
    [InlineData("path,e0,e2\na.png,1,2\n", "end at e0, and there is a column e2")]
    [InlineData("e4,e2,e0,e1\n1,2,3,4\n", "end at e2, and there is a column e4")]
    [InlineData("path,e1,e2\na.png,1,2\n", "begin at e1, and there is no column e0")]
    public void A_gap_in_the_columns_of_values_is_told(string text, string expected)
    {
        string file = _folder.Write("gap.csv", text);
        Assert.True(EmbeddingTable.IsEmbeddings(file));
        Assert.EndsWith(
            $"cannot read {file}: the columns of values {expected}",
            Assert.Throws<DinoException>(() => EmbeddingTable.Load(file, CancellationToken.None)).Message);
    }

    /// <summary>As a list of images may have them; such a table is none.</summary>
    [Theory]
    [InlineData("e.csv", "path;e0;e1\na.png;1.5;-2\n")]
    [InlineData("e.csv", "path;e0;e1\na.png;1,5;-2,0\n")]
    [InlineData("e.csv", "path\te0\te1\na.png\t1.5\t-2\n")]
    [InlineData("e.csv", "\uFEFFpath;embedding\na.png;[1.5, -2]\n")]
    [InlineData("e.csv", "path, e0, e1\na.png, 1.5, -2\n")]
    [InlineData("e.tsv", "path\te0\te1\na.png\t1.5\t-2\n")]
    [InlineData("E.TSV", "path\tembedding\na.png\t[1.5, -2]\n")]
    [InlineData("e.csv", "path, label, e0, e1\na.png, \"x, y\", 1.5, -2\n")]
    public void Semicolons_and_tabs_separate_values_and_spaces_may_follow(string name, string text)
    {
        string file = _folder.Write(name, text);
        Assert.True(EmbeddingTable.IsEmbeddings(file));
        var table = EmbeddingTable.Load(file, CancellationToken.None);
        Assert.Equal([1.5f, -2f], table.Values.ToArray());
        RowInfo row = Assert.Single(table.Rows);
        Assert.Equal("a.png", row.Path);
        Assert.All(row.Columns, cell => Assert.Equal("x, y", cell));
    }

    /// <summary>It would be CSV with commas under the name of one with tabs.</summary>
    [Fact]
    public void Tables_with_tabs_are_read_and_not_written()
    {
        Assert.Null(FormatCatalog.FromOutput("e.tsv"));
        Assert.Equal(FormatCatalog.Csv, FormatCatalog.FromInput("e.tsv"));
        Assert.False(EmbeddingTable.IsEmbeddings(_folder.Write("list.tsv", $"path\tlabel\n{Images[0]}\tcat\n")));
    }

    [Fact]
    public void A_gap_in_the_columns_of_a_parquet_file_is_told()
    {
        string file = _folder.Path("gap.parquet");
        using (var writer = new ParquetFileWriter(file, [new Column<float>("e0"), new Column<float>("e2")]))
        {
            using RowGroupWriter rows = writer.AppendRowGroup();
            for (int column = 0; column < 2; column++)
            {
                using LogicalColumnWriter<float> values = rows.NextColumn().LogicalWriter<float>();
                values.WriteBatch([1f]);
            }

            writer.Close();
        }

        Assert.EndsWith(
            "end at e0, and there is a column e2",
            Assert.Throws<DinoException>(() => EmbeddingTable.Load(file, CancellationToken.None)).Message);
    }

    private EmbeddingSource Source(string size = "32x32")
    {
        Assert.True(ImageSize.TryParse(size, out ImageSize sides));
        return new EmbeddingSource(
            new EmbeddingSourceSettings
            {
                Weights = CliRunner.TinyWeights,
                Embedder = new EmbedderOptions
                {
                    Model = new DinoOptions { Device = "cpu", InputWidth = sides.Width, InputHeight = sides.Height },
                    Workers = 2,
                },
            },
            new CliConsole { Input = TextReader.Null, Output = Stream.Null, Error = TextWriter.Synchronized(_error) });
    }

    private async Task<string> EmbedAsync(string name, string[] inputs)
    {
        string path = _folder.Path(name);
        string[] shards = Path.HasExtension(name) ? [] : ["--shard-size", "2"];
        foreach (string part in name == "parts" ? new[] { "0/2", "1/2" } : ["none"])
            await CliRunner.EmbedTinyAsync([.. inputs, "-o", path, "--shard", part, .. shards]);
        Assert.True(File.Exists(path) || Directory.Exists(path));
        return path;
    }

    /// <summary>(3, 48)</summary>
    private async Task<float[]> ExpectedAsync() => Npy.Read(await EmbedAsync("expected.npy", Images)).Floats;
}
