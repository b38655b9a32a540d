using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Tests.Support;
using Parquet;
using Parquet.Schema;

namespace Dino.Gpu.Tests.Data.Inputs;

public sealed class ParquetManifestTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Types_are_mapped_and_row_groups_follow_each_other()
    {
        DataField[] fields =
        [
            new DataField<int?>("n"), new DataField<string>("path"), new DataField<string>("label"),
                new DataField<double>("score"), new DataField<bool>("ok"),
            new DataField<long>("id"), new DataField<float>("f"), new DataField<DateTime>("at"),
                new DataField("raw", typeof(byte[])), new DataField<double?>("nan"),
        ];
        string file = await WriteAsync(fields, groups: 2, async (writer, group) =>
        {
            string tag = $"{group}";
            await writer.WriteAsync<int>(fields[0], new int?[] { group, null });
            await writer.WriteAsync(fields[1], new[] { $"a{tag}.jpg", $"b{tag}.jpg" });
            await writer.WriteAsync(fields[2], new[] { "cat", null! });
            await writer.WriteAsync<double>(fields[3], new[] { 0.5, -1 });
            await writer.WriteAsync<bool>(fields[4], new[] { true, false });
            await writer.WriteAsync<long>(fields[5], new[] { long.MaxValue, long.MinValue });
            await writer.WriteAsync<float>(fields[6], new[] { 0.25f, 2 });
            await writer.WriteAsync<DateTime>(fields[7], new[] { new DateTime(2024, 5, 6, 7, 8, 9, DateTimeKind.Utc), DateTime.UnixEpoch });
            await writer.WriteAsync(fields[8], new byte[][] { [.. "é"u8], null! });
            await writer.WriteAsync<double>(fields[9], new double?[] { double.NaN, null });
        });

        using var list = InputList.Settle([file], TextReader.Null);
        Assert.Equal(
            "n Integer, label Text, score Number, ok Boolean, id Integer, f Number, at Text, raw Text, nan Number",
            string.Join(", ", list.Columns.Select(column => $"{column.Name} {column.Type}")));
        InputItem[] items = [.. list.Items()];
        Assert.Equal(["a0.jpg", "b0.jpg", "a1.jpg", "b1.jpg"], items.Select(item => item.Path));
        Assert.Equal([1L, "cat", 0.5, true, long.MaxValue, 0.25, "é", double.NaN], items[2].Columns.Where((_, column) => column != 6));
        Assert.StartsWith("2024-05-06T07:08:09", (string)items[2].Columns[6]!);
        Assert.Equal([null, null, -1.0, false, long.MinValue, 2.0, null, null], items[3].Columns.Where((_, column) => column != 6));
    }

    /// <summary>
    /// What Arrow writes: many pages in a row group, of them some behind a dictionary and the rest without.
    /// </summary>
    [Fact]
    public void Pages_follow_each_other()
    {
        using var list = InputList.Settle([GoldenData.PathOf("manifests", "arrow_pages.parquet")], TextReader.Null);
        Assert.Equal(
            "id Integer, label Text, score Number, ok Boolean",
            string.Join(", ", list.Columns.Select(column => $"{column.Name} {column.Type}")));
        Assert.Equal(2000, list.Count);
        int i = 0;
        foreach (InputItem item in list.Items())
        {
            Assert.Equal($"photos/img_{i:0000}.jpg", item.Path);
            Assert.Equal(
                [i % 5 == 0 ? null : 9007199254740993 + i, i % 7 == 3 ? null : $"label {i % 10}", i * 0.5, i % 3 == 0 ? null : i % 2 == 0],
                item.Columns);
            i++;
        }
    }

    /// <summary>As DuckDB writes them: TIMESTAMP, TIME and DECIMAL(38,9).</summary>
    [Fact]
    public void Times_are_text_and_long_decimals_keep_their_digits()
    {
        using var list = InputList.Settle([GoldenData.PathOf("manifests", "duckdb_types.parquet")], TextReader.Null);
        Assert.Equal("ts Text, t Text, d Text", string.Join(", ", list.Columns.Select(column => $"{column.Name} {column.Type}")));
        Assert.Equal(
            ["2020-01-02T03:04:05.0000000", "12:34:56.789000", "12345678901234567890123456789.123456789"],
            Assert.Single(list.Items()).Columns);
    }

    [Fact]
    public async Task Dates_are_dates()
    {
        DataField[] fields = [new DataField<string>("path"), new DataField<DateOnly>("day")];
        string file = await WriteAsync(fields, groups: 1, async (writer, _) =>
        {
            await writer.WriteAsync(fields[0], new[] { "a.jpg" });
            await writer.WriteAsync<DateOnly>(fields[1], new[] { new DateOnly(2024, 5, 6) });
        });
        using var list = InputList.Settle([file], TextReader.Null);
        Assert.Equal(["2024-05-06"], Assert.Single(list.Items()).Columns);
    }

    [Fact]
    public async Task No_digit_is_lost()
    {
        DataField[] fields =
        [
            new DataField<string>("path"), new DataField<ulong>("small"), new DataField<ulong?>("large"),
                new DecimalDataField("whole", 38, 0), new DecimalDataField("huge", 28, 0),
            new DecimalDataField("price", 18, 2), new DecimalDataField("long", 28, 10),
        ];
        string file = await WriteAsync(fields, groups: 2, async (writer, group) =>
        {
            await writer.WriteAsync(fields[0], new[] { "a.jpg", "b.jpg" });
            await writer.WriteAsync<ulong>(fields[1], new ulong[] { 9007199254740993, long.MaxValue });
            await writer.WriteAsync<ulong>(fields[2], new ulong?[] { group == 0 ? 7 : ulong.MaxValue, null });
            await writer.WriteAsync<decimal>(fields[3], new decimal[] { 9007199254740993, long.MinValue });
            await writer.WriteAsync<decimal>(fields[4], new[] { 1m, 9223372036854775808m });
            await writer.WriteAsync<decimal>(fields[5], new[] { 12.5m, -9999999999.99m });
            await writer.WriteAsync<decimal>(fields[6], new[] { 0.5m, 1234567890.0123456789m });
        });
        using var list = InputList.Settle([file], TextReader.Null);
        Assert.Equal(
            "small Integer, large Text, whole Integer, huge Text, price Number, long Text",
            string.Join(", ", list.Columns.Select(column => $"{column.Name} {column.Type}")));
        InputItem[] items = [.. list.Items()];
        Assert.Equal([9007199254740993L, "7", 9007199254740993L, "1", 12.5, "0.5"], items[0].Columns);
        Assert.Equal(
            [long.MaxValue, null, long.MinValue, "9223372036854775808", -9999999999.99, "1234567890.0123456789"], items[1].Columns);
        Assert.Equal("18446744073709551615", items[2].Columns[1]);
    }

    [Fact]
    public async Task Embeddings_of_a_dino_file_are_not_read()
    {
        var path = new DataField<string>("path");
        var element = new DataField<float>("element");
        var embedding = new ListField("embedding", element);
        var label = new DataField<string>("label");
        string file = await WriteAsync([path, embedding, label], groups: 1, async (writer, _) =>
        {
            await writer.WriteAsync(path, new[] { "a.jpg" });
            await WriteListAsync(writer, element, 1, 2);
            await writer.WriteAsync(label, new[] { "cat" });
        });
        using var list = InputList.Settle([file], TextReader.Null);
        Assert.Equal([new CarriedColumn("label", ColumnType.Text)], list.Columns);
        Assert.Equal(["cat"], list.Items().Single().Columns);
    }

    [Fact]
    public async Task What_cannot_be_carried_is_one_line()
    {
        var path = new DataField<string>("path");
        var element = new DataField<float>("element");
        string lists = await WriteAsync([path, new ListField("tags", element)], groups: 1, async (writer, _) =>
        {
            await writer.WriteAsync(path, new[] { "a.jpg" });
            await WriteListAsync(writer, element, 1);
        });
        Assert.Contains("column 'tags' is a list", Fails(lists));

        var raw = new DataField("raw", typeof(byte[]));
        string bytes = await WriteAsync([path, raw], groups: 1, async (writer, _) =>
        {
            await writer.WriteAsync(path, new[] { "a.jpg" });
            await writer.WriteAsync(raw, new byte[][] { [0xFF, 0xD8] });
        });
        Assert.Contains("column 'raw' holds bytes that are no text", Fails(bytes));

        var number = new DataField<int>("path");
        string numbers = await WriteAsync([number], groups: 1, async (writer, _) => await writer.WriteAsync<int>(number, new[] { 1 }));
        Assert.Contains("column 'path' holds no text", Fails(numbers));

        string nulls = await WriteAsync([path], groups: 1, async (writer, _) => await writer.WriteAsync(path, new[] { "a.jpg", null! }));
        Assert.Contains("row 1: no path in column 'path'", Fails(nulls));

        byte[] whole = File.ReadAllBytes(nulls);
        Assert.Contains("damaged", Fails(_folder.Write("half.parquet", whole[..(whole.Length / 2)])));
    }

    private static string Fails(string file) => Assert.Throws<DinoException>(() => InputList.Settle([file], TextReader.Null)).Message;

    /// <summary>One row: every value is there, and all but the first go on with its list.</summary>
    private static Task WriteListAsync(ParquetRowGroupWriter writer, DataField element, params float[] values) =>
        writer.WriteAllPartsAsync<float>(
            element,
            values,
            Enumerable.Repeat(element.MaxDefinitionLevel, values.Length).ToArray(),
            values.Select((_, i) => i == 0 ? 0 : 1).ToArray(),
            CancellationToken.None);

    private async Task<string> WriteAsync(Field[] fields, int groups, Func<ParquetRowGroupWriter, int, ValueTask> write)
    {
        string file = _folder.Path($"{Guid.NewGuid():N}.parquet");
        await using FileStream stream = File.Create(file);
        await using ParquetWriter writer = await ParquetWriter.CreateAsync(new ParquetSchema(fields), stream);
        for (int group = 0; group < groups; group++)
        {
            using ParquetRowGroupWriter rows = writer.CreateRowGroup();
            await write(rows, group);
            rows.CompleteValidate();
        }

        return file;
    }
}
