using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Formats;

/// <summary>
/// Every format gives back what it stores, whatever the rows hold, and its bytes depend on the rows alone.
/// </summary>
public sealed class RoundTripTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> AllFormats => [.. FormatCatalog.All.Select(format => format.Name)];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(AllFormats))]
    public void Hostile_rows_come_back(string format)
    {
        RowSchema schema = FormatRows.Schema();
        List<FormatRow> rows = FormatRows.Make(schema, 60);
        string path = _folder.Path("rows." + format);
        FormatRows.Write(path, schema, rows);

        (RowSchema read, List<FormatRow> found) = FormatRows.Read(path);
        FormatRows.AssertSame(format, schema, rows, found);
        Assert.Equal([3], read.Shape);
        Assert.Equal(format is not ("npy" or "safetensors"), read.Sha256);
        if (format is "jsonl" or "parquet")
            Assert.Equal(schema.Columns, read.Columns);
        Assert.Equal([path], _folder.Files);
    }

    [Theory]
    [MemberData(nameof(AllFormats))]
    public void Float16_is_rounded_to_nearest_even(string format)
    {
        RowSchema schema = FormatRows.Schema(FloatType.Float16);
        string path = _folder.Path("half." + format);
        List<FormatRow> rows = FormatRows.Make(schema, 20);
        float[] ties = [1 + 1 / 2048f, 1 + 3 / 2048f, 1e-8f]; // to 1, to 1 + 2/1024, to 0
        rows.Add(new FormatRow(rows[0].Info with { Row = 20 }, ties));
        FormatRows.Write(path, schema, rows);

        (RowSchema read, List<FormatRow> found) = FormatRows.Read(path);
        FormatRows.AssertSame(format, schema, rows, found);
        Assert.Equal([1, 1 + 2 / 1024f, 0], found[20].Values);
        Assert.Equal(format is "csv" or "jsonl" ? FloatType.Float32 : FloatType.Float16, read.Type);
    }

    /// <summary>As long as the texts of a row may be, in letters of three bytes.</summary>
    [Theory]
    [InlineData("npz")]
    [InlineData("jsonl")]
    [InlineData("csv")]
    [InlineData("parquet")]
    public void The_longest_texts_come_back(string format)
    {
        RowSchema schema = RowSchema.Plain(1) with { Columns = [new CarriedColumn("t", ColumnType.Text)] };
        string path = _folder.Path("a." + format);
        string[] texts = [.. "日本語".Select(letter => new string(letter, 1 << 20))];
        FormatRows.Write(
            path, schema, [.. texts.Select((text, i) => new FormatRow(new RowInfo { Row = i, Path = "a", Columns = [text] }, [i]))]);
        Assert.Equal(texts, FormatRows.Read(path).Rows.Select(row => row.Info.Columns[0]));
    }

    /// <summary>A column for every value of all tokens; looking each up among all would take minutes.</summary>
    [Fact]
    public async Task A_table_of_300_000_columns_is_read()
    {
        RowSchema schema = RowSchema.Plain(300_000);
        string path = _folder.Path("a.csv");
        float[] values = [.. Enumerable.Range(0, schema.Length).Select(i => (float)i)];
        FormatRows.Write(path, schema, [new FormatRow(new RowInfo { Row = 0, Path = "a" }, values)]);
        Assert.Equal(values, (await Task.Run(() => FormatRows.Read(path)).WaitAsync(TimeSpan.FromSeconds(60))).Rows.Single().Values);
    }

    /// <summary>NumPy has no integers with gaps: they are float64 with NaN where that holds them, else text.</summary>
    [Theory]
    [InlineData(9007199254740992, true)]
    [InlineData(9007199254740993, false)]
    [InlineData(long.MinValue, false)]
    public void Integers_beside_missing_ones_lose_no_digit_in_npz(long id, bool isNumber)
    {
        RowSchema schema = RowSchema.Plain(1) with { Columns = [new CarriedColumn("id", ColumnType.Integer)] };
        string path = _folder.Path("a.npz");
        FormatRows.Write(
            path,
            schema,
            [
                new(new RowInfo { Row = 0, Path = "a", Columns = [id] }, [1]),
                new(new RowInfo { Row = 1, Path = "b", Columns = [null] }, [2])
            ]);
        (RowSchema read, List<FormatRow> found) = FormatRows.Read(path);
        Assert.Equal(isNumber ? ColumnType.Number : ColumnType.Text, Assert.Single(read.Columns).Type);
        Assert.Equal(
            isNumber ? (object)(double)id : id.ToString(System.Globalization.CultureInfo.InvariantCulture), found[0].Info.Columns[0]);
        Assert.True(found[1].Info.Columns[0] is null or "" or double.NaN);
    }

    [Theory]
    [InlineData("npy")]
    [InlineData("npz")]
    [InlineData("jsonl")]
    [InlineData("csv")]
    [InlineData("parquet")]
    [InlineData("safetensors")]
    public void Value_beyond_float16_is_refused_by_the_name_of_its_image(string format)
    {
        FormatRow[] rows = [
            new(new RowInfo { Row = 0, Path = "good.jpg" }, [65504]),
            new(new RowInfo { Row = 1, Path = "far\noff.jpg" }, [70000])
        ];
        DinoException failure = Assert.Throws<DinoException>(
            () => FormatRows.Write(_folder.Path("a." + format), new RowSchema([1], FloatType.Float16, false, []), rows));
        Assert.Contains("far", failure.Message);
        Assert.Contains("off.jpg: a value of 70000", failure.Message);
        Assert.DoesNotContain('\n', failure.Message);
        Assert.Equal("use --dtype f32", failure.Hint);
        Assert.Empty(_folder.Files);
    }

    [Theory]
    [MemberData(nameof(AllFormats))]
    public void Grids_keep_their_shape_where_the_format_has_one(string format)
    {
        RowSchema schema = FormatRows.Schema(FloatType.Float32, 2, 3, 4);
        List<FormatRow> rows = FormatRows.Make(schema, 7);
        string path = _folder.Path("grid." + format);
        FormatRows.Write(path, schema, rows);

        (RowSchema read, List<FormatRow> found) = FormatRows.Read(path);
        FormatRows.AssertSame(format, schema, rows, found);
        Assert.Equal(format == "csv" ? [24] : [2, 3, 4], read.Shape);
    }

    [Theory]
    [MemberData(nameof(AllFormats))]
    public void No_rows_are_a_file_too(string format)
    {
        string path = _folder.Path("none." + format);
        FormatRows.Write(path, FormatRows.Schema(), []);
        (RowSchema read, List<FormatRow> found) = FormatRows.Read(path);
        Assert.Empty(found);
        Assert.Equal(format == "jsonl" ? [0] : [3], read.Shape);
    }

    [Theory]
    [MemberData(nameof(AllFormats))]
    public void Failed_images_alone_are_a_file_too(string format)
    {
        RowSchema schema = RowSchema.Plain(2);
        string path = _folder.Path("failed." + format);
        FormatRows.Write(path, schema, [new(new RowInfo { Row = 0, Path = "a", Error = "broken" }, [float.NaN, float.NaN])]);
        FormatRow row = Assert.Single(FormatRows.Read(path).Rows);
        Assert.NotNull(row.Info.Error);
        Assert.All(row.Values, value => Assert.True(float.IsNaN(value)));
    }

    /// <summary>5000 rows of one value, or 1000 of 1000, are more than one Parquet row group.</summary>
    [Theory]
    [InlineData("parquet", 5000, 1)]
    [InlineData("parquet", 1000, 1000)]
    [InlineData("npz", 20_000, 2)]
    [InlineData("jsonl", 3000, 2)]
    [InlineData("csv", 20_000, 2)]
    [InlineData("safetensors", 20_000, 2)]
    [InlineData("npy", 20_000, 2)]
    public void Many_rows_come_back(string format, int count, int length)
    {
        RowSchema schema = FormatRows.Schema(FloatType.Float32, length) with { Columns = [FormatRows.Columns[0]] };
        string[] names = [.. FormatRows.HostileTexts[..^1]];
        List<FormatRow> rows = [.. Enumerable.Range(0, count).Select(i => new FormatRow(
            new RowInfo { Row = i, Path = $"{i}/{names[i % names.Length]}", Width = i, Height = 1,
                Sha256 = i % 2 == 0 ? "ab" : null, Columns = [i % 7 == 6 ? null : "x" + i], Error = i % 1000 == 999 ? "bad" : null },
            [.. Enumerable.Repeat(i % 1000 == 999 ? float.NaN : i / 3f, length)]))];
        string path = _folder.Path("many." + format);
        FormatRows.Write(path, schema, rows);
        FormatRows.AssertSame(format, schema, rows, FormatRows.Read(path).Rows);
    }

    [Theory]
    [MemberData(nameof(AllFormats))]
    public void Same_rows_give_the_same_bytes_whenever_they_are_flushed(string format)
    {
        RowSchema schema = FormatRows.Schema();
        List<FormatRow> rows = FormatRows.Make(schema, 100);
        byte[] first = FormatRows.Write(_folder.Path("a." + format), schema, rows);
        byte[] second = FormatRows.Write(_folder.Path("b." + format), schema, rows, flushEvery: 1);
        Assert.Equal(first, second);
    }

    [Theory]
    [MemberData(nameof(AllFormats))]
    public void Nothing_is_left_of_an_abandoned_file(string format)
    {
        string path = _folder.Write("a." + format, "before");
        RowSchema schema = FormatRows.Schema();
        using (IEmbeddingWriter writer = FormatCatalog.Create(FormatCatalog.FromName(format)!, path, schema))
        {
            foreach (FormatRow row in FormatRows.Make(schema, 50))
                writer.Write(row.Info, row.Values);
            writer.Flush();
            Assert.Equal("before", File.ReadAllText(path));
        }

        Assert.Equal([path], _folder.Files);
        Assert.Equal("before", File.ReadAllText(path));
    }

    [Theory]
    [MemberData(nameof(AllFormats))]
    public void Unwritable_place_is_one_line(string format)
    {
        string message = Assert.Throws<DinoException>(
            () => FormatRows.Write(_folder.Path("missing", "a." + format), RowSchema.Plain(1), [])).Message;
        Assert.StartsWith("cannot write", message);
        Assert.DoesNotContain('\n', message);
        Assert.Empty(_folder.Files);
    }

    [Theory]
    [MemberData(nameof(AllFormats))]
    public void Half_a_surrogate_pair_does_not_break_the_file(string format)
    {
        string path = _folder.Path("a." + format);
        FormatRows.Write(path, RowSchema.Plain(1), [new(new RowInfo { Row = 0, Path = "a\ud83d.jpg" }, [1])]);
        FormatRow row = Assert.Single(FormatRows.Read(path).Rows);
        Assert.Contains(row.Info.Path, (string[])["a\uFFFD.jpg", ""]);
        Assert.Equal([1], row.Values);
    }

    [Theory]
    [InlineData("path")]
    [InlineData("embedding")]
    [InlineData("error")]
    [InlineData("e0")]
    [InlineData("e17")]
    [InlineData("")]
    [InlineData("a\nb")]
    [InlineData("twice", "twice")]
    public void Taken_column_names_are_refused(params string[] names)
    {
        foreach (EmbeddingFormat format in FormatCatalog.All)
        {
            var schema = new RowSchema([1], FloatType.Float32, false, [.. names.Select(name => new CarriedColumn(name, ColumnType.Text))]);
            DinoException failure = Assert.Throws<DinoException>(() => FormatCatalog.Create(format, _folder.Path("a"), schema));
            Assert.Contains("rename", failure.Hint);
            Assert.DoesNotContain('\n', failure.Message);
        }

        Assert.Empty(_folder.Files);
    }

    [Theory]
    [InlineData("Path")]
    [InlineData("e")]
    [InlineData("e01")]
    [InlineData("e1x")]
    public void Names_that_only_look_taken_are_not(string name) => RowSchema.Validate([new CarriedColumn(name, ColumnType.Text)]);
}
