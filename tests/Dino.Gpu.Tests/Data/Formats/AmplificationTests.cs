using System.IO.Compression;
using System.Runtime.InteropServices;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Tests.Support;
using ParquetSharp;

namespace Dino.Gpu.Tests.Data.Formats;

/// <summary>
/// Small files that unpack to much, or claim to, are refused before they take the memory: <see cref="MemoryBudget"/>.
/// </summary>
public sealed class AmplificationTests : IDisposable
{
    private const string Limit = "its contents take more than";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Many_keys_in_many_short_lines_are_refused()
    {
        string keys = string.Join(',', Enumerable.Range(0, 5000).Select(key => $"\"k{key}\":1"));
        string file = _folder.Write(
            "a.jsonl", $"{{\"path\":\"a\",\"embedding\":[1],{keys}}}\n" + string.Concat(Enumerable.Repeat("{\"path\":\"a\"}\n", 4000)));
        Assert.Contains(Limit, Fails(file));
        Assert.Contains(
            "different keys in 4001 lines", Assert.Throws<DinoException>(() => InputList.Settle([file], TextReader.Null)).Message);
    }

    [Fact]
    public void Npz_of_very_many_members_is_refused()
    {
        string file = Npz(
            Enumerable.Range(0, ColumnScan.MaxColumns + 1).Select(i => ($"c{i}", "<i4", "(1,)", new byte[4])),
            CompressionLevel.NoCompression);
        Assert.Contains("10002 arrays", Fails(file));
        file = Npz(Enumerable.Range(0, 1200).Select(i => ($"c{i}", "<i4", "(100,)", new byte[400])), CompressionLevel.Fastest);
        Assert.Contains("of them compressed", Fails(file));
    }

    [Fact]
    public void Npz_that_inflates_to_many_values_is_refused() =>
        Assert.Contains(Limit, Fails(Npz([], CompressionLevel.Fastest, rows: 100_000, values: 256)));

    [Fact]
    public void Npz_that_inflates_to_long_texts_is_refused()
    {
        byte[] texts = new byte[600 * 400_000];
        MemoryMarshal.Cast<byte, int>(texts.AsSpan()).Fill('x');
        Assert.Contains(Limit, Fails(Npz([("label", "<U100000", "(600,)", texts)], CompressionLevel.Fastest, rows: 600)));
    }

    /// <summary>What a process takes without any file is a part of the 64 MiB.</summary>
    [Fact]
    public void Npz_of_texts_that_fill_less_than_the_free_memory_is_refused()
    {
        byte[] texts = new byte[600 * 100_000];
        MemoryMarshal.Cast<byte, int>(texts.AsSpan()).Fill('x');
        Assert.Contains(Limit, Fails(Npz([("label", "<U25000", "(600,)", texts)], CompressionLevel.Fastest, rows: 600)));
    }

    [Fact]
    public void A_long_text_that_a_table_repeats_is_one_string()
    {
        const int Rows = 40;
        string file = _folder.Path("a.parquet");
        string[] texts = [new string('x', 100_000), new string('y', 100_000), "short"];
        using (var writer = new ParquetFileWriter(file, [new Column<string>("path")]))
        {
            using RowGroupWriter group = writer.AppendRowGroup();
            using LogicalColumnWriter<string> column = group.NextColumn().LogicalWriter<string>();
            column.WriteBatch([.. Enumerable.Range(0, Rows).Select(row => texts[row % texts.Length])]);
        }

        using var table = new ParquetTable(File.OpenRead(file));
        using ParquetGroup rows = table.OpenGroup(0);
        ParquetCells cells = rows.Cells(table.Leaves[0], ColumnType.Text);
        object?[] read = [.. Enumerable.Range(0, Rows).Select(_ => cells.Next())];
        Assert.Equal(Enumerable.Range(0, Rows).Select(row => texts[row % texts.Length]), read);
        IEnumerable<object?> repeated = read.Where(text => text is string { Length: > 5 });
        Assert.All(repeated, text => Assert.True(ReferenceEquals(text, read[0]) || ReferenceEquals(text, read[1])));
    }

