using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Runs;
using Dino.Gpu.Devices;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Formats;

/// <summary>
/// What dino 0.1.0 wrote is read, and its runs are resumed. <c>Golden/README.md</c> has the commands that made the
/// files.
/// </summary>
public sealed class EarlierVersionTests : IDisposable
{
    /// <summary>Row of the list whose picture is missing.</summary>
    private const int FailedRow = 5;

    private const string Label = "größe, \"quoted\"";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("rows.npy")]
    [InlineData("rows.npz")]
    [InlineData("half.npz")]
    [InlineData("rows.jsonl")]
    [InlineData("rows.csv")]
    [InlineData("rows.parquet")]
    [InlineData("rows.safetensors")]
    public void Files_are_read(string name)
    {
        List<FormatRow> expected = FormatRows.Read(PathOf("rows.npy")).Rows;
        (RowSchema schema, List<FormatRow> rows) = FormatRows.Read(PathOf(name));
        Assert.Equal([48], schema.Shape);
        Assert.Equal(10, rows.Count);
        bool isHalf = name.StartsWith("half", StringComparison.Ordinal);
        for (int row = 0; row < rows.Count; row++)
        {
            Assert.Equal(row == FailedRow, rows[row].Info.Error is not null);
            Assert.Equal(row == FailedRow, float.IsNaN(rows[row].Values[0]));
            Assert.Equal(expected[row].Values.Select(value => isHalf ? (float)(Half)value : value), rows[row].Values);
        }

        if (Path.GetExtension(name) is ".npy" or ".safetensors")
            return;
        Assert.Equal("Golden/images/palette.png", rows[2].Info.Path);
        Assert.Equal(64, rows[2].Info.Sha256!.Length);
        Assert.Equal("label, id, score, seen", string.Join(", ", schema.Columns.Select(column => column.Name)));
        Assert.Equal(Label, rows[2].Info.Columns[0]);
        Assert.Equal(schema.Columns[1].Type == ColumnType.Text ? "9007199254740993" : 9007199254740993L, rows[0].Info.Columns[1]);
    }

    [Fact]
    public void Grids_of_tokens_are_read()
    {
        (RowSchema schema, List<FormatRow> rows) = FormatRows.Read(PathOf("tokens.parquet"));
        Assert.Equal([17, 48], schema.Shape);
        Assert.Equal(FormatRows.Read(PathOf("rows.npy")).Rows[0].Values, rows[0].Values[..48]); // the class token is the embedding
    }

    /// <summary>Another library writes Parquet now, with the same columns.</summary>
    [Fact]
    public void Parquet_keeps_its_schema_and_its_row_groups()
    {
        (RowSchema schema, List<FormatRow> rows) = FormatRows.Read(PathOf("rows.parquet"));
        string path = _folder.Path("now.parquet");
        FormatRows.Write(path, schema, Enumerable.Repeat(rows, 60).SelectMany(some => some));
        using var before = new ParquetTable(File.OpenRead(PathOf("rows.parquet")));
        using var now = new ParquetTable(File.OpenRead(path));
        Assert.Equal(
            before.Leaves.Select(leaf => (string.Join('.', leaf.Path), leaf with { Path = [] })),
            now.Leaves.Select(leaf => (string.Join('.', leaf.Path), leaf with { Path = [] })));
        Assert.Equal(before.Metadata, now.Metadata);
        Assert.Equal([512, 88], Enumerable.Range(0, now.GroupCount).Select(i => Rows(now, i)));

        static long Rows(ParquetTable table, int index)
        {
            using ParquetGroup group = table.OpenGroup(index);
            return group.Rows;
        }
    }

    [Fact]
    public void An_index_says_which_model_made_it()
    {
        using EmbeddingFile index = FormatCatalog.OpenReader(PathOf("index.npz"));
        Assert.StartsWith("sha256:53a79713", index.Schema.Provenance!.Weights);
        Assert.Equal([48], index.Schema.Shape);
    }

    [Theory]
    [InlineData("npy")]
    [InlineData("parquet")]
    [InlineData("jsonl")]
    public async Task A_finished_run_stays_as_it_is(string format)
    {
        string folder = Copy($"finished-{format}");
        Dictionary<string, byte[]> before = Directory.GetFiles(folder).ToDictionary(file => file, File.ReadAllBytes);
        await ResumeAsync(folder, format);
        Assert.Equal(before.Keys.Order(), Directory.GetFiles(folder).Order());
        foreach ((string file, byte[] bytes) in before)
            Assert.Equal(bytes, File.ReadAllBytes(file));
    }

    [Theory]
    [InlineData("npy")]
    [InlineData("parquet")]
    [InlineData("jsonl")]
    public async Task An_interrupted_run_is_resumed(string format)
    {
        string folder = Copy($"interrupted-{format}");
        byte[] first = File.ReadAllBytes(RunFolder.ShardIn(folder, 0, format));
        await ResumeAsync(folder, format);
        Assert.Equal(first, File.ReadAllBytes(RunFolder.ShardIn(folder, 0, format)));
        string[] shards = [.. Directory.GetFiles(PathOf($"finished-{format}"), "shard-*").Select(file => Path.GetFileName(file)).Order()];
        Assert.Equal(shards, Directory.GetFiles(folder, "shard-*").Select(file => Path.GetFileName(file)).Order());
        foreach (string shard in shards)
        {
            List<FormatRow> expected = FormatRows.Read(PathOf($"finished-{format}", shard)).Rows;
            List<FormatRow> found = FormatRows.Read(Path.Combine(folder, shard)).Rows;
            Assert.Equal(expected.Select(row => row.Info with { Columns = [] }), found.Select(row => row.Info with { Columns = [] }));
            Assert.Equal(expected.SelectMany(row => row.Info.Columns), found.SelectMany(row => row.Info.Columns));
            // Rows of processors with other vectors differ in the last digits.
            Assert.All(
                expected.Zip(found),
                pair => Assert.All(pair.First.Values.Zip(pair.Second.Values), both => Assert.Equal(both.First, both.Second, 1e-4f)));
        }
    }

    /// <summary>
    /// The record of that version does not say which vectors made the rows: that is told, and no reason to refuse.
    /// </summary>
    [Fact]
    public async Task A_run_of_unknown_vectors_is_resumed_with_a_note()
    {
        CliResult result = await ResumeAsync(Copy("interrupted-npy"), "npy", isQuiet: false);
        Assert.Contains("note: run.json does not say which vectors made the rows so far", result.Error);
        result = await ResumeAsync(Copy("finished-npy"), "npy", isQuiet: false);
        Assert.DoesNotContain("vectors", result.Error);
    }

    private static string PathOf(params string[] parts) => GoldenData.PathOf(["before", .. parts]);

    private static async Task<CliResult> ResumeAsync(string folder, string format, bool isQuiet = true)
    {
        CliResult result = await CliProcess.FinishAsync(CliProcess.Start(
        [
            "embed", "Golden/before/list.jsonl", "-w", "Golden/checkpoints/tiny_hf.bin", "--device", "cpu", "--sha256",
            isQuiet ? "-q" : "--verbose",
            "-o", folder, "--format", format, "--shard-size", "4", "-b", "2",
        ]));
        Assert.Equal(3, result.ExitCode); // one picture is missing
        return result;
    }

    private string Copy(string name)
    {
        string folder = Directory.CreateDirectory(_folder.Path(name)).FullName;
        foreach (string file in Directory.GetFiles(PathOf(name)))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        // As if this machine had begun it.
        string record = Path.Combine(folder, RunRecord.FileName);
        string text = File.ReadAllText(record);
        File.WriteAllText(record, text.Replace("Intel(R) Xeon(R) Processor", CpuDescription.Describe().Name, StringComparison.Ordinal));
        return folder;
    }
}
