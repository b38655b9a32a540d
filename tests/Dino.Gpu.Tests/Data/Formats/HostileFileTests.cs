using System.Buffers.Binary;
using System.Text;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Formats;

/// <summary>Files of embeddings that are broken, hostile or somebody else's.</summary>
[Collection(PortableCollection.Name)] // not beside PoCL: see there
public sealed class HostileFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> AllFormats => [.. FormatCatalog.All.Select(format => format.Name)];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(AllFormats))]
    public void Any_prefix_is_read_or_refused_in_one_line(string format)
    {
        RowSchema schema = FormatRows.Schema();
        byte[] whole = FormatRows.Write(_folder.Path("whole." + format), schema, FormatRows.Make(schema, 12));
        int step = Math.Max(1, whole.Length / 97);
        for (int length = 0; length < whole.Length; length += step)
            ReadOrRefuse(_folder.Write("part." + format, whole[..length]), mustFail: format is not ("jsonl" or "csv"));
    }

    [Theory]
    [MemberData(nameof(AllFormats))]
    public void Flipped_bytes_are_read_or_refused_in_one_line(string format)
    {
        RowSchema schema = FormatRows.Schema();
        byte[] whole = FormatRows.Write(_folder.Path("whole." + format), schema, FormatRows.Make(schema, 6));
        var random = new Random(3);
        for (int i = 0; i < 300; i++)
        {
            byte[] bytes = [.. whole];
            // headers are at the start, directories and footers at the end
            int at = i % 3 == 0
                ? random.Next(bytes.Length)
                : i % 3 == 1
                ? random.Next(Math.Min(200, bytes.Length))
                : bytes.Length - 1 - random.Next(Math.Min(600, bytes.Length));
            bytes[at] = (byte)random.Next(256);
            ReadOrRefuse(_folder.Write("flipped." + format, bytes), mustFail: false);
        }
    }

    /// <summary>
    /// A list that claims a billion elements must not be walked, nor its memory taken; every byte of the footer gets
    /// its turn.
    /// </summary>
    [Fact]
    public void Parquet_footer_with_any_byte_changed_is_read_or_refused()
    {
        RowSchema schema = FormatRows.Schema();
        byte[] whole = FormatRows.Write(_folder.Path("whole.parquet"), schema, FormatRows.Make(schema, 6));
        int footer = BinaryPrimitives.ReadInt32LittleEndian(whole.AsSpan(whole.Length - 8));
        for (int at = whole.Length - 8 - footer; at < whole.Length; at++)
        {
            byte[] bytes = [.. whole];
            bytes[at] ^= (byte)(at % 2 == 0 ? 0x7F : 0xF0);
            string path = _folder.Write("footer.parquet", bytes);
            ReadOrRefuse(path, mustFail: false);
            if (at % 3 == 0)
                ReadOrRefuse(path, mustFail: false, file => InputList.Settle([file], TextReader.Null).Dispose());
        }
    }

    /// <summary>
    /// What pyarrow writes of a million missing values is a few bytes: claims are held against the file's length with
    /// care.
    /// </summary>
    [Fact]
    public void Parquet_of_failed_images_alone_is_read()
    {
        RowSchema schema = RowSchema.Plain(2);
        string path = _folder.Path("failed.parquet");
        FormatRows.Write(
            path,
            schema,
            Enumerable.Range(0, 70_000).Select(
                i => new FormatRow(new RowInfo { Row = i, Path = "a", Error = "b" }, [float.NaN, float.NaN])));
        Assert.Equal(70_000, FormatRows.Read(path).Rows.Count);
    }

    [Theory]
    [MemberData(nameof(AllFormats))]
    public void Text_pictures_and_nothing_are_refused(string format)
    {
        ReadOrRefuse(_folder.Write("png." + format, File.ReadAllBytes(GoldenData.Image("gray.png"))), mustFail: true);
        ReadOrRefuse(_folder.Write("text." + format, "hello\nworld\n"), mustFail: true);
        ReadOrRefuse(_folder.Path("missing." + format), mustFail: true);
        ReadOrRefuse(_folder.Root, mustFail: true);
    }

    [Theory]
    [InlineData("a.jsonl", "{\"path\":\"a\",\"embedding\":[1,2]}\n{\"path\":\"b\",\"embedding\":[1]}\n", "line 2")]
    [InlineData("a.jsonl", "{\"path\":\"a\",\"embedding\":[1,\"x\"]}\n", "line 1")]
    [InlineData("a.jsonl", "{\"path\":\"a\",\"embedding\":7}\n", "line 1")]
    [InlineData("a.jsonl", "[1]\n", "line 1")]
    [InlineData("a.csv", "path,width\na,1\n", "no columns e0")]
    [InlineData("a.csv", "path,e0,e1\na,1,2\na,1\n", "line 3: expected 3 fields")]
    [InlineData("a.csv", "path,e0\na,1\n\n\"a\nb\",x\n", "line 4: the value e0")]
    [InlineData("a.csv", "path,path,e0\na,b,1\n", "twice")]
    public void Inconsistent_tables_say_where(string name, string text, string expected)
    {
        string path = _folder.Write(name, text);
        Assert.Contains(expected, Assert.Throws<DinoException>(() => FormatRows.Read(path)).Message);
    }

    [Theory]
    [InlineData("<f4", "(2, 3)", 24, null)]
    [InlineData("<f4", "(2, 3)", 23, "truncated")]
    [InlineData("<f4", "(9223372036854775807, 9223372036854775807)", 24, "")]
    [InlineData("<f4", "(1, 99999999999)", 24, "")]
    [InlineData("<f4", "(6,)", 24, "expected (rows, values)")]
    [InlineData("<i4", "(2, 3)", 24, "<i4")]
    [InlineData("<f4", "(0, 384)", 0, null)]
    [InlineData("<f4", "(0, 999999999)", 0, "expected (rows, values)")]
    [InlineData("|O", "(2, 3)", 24, "|O")]
    [InlineData(">f4", "(2, 3)", 24, ">f4")]
    public void Npy_files_of_others_are_read(string type, string shape, int bytes, string? problem)
    {
        string path = _folder.Write("a.npy", Npy($"{{'descr': '{type}', 'fortran_order': False, 'shape': {shape}, }}", bytes));
        if (problem is null)
            Assert.Equal(bytes / 12, FormatRows.Read(path).Rows.Count);
        else
            Assert.Contains(problem, Assert.Throws<DinoException>(() => FormatRows.Read(path)).Message);
    }

    [Fact]
    public void Fortran_order_is_refused()
    {
        string path = _folder.Write("a.npy", Npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", 24));
        Assert.Contains("ascontiguousarray", Assert.Throws<DinoException>(() => FormatRows.Read(path)).Message);
    }

    [Fact]
    public void Json_lines_of_others_are_read()
    {
        string path = _folder.Write(
            "a.ndjson",
            "\uFEFF{\"embedding\":[[1,2],[3,null]],\"path\":\"a\",\"n\":1,\"tags\":[\"x\"],\"row\":9}\r\n\n"
                + "{\"n\":1.5,\"path\":\"b\",\"embedding\":null}");
        (RowSchema schema, List<FormatRow> rows) = FormatRows.Read(path);
        Assert.Equal([4], schema.Shape);
        Assert.Equal([new CarriedColumn("n", ColumnType.Number), new CarriedColumn("tags", ColumnType.Text)], schema.Columns);
        Assert.Equal([1, 2, 3, float.NaN], rows[0].Values);
        Assert.Equal([1.0, "[\"x\"]"], rows[0].Info.Columns);
        Assert.Equal([1.5, null], rows[1].Info.Columns);
        Assert.Equal("no embedding", rows[1].Info.Error);
    }

    [Fact]
    public void Csv_files_of_others_are_read()
    {
        (RowSchema schema, List<FormatRow> rows) = FormatRows.Read(
            _folder.Write("a.csv", "path,embedding,label\r\na,\"[0.5, 1e3]\",x\r\nb,\"[1. 2.]\",y\r\n"));
        Assert.Equal([2], schema.Shape);
        Assert.Equal([0.5f, 1000], rows[0].Values);
        Assert.Equal([1, 2], rows[1].Values);
        Assert.Equal("y", Assert.Single(rows[1].Info.Columns));
    }

    [Fact]
    public void Unknown_extension_lists_those_that_are_known()
    {
        Assert.Contains(".parquet", Assert.Throws<DinoException>(() => FormatCatalog.OpenReader("a.xlsx")).Message);
    }

    private static byte[] Npy(string dictionary, int bytes)
    {
        byte[] header = Encoding.ASCII.GetBytes(dictionary + "\n");
        byte[] length = new byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(length, (ushort)header.Length);
        return [0x93, .. "NUMPY"u8, 1, 0, .. length, .. header, .. new byte[bytes]];
    }

    /// <summary>
    /// On a thread of its own, so that a reader that never ends fails the test instead of holding it, and what it
    /// allocates can be counted.
    /// </summary>
    private static void ReadOrRefuse(string path, bool mustFail, Action<string>? read = null)
    {
        Exception? failure = null;
        long allocated = 0;
        var reader = new Thread(() =>
        {
            failure = Record.Exception(() => (read ?? (file => FormatRows.Read(file)))(path));
            allocated = GC.GetAllocatedBytesForCurrentThread();
        })
        { IsBackground = true };
        reader.Start();
        Assert.True(reader.Join(TimeSpan.FromSeconds(60)), $"{path} is still being read"); // a loaded machine is slow, a hang is endless
        Assert.InRange(allocated, 0, 64 << 20);
        if (failure is null)
        {
            Assert.False(mustFail, $"{Path.GetFileName(path)} was read");
            return;
        }

        string message = Assert.IsType<DinoException>(failure).Message;
        Assert.Contains(Path.GetFileName(path), message);
        Assert.DoesNotContain('\n', message);
        Assert.DoesNotContain("Object reference", message);
        Assert.DoesNotContain("Index was out", message);
    }
}