    [Theory]
    [InlineData(60_000_000, true)]
    [InlineData(10_000_000, false)]
    public void Npy_without_rows_of_any_length_is_read_or_refused_at_once(int length, bool isRefused)
    {
        string file = _folder.Write("a.npy", NpyHeader.Reserve("<f4", 0, [length]));
        if (isRefused)
            Assert.Contains(Limit, Fails(file));
        else
            Assert.Empty(FormatRows.Read(file).Rows);
    }

    /// <summary>Runs of missing values take no room in Parquet.</summary>
    [Fact]
    public void Parquet_of_missing_values_is_refused()
    {
        const int Rows = 200_000;
        string file = _folder.Path("a.parquet");
        using (var writer = new ParquetFileWriter(file, [.. Enumerable.Range(0, 100).Select(i => new Column<float?>("e" + i))]))
        {
            using RowGroupWriter group = writer.AppendRowGroup();
            for (int i = 0; i < 100; i++)
            {
                using ColumnWriter column = group.NextColumn();
                ((ColumnWriter<float>)column).WriteBatch(Rows, new short[Rows], [], []);
            }

            writer.Close();
        }

        Assert.InRange(new FileInfo(file).Length, 1, 100_000);
        Assert.Contains(Limit, Fails(file));
    }

    /// <summary>A page of zeros packs to nothing, and is unpacked as a whole.</summary>
    [Fact]
    public void Parquet_page_that_unpacks_to_much_is_refused()
    {
        string file = _folder.Path("a.parquet");
        using (var builder = new WriterPropertiesBuilder())
        {
            using WriterProperties properties = builder.Compression(Compression.Zstd).DisableDictionary().DataPagesize(1 << 30).Build();
            using var writer = new ParquetFileWriter(file, [new Column<float>("e0")], properties);
            using RowGroupWriter group = writer.AppendRowGroup();
            using ColumnWriter column = group.NextColumn();
            ((ColumnWriter<float>)column).WriteBatch(new float[20 << 20]);
            writer.Close();
        }

        Assert.InRange(new FileInfo(file).Length, 1, 100_000);
        Assert.Contains("a.parquet", Fails(file));
    }

    [Theory]
    [InlineData(CompressionLevel.NoCompression)]
    [InlineData(CompressionLevel.Fastest)]
    public void A_flipped_bit_in_npz_is_found_by_its_checksum(CompressionLevel level)
    {
        float[] values = [.. Enumerable.Range(0, 300).Select(i => i * 1.37f)];
        string file = Npz(
            [("id", "<i8", "(1,)", BitConverter.GetBytes(77L))],
            level,
            rows: 1,
            values: 300,
            MemoryMarshal.AsBytes<float>(values).ToArray());
        Assert.Equal(values, FormatRows.Read(file).Rows.Single().Values);
        byte[] bytes = File.ReadAllBytes(file);
        // in the embedding
        int place = level == CompressionLevel.NoCompression ? bytes.AsSpan().IndexOf(BitConverter.GetBytes(values[100])) : 400;
        bytes[place] ^= 4;
        string message = Fails(_folder.Write("flipped.npz", bytes));
        if (level == CompressionLevel.NoCompression)
            Assert.Contains("CRC-32", message);
        bytes[place] ^= 4;
        Assert.Equal(values, FormatRows.Read(_folder.Write("whole.npz", bytes)).Rows.Single().Values);
    }

    private string Fails(string file)
    {
        string message = Assert.Throws<DinoException>(() => FormatRows.Read(file)).Message;
        Assert.Contains(Path.GetFileName(file), message);
        return message;
    }

    /// <inheritdoc cref="NpzFile.Write"/>
    private string Npz(
        IEnumerable<(string Name, string Type, string Shape, byte[] Bytes)> others,
        CompressionLevel level,
        int rows = 1,
        int values = 1,
        byte[]? embedding = null) => NpzFile.Write(_folder.Path("a.npz"), others, level, rows, values, embedding);
}
