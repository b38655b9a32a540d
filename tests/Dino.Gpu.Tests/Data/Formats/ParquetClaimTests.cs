using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Formats;

/// <summary>
/// Small Parquet files that claim much are refused before the library believes them. Golden/parquet/make.py wrote them.
/// </summary>
public sealed class ParquetClaimTests
{
    [Theory]
    [InlineData("page-packed", "a page claims 2147483647 bytes, which are not all there")]
    [InlineData("page-unpacked", "its pages unpack to more than 1024 MiB")]
    [InlineData("page-negative", "a page has no sizes")]
    [InlineData("page-long", "a description has a number of more than 32 bits")]
    [InlineData("page-twice", "a description has fields out of order")]
    [InlineData("page-missing", "the column 'e0' has fewer pages than it claims")]
    [InlineData("rows", "a row group claims 1099511627776 rows")]
    [InlineData("schema-claim", "a description claims a list of 999999 elements")]
    [InlineData("schema-deep", "its schema has more than 64 levels")]
    [InlineData("groups-claim", "a description claims a list of 999999 elements")]
    [InlineData("chunks-claim", "a description claims a list of 999999 elements")]
    [InlineData("chunks-kind", "a description has a list of something else")]
    [InlineData("texts-claim", "a description claims a list of 999999 elements")]
    [InlineData("list-missing", "its contents take more than 64 MiB of memory")]
    public void Tables_that_claim_much_are_refused(string name, string expected)
    {
        string message = Assert.Throws<DinoException>(() => FormatRows.Read(PathOf(name))).Message;
        Assert.Contains(name, message);
        Assert.Contains(expected, message);
    }

    [Theory]
    [InlineData("dictionary-values", "its contents take more than 64 MiB of memory")]
    [InlineData("groups-of-one-chunk", "many columns lie in the same bytes")]
    [InlineData("groups-of-many-rows", "a row group claims 1000000 rows")]
    [InlineData("delta-lengths", "a page of 3 values claims 1024000000 lengths")]
    [InlineData("delta-lengths-and-values", "its contents take more than 64 MiB of memory")]
    [InlineData("delta-prefixes-of-megabytes", "its contents take more than 64 MiB of memory")]
    [InlineData("decimal-scale", "a column has decimals of more than 1000 digits")]
    [InlineData("decimal-long", "a column has decimals of more than 1000 digits")]
    public void Lists_that_claim_much_are_refused(string name, string expected)
    {
        string message = Assert.Throws<DinoException>(() => Paths(name)).Message;
        Assert.Contains(name, message);
        Assert.Contains(expected, message);
    }

    [Theory]
    [InlineData("whole", 3, 1)]
    [InlineData("list-whole", 1, 3)]
    public void Whole_tables_are_read(string name, int rows, int values)
    {
        (RowSchema schema, List<FormatRow> read) = FormatRows.Read(PathOf(name));
        Assert.Equal([values], schema.Shape);
        Assert.Equal([1, 2, 3], read.SelectMany(row => row.Values));
        Assert.Equal(rows, read.Count);
    }

    [Theory]
    [InlineData("dictionary-whole", "a.png", "a.png", "a.png")]
    [InlineData("delta-whole", "a.png", "b.png", "c.png")]
    [InlineData("delta-packed", "a.png", "b.png", "c.png")]
    [InlineData("delta-prefixes", "a.png", "b.png", "bc.png")]
    [InlineData("decimal-whole", "a.png", "a.png", "a.png")]
    public void Whole_lists_are_read(string name, params string[] expected) => Assert.Equal(expected, Paths(name));

    private static string[] Paths(string name)
    {
        using InputList list = InputList.Settle([PathOf(name)], TextReader.Null);
        return [.. list.Items().Select(item => item.Path)];
    }

    private static string PathOf(string name) => GoldenData.PathOf("parquet", name + ".parquet");
}
