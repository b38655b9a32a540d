using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Formats;

/// <summary>What an index file keeps of a row besides its vector.</summary>
public sealed class IndexFormatTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Everything that a table knows of a row.</summary>
    [Fact]
    public void Columns_and_digests_come_back()
    {
        RowSchema schema = RowsSchema();
        var row = new RowInfo
        {
            Row = 1L << 40,
            Path = "häns/日本語 🐈.png",
            Width = 640,
            Height = 480,
            Sha256 = new string('a', 64),
            Columns = ["x", long.MinValue, -0.5, true, null],
        };
        string path = _folder.Path("a.dinoidx");
        using (IEmbeddingWriter writer = FormatCatalog.Create(FormatCatalog.Index, path, schema))
        {
            writer.Write(row, [1, 2]);
            writer.Write(new RowInfo { Row = 5, Path = "", Columns = [null, null, null, null, ""] }, [3, 4]);
            writer.Write(new RowInfo { Row = 6, Path = "left out", Error = "truncated", Columns = [] }, [float.NaN, float.NaN]);
            writer.Complete();
        }

        var table = EmbeddingTable.Load(path, TestContext.Current.CancellationToken);
        Assert.Equal(schema.Columns, table.Columns);
        Assert.Equal(2, table.Count);
        Assert.Equal(row.Columns, table.Rows[0].Columns);
        Assert.Equal(row with { Columns = [] }, table.Rows[0] with { Columns = [] });
        Assert.Equal([null, null, null, null, ""], table.Rows[1].Columns);
        Assert.Equal((null, null, null), (table.Rows[1].Width, table.Rows[1].Height, table.Rows[1].Sha256));
    }

    private static RowSchema RowsSchema() => new(
        [2],
        FloatType.Float32,
        true,
        [
            new("label", ColumnType.Text), new("id", ColumnType.Integer), new("score", ColumnType.Number), new("seen", ColumnType.Boolean),
            new("note", ColumnType.Text),
        ]);
}
