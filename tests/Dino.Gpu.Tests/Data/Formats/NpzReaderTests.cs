using System.IO.Compression;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Formats;

/// <summary>What other programs put into an <c>.npz</c> beside the vectors.</summary>
public sealed class NpzReaderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>As those of JSON Lines and Parquet: to the last digit.</summary>
    [Theory]
    [InlineData(CompressionLevel.NoCompression)]
    [InlineData(CompressionLevel.Fastest)]
    public void Integers_that_64_bits_with_a_sign_do_not_hold_are_carried_as_text(CompressionLevel level)
    {
        string file = NpzFile.Write(
            _folder.Path("a.npz"),
            [
                ("small", "<u8", "(2,)", [.. BitConverter.GetBytes(7ul), .. BitConverter.GetBytes((ulong)long.MaxValue)]),
                ("large", "<u8", "(2,)", [.. BitConverter.GetBytes(7ul), .. BitConverter.GetBytes(ulong.MaxValue)]),
            ],
            level,
            rows: 2);
        using EmbeddingFile reader = FormatCatalog.OpenReader(file);
        Assert.Equal(
            [new CarriedColumn("small", ColumnType.Integer), new CarriedColumn("large", ColumnType.Text)], reader.Schema.Columns);
        float[] values = new float[1];
        Assert.Equal([7L, "7"], reader.Read(values)!.Columns);
        Assert.Equal([long.MaxValue, "18446744073709551615"], reader.Read(values)!.Columns);
        Assert.Null(reader.Read(values));
    }

    [Fact]
    public void Arrays_that_are_no_columns_may_be_of_any_type()
    {
        string file = NpzFile.Write(
            _folder.Path("a.npz"),
            [
                ("made", "<M8[s]", "()", new byte[8]), ("names", "|O", "(3,)", [1, 2, 3]), ("mean", ">f8", "(5,)", new byte[40]),
                ("fields", "[('a', '<f4'), ('b', '<i4')]", "(2,)", new byte[16]), ("id", "<i8", "(1,)", BitConverter.GetBytes(5L)),
            ]);
        using EmbeddingFile reader = FormatCatalog.OpenReader(file);
        Assert.Equal([new CarriedColumn("id", ColumnType.Integer)], reader.Schema.Columns);
        Assert.Equal([5L], reader.Read(new float[1])!.Columns);
    }

    [Theory]
    [InlineData("when", "<M8[s]", "array 'when': arrays of type <M8[s] are not read")]
    [InlineData("who", "|S4", "array 'who': arrays of type |S4 are not read")]
    [InlineData("what", "[('a', '<f4'), ('b', '<i4')]", "array 'what': arrays of type |V are not read")]
    [InlineData("path", "|O", "array 'path': arrays of type |O are not read")]
    public void A_column_of_a_type_that_is_not_read_is_named(string name, string type, string expected)
    {
        string file = NpzFile.Write(_folder.Path("a.npz"), [(name, type, "(1,)", new byte[8])]);
        Assert.Contains(expected, Assert.Throws<DinoException>(() => FormatCatalog.OpenReader(file)).Message);
    }
}
