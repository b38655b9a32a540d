using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Tests.Data.Formats;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Rows;

/// <summary>
/// A column has the same type and the same cells wherever it is read: in an input list, or in a file of embeddings.
/// </summary>
public sealed class ColumnTypeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_last_line_may_widen_a_column()
    {
        string file = Lines(Enumerable.Range(1, 1500).Select(line => $"\"score\":{(line == 1201 ? "1.5" : "1")}"));
        (CarriedColumn[] columns, object?[][] cells) = ReadBoth(file);
        Assert.Equal([new CarriedColumn("score", ColumnType.Number)], columns);
        Assert.Equal(Enumerable.Range(1, 1500).Select(line => (object)(line == 1201 ? 1.5 : 1.0)), cells.Select(row => row[0]));
    }

    [Fact]
    public void Digits_are_kept_and_other_values_are_text()
    {
        string file = Lines(
            "\"id\":9007199254740993,\"mixed\":1,\"beyond\":1,\"point\":1.50,\"late\":null",
            "\"id\":-1,\"mixed\":\"x\",\"beyond\":18446744073709551615,\"point\":9007199254740993,\"late\":true,\"list\":[1, 2]");
        (CarriedColumn[] columns, object?[][] cells) = ReadBoth(file);
        Assert.Equal(
            "id Integer, mixed Text, beyond Text, point Text, late Boolean, list Text",
            string.Join(", ", columns.Select(column => $"{column.Name} {column.Type}")));
        Assert.Equal([9007199254740993L, "1", "1", "1.50", null, null], cells[0]);
        Assert.Equal([-1L, "x", "18446744073709551615", "9007199254740993", true, "[1, 2]"], cells[1]);
    }

    [Fact]
    public void A_name_that_only_looks_like_a_value_is_carried()
    {
        (CarriedColumn[] json, _) = ReadBoth(Lines("\"e01\":7"));
        Assert.Equal([new CarriedColumn("e01", ColumnType.Integer)], json);
        (CarriedColumn[] csv, object?[][] cells) = ReadBoth(_folder.Write("in.csv", "path,e0,e01\na.jpg,0.5,x\n"));
        Assert.Equal([new CarriedColumn("e01", ColumnType.Text)], csv);
        Assert.Equal(["x"], cells[0]);
    }

    [Fact]
    public void Half_a_surrogate_pair_is_replaced_in_both()
    {
        (CarriedColumn[] columns, object?[][] cells) = ReadBoth(Lines("\"a\\ud800\":\"\\udc00\""));
        Assert.Equal(["a\uFFFD"], columns.Select(column => column.Name));
        Assert.Equal(["\uFFFD"], cells[0]);
    }

    [Fact]
    public void New_keys_in_every_line_are_refused_in_both()
    {
        string file = Lines(Enumerable.Range(0, ColumnScan.MaxColumns + 10).Select(line => $"\"k{line}\":1"));
        Assert.Contains("different keys", Assert.Throws<DinoException>(() => InputList.Settle([file], TextReader.Null)).Message);
        Assert.Contains("different keys", Assert.Throws<DinoException>(() => FormatRows.Read(file)).Message);
    }

    /// <summary>JSON Lines that are a list and a file of embeddings.</summary>
    private string Lines(params IEnumerable<string> properties) =>
        _folder.Write("in.jsonl", string.Concat(properties.Select(line => $"{{\"path\":\"a.jpg\",\"embedding\":[1,2],{line}}}\n")));

    private static (CarriedColumn[] Columns, object?[][] Cells) ReadBoth(string file)
    {
        using var list = InputList.Settle([file], TextReader.Null);
        (RowSchema schema, List<FormatRow> rows) = FormatRows.Read(file);
        object?[][] cells = [.. list.Items().Select(item => item.Columns.ToArray())];
        Assert.Equal(list.Columns, schema.Columns);
        Assert.Equal(cells, rows.Select(row => row.Info.Columns.ToArray()));
        return ([.. list.Columns], cells);
    }
}
