using System.IO.Compression;
using System.Text;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Inputs;

/// <summary>CSV and JSON Lines files with a column of paths.</summary>
public sealed class ManifestTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("l.json", "[\"a.jpg\",\n \"b\\u00fc.jpg\"]", "a.jpg", "bü.jpg")]
    [InlineData("l.json", "\uFEFF[ \"a.jpg\" , {\"path\":\"b.jpg\"} ]", "a.jpg", "b.jpg")]
    [InlineData("l.csv", "id, Path ,label\n1,a.jpg,x\n2,b.jpg,y\n", "a.jpg", "b.jpg")]
    public void Lists_as_people_write_them_are_read(string name, string text, params string[] expected)
    {
        using InputList list = InputList.Settle([_folder.Write(name, text)], TextReader.Null);
        Assert.Equal(expected, list.Items().Select(item => item.Path));
    }

    [Theory]
    [InlineData("a.jpg\nb.jpg\n", true)]
    [InlineData("a.jpg,cat\n", true)]
    [InlineData("id,label\n", false)]
    public void A_table_without_the_names_of_its_columns_is_told_apart(string text, bool isRow)
    {
        string file = _folder.Write("l.csv", text);
        DinoException failure = Assert.Throws<DinoException>(() => InputList.Settle([file], TextReader.Null));
        Assert.Contains("no column with the paths", failure.Message);
        Assert.Equal(isRow, failure.Hint?.Contains("looks like a row", StringComparison.Ordinal) == true);
    }

    [Fact]
    public void Csv_carries_every_other_column_as_text()
    {
        string csv = _folder.Write(
            "in.csv",
            "\uFEFFid,path,\"la,bel\"\r\n1,a.jpg,cat\r\n\r\n2,\"b \"\"c\"\", d.jpg\",\"two\r\nlines\"\n3,5\" disk.jpg,\n4,d.jpg,\"\"");
        using var list = InputList.Settle([csv], TextReader.Null);
        Assert.Equal([new CarriedColumn("id", ColumnType.Text), new CarriedColumn("la,bel", ColumnType.Text)], list.Columns);
        Assert.Equal(["a.jpg", "b \"c\", d.jpg", "5\" disk.jpg", "d.jpg"], list.Items().Select(item => item.Path));
        Assert.Equal(["1", "cat", "2", "two\r\nlines", "3", null, "4", ""], list.Items().SelectMany(item => item.Columns));
    }

    [Fact]
    public void Csv_of_many_rows_is_read_to_its_end()
    {
        var text = new StringBuilder("path,n\n");
        for (int row = 0; row < 30_000; row++)
            text.Append($"\"photo, {row}.jpg\",{row}\r\n");
        using var list = InputList.Settle([_folder.Write("in.csv", text.ToString())], TextReader.Null);
        Assert.Equal(30_000, list.Count);
        Assert.Equal("photo, 29999.jpg", list.Items(29_999, 30_000).Single().Path);
        Assert.Equal(Enumerable.Range(0, 30_000).Select(row => (object)$"{row}"), list.Items().Select(item => item.Columns[0]));
    }

    [Fact]
    public void Json_types_are_those_of_the_whole_column()
    {
        string json = _folder.Write("in.jsonl", Unfold("""
            {"path":"a.jpg","integer":1,"number":1,"bool":true,"mixed":1,"text":"x",
                "big":9223372036854775807,"huge":1e999,"late":null}
            {"path":"b.jpg","integer":null,"number":-2.5e3,"bool":false,"mixed":"1","text":"é",
                "nested":{"a": [1, 2]},"big":9223372036854775808,"huge":1}

            {"nested":[],"path":"c.jpg","mixed":true,"late":7}
            """));
        using var list = InputList.Settle([json], TextReader.Null);
        Assert.Equal(
            "integer Integer, number Number, bool Boolean, mixed Text, text Text, big Text, huge Text, late Integer, nested Text",
            string.Join(", ", list.Columns.Select(column => $"{column.Name} {column.Type}")));
        InputItem[] items = [.. list.Items()];
        Assert.Equal([1L, 1.0, true, "1", "x", "9223372036854775807", "1e999", null, null], items[0].Columns);
        Assert.Equal([null, -2500.0, false, "1", "é", "9223372036854775808", "1", null, "{\"a\": [1, 2]}"], items[1].Columns);
        Assert.Equal([null, null, null, "true", null, null, null, 7L, "[]"], items[2].Columns);
    }

    [Fact]
    public void Json_integers_keep_their_digits()
    {
        string json = _folder.Write("in.jsonl", Unfold("""
            {"path":"a.jpg","long":9007199254740993,"mixed":9007199254740993,"exact":9007199254740992,
                "beyond":18446744073709551615,"point":9007199254740993.0}
            {"path":"b.jpg","long":-9223372036854775808,"mixed":1.50,"exact":1.5,"beyond":1,"point":1}
            """));
        using var list = InputList.Settle([json], TextReader.Null);
        Assert.Equal(
            "long Integer, mixed Text, exact Number, beyond Text, point Number",
            string.Join(", ", list.Columns.Select(column => $"{column.Name} {column.Type}")));
        object?[][] expected =
        [
            [9007199254740993L, "9007199254740993", 9007199254740992.0, "18446744073709551615", 9007199254740992.0],
            [long.MinValue, "1.50", 1.5, "1", 1.0],
        ];
        Assert.Equal(expected, list.Items().Select(item => item.Columns));

        string numbers = _folder.Write("numbers.jsonl", "{\"path\":\"a.jpg\",\"n\":1.5}\n");
        string integers = _folder.Write("integers.jsonl", "{\"path\":\"a.jpg\",\"n\":9007199254740993}\n");
        string message = Assert.Throws<DinoException>(() => InputList.Settle([numbers, integers], TextReader.Null)).Message;
        Assert.Contains("9007199254740993 in one input and numbers in another", message);
        Assert.Contains("column 'n'", message);
    }

    /// <summary>Nulls have no type; a column of nothing else is text where no other input knows better.</summary>
    [Fact]
    public void A_column_of_nulls_leaves_the_type_to_others()
    {
        string nulls = _folder.Write("nulls.jsonl", "{\"path\":\"a.jpg\",\"n\":null,\"none\":null}\n");
        string numbers = _folder.Write("numbers.jsonl", "{\"path\":\"b.jpg\",\"n\":7}\n");
        foreach (string[] inputs in new string[][] { [nulls, numbers], [numbers, nulls] })
        {
            using var list = InputList.Settle(inputs, TextReader.Null);
            Assert.Equal(
                [new CarriedColumn("n", ColumnType.Integer), new CarriedColumn("none", ColumnType.Text)],
                list.Columns.OrderBy(column => column.Name));
            Assert.Equal([null, 7L], list.Items().Select(item => item.Columns[0]).Order());
        }
    }

    [Fact]
    public void Rows_carry_what_every_format_can_hold()
    {
        string most = new('x', (1 << 20) - 5);
        using (var list = InputList.Settle([_folder.Write("most.jsonl", $"{{\"path\":\"a.jpg\",\"t\":\"{most}\"}}\n")], TextReader.Null))
            Assert.Equal(most, Assert.Single(list.Items()).Columns[0]);
        string more = _folder.Write("more.jsonl", $"{{\"path\":\"a.jpg\"}}\n{{\"path\":\"b.jpg\",\"t\":\"{most}x\"}}\n");
        string message = Assert.Throws<DinoException>(() => InputList.Settle([more], TextReader.Null)).Message;
        Assert.Contains("row 1 of the inputs ('b.jpg') has 1048577 letters", message);
        Assert.Contains("1048576", message);
    }

    [Fact]
    public void Half_a_surrogate_pair_is_replaced()
    {
        string json = _folder.Write("in.jsonl", Unfold("""
            {"path":"\ud800.png","\uDC00":"a\ud800b\udc00","whole":"\ud83d\ude00","escaped":"\\ud800",
                "twice":"\ud800\ud83d\ude00","nested":["\udfff"]}
            """));
        using var list = InputList.Settle([json], TextReader.Null);
        Assert.Equal("\uFFFD.png", list.Items().Single().Path);
        Assert.Equal(["\uFFFD", "whole", "escaped", "twice", "nested"], list.Columns.Select(column => column.Name));
        Assert.Equal(["a\uFFFDb\uFFFD", "😀", "\\ud800", "\uFFFD😀", "[\"\\ufffd\"]"], list.Items().Single().Columns);
    }

    [Theory]
    [InlineData("path,file,image\np,f,i\n", null, "p")]
    [InlineData("image,filename\ni,n\n", null, "n")]
    [InlineData("Image,label\ni,l\n", null, "i")]
    [InlineData("file,url\nf,u\n", "url", "u")]
    public void Path_column_is_the_named_one_or_the_first_usual(string csv, string? column, string expected)
    {
        using var list = InputList.Settle([_folder.Write("in.csv", csv)], TextReader.Null, pathColumn: column);
        Assert.Equal(expected, list.Items().Single().Path);
    }

    [Fact]
    public void Several_manifests_have_the_columns_of_all()
    {
        string csv = _folder.Write("a.csv", "path,label,n\na.jpg,cat,x\n");
        string one = _folder.Write("b.jsonl", "{\"file\":\"b.jpg\",\"score\":1,\"n\":2,\"ok\":true}\n");
        string two = _folder.Write("c.ndjson", "{\"image\":\"c.jpg\",\"score\":0.5,\"n\":1.5}\n");
        using var list = InputList.Settle([csv, MissingFiles.List("plain.jpg"), one, two], TextReader.Null);
        Assert.Equal(
            "label Text, n Text, score Number, ok Boolean",
            string.Join(", ", list.Columns.Select(column => $"{column.Name} {column.Type}")));
        Assert.Equal(["a.jpg", "plain.jpg", "b.jpg", "c.jpg"], list.Items().Select(item => item.Path));
        object?[][] expected = [["cat", "x", null, null], [null, null, null, null], [null, "2", 1.0, true], [null, "1.5", 0.5, null]];
        Assert.Equal(expected, list.Items().Select(item => item.Columns));
    }

    [Fact]
    public void A_glob_finds_manifests_only_when_it_says_so()
    {
        _folder.Write("a.jpg", []);
        _folder.Write("2.csv", "path\nb.jpg\n");
        _folder.Write("1.csv", "path\nc.jpg\n");
        using var lists = InputList.Settle([_folder.Path("*.csv")], TextReader.Null);
        Assert.Equal(["c.jpg", "b.jpg"], lists.Items().Select(item => item.Path));
        using var files = InputList.Settle([_folder.Path("*.*")], TextReader.Null);
        Assert.Equal(3, files.Count);
        Assert.Equal(_folder.Path("1.csv"), files.Items().First().Path);
    }

    [Fact]
    public void What_dino_wrote_is_a_manifest_without_its_vectors()
    {
        string json = _folder.Write("out.jsonl", "{\"row\":0,\"path\":\"a.jpg\",\"width\":3,\"embedding\":[1,2],\"label\":\"cat\"}\n");
        string csv = _folder.Write("out.csv", "path,height,label,e0,e1\nb.jpg,4,dog,0.5,1\n");
        using var list = InputList.Settle([json, csv], TextReader.Null);
        Assert.Equal(["label"], list.Columns.Select(column => column.Name));
        Assert.Equal(["cat", "dog"], list.Items().Select(item => item.Columns[0]));
    }

    /// <summary>A table with a column of such a name need not be dino's.</summary>
    [Theory]
    [InlineData("in.csv", "path,label,error,embedding\na.jpg,cat,no,[1]\n", "error, embedding")]
    [InlineData("in.csv", "path,e0,label,row\na.jpg,1,cat,7\n", "e0, row")]
    [InlineData("in.jsonl", "{\"path\":\"a.jpg\",\"label\":\"cat\",\"embedding\":[1]}\n", "embedding")]
    [InlineData("in.csv", "path,width,height,label,error,e0\na.jpg,1,2,cat,,1\n", null)]
    [InlineData("in.csv", "path,label\na.jpg,cat\n", null)]
    public void Columns_that_may_be_the_user_s_are_named_where_they_are_left_out(string name, string text, string? left)
    {
        string file = _folder.Write(name, text);
        using var list = InputList.Settle([file], TextReader.Null);
        Assert.Equal(["label"], list.Columns.Select(column => column.Name));
        if (left is null)
            Assert.Empty(list.Notes);
        else
            Assert.Equal($"left out of '{file}' as columns of dino's own output: {left} (rename one to carry it)", list.Notes.Single());
    }

    /// <summary>pandas numbers its rows in a column without a name, unless it is told not to.</summary>
    [Fact]
    public void The_index_that_pandas_writes_is_left_out()
    {
        using var list = InputList.Settle([_folder.Write("in.csv", ",path,label\n0,a.jpg,cat\n1,b.jpg,dog\n")], TextReader.Null);
        Assert.Equal(["label"], list.Columns.Select(column => column.Name));
        Assert.Equal(["cat", "dog"], list.Items().Select(item => item.Columns[0]));
    }

    /// <summary>An index of several levels has a column for each.</summary>
    [Theory]
    [InlineData(",,path,label\n0,0,a.jpg,cat\n1,1,b.jpg,dog\n")]
    [InlineData("path,label,\na.jpg,cat,\nb.jpg,dog,\n")] // what spreadsheets leave behind the last column
    [InlineData("path,label\na.jpg,cat,,\nb.jpg,dog\n")]
    public void Columns_without_a_name_are_left_out(string text)
    {
        using var list = InputList.Settle([_folder.Write("in.csv", text)], TextReader.Null);
        Assert.Equal(["label"], list.Columns.Select(column => column.Name));
        Assert.Equal(["a.jpg", "b.jpg"], list.Items().Select(item => item.Path));
        Assert.Equal(["cat", "dog"], list.Items().Select(item => item.Columns[0]));
    }

    [Fact]
    public void Its_content_says_whether_a_table_is_packed()
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write("path\na.jpg\n"u8);
        using var list = InputList.Settle([_folder.Write("in.csv", packed.ToArray())], TextReader.Null);
        Assert.Equal("a.jpg", Assert.Single(list.Items()).Path);
        Assert.Contains("it is not packed by gzip", Fails(_folder.Write("in.csv.gz", "path\na.jpg\n")));
    }

    [Fact]
    public void The_log_of_failures_is_a_list()
    {
        using var list = InputList.Settle(
            [_folder.Write("errors.jsonl", "{\"row\":3,\"path\":\"a.jpg\",\"error\":\"truncated JPEG\"}\n")], TextReader.Null);
        Assert.Empty(list.Columns);
        Assert.Equal("a.jpg", Assert.Single(list.Items()).Path);
    }

    [Theory]
    [InlineData("in.tsv", "path\tlabel\na,1.jpg\t\"cat\t1\"\n")]
    [InlineData("in.json", "[\n  {\n    \"path\": \"a,1.jpg\",\n    \"label\": \"cat\\t1\"\n  }\n]\n")]
    [InlineData("in.json", "{\"path\":\"a,1.jpg\",\"label\":\"cat\\t1\"}\n")]
    [InlineData("in.csv.gz", "path,label\n\"a,1.jpg\",cat\t1\n")]
    [InlineData("in.tsv.gz", "path\tlabel\na,1.jpg\t\"cat\t1\"\n")]
    [InlineData("in.jsonl.gz", "{\"path\":\"a,1.jpg\",\"label\":\"cat\\t1\"}\n")]
    public void Other_kinds_of_text_tables_are_read(string name, string text)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(Encoding.UTF8.GetBytes(text));
        string file = name.EndsWith(".gz", StringComparison.Ordinal) ? _folder.Write(name, packed.ToArray()) : _folder.Write(name, text);
        using var list = InputList.Settle([file], TextReader.Null);
        InputItem item = Assert.Single(list.Items());
        Assert.Equal("a,1.jpg", item.Path);
        Assert.Equal(["cat\t1"], item.Columns);
    }

    [Theory]
    [InlineData("in.csv.gz", "path\na.jpg\n")]
    [InlineData("in.json", "[{\"path\":\"a.jpg\"},{]")]
    [InlineData("in.json", "[1]")]
    [InlineData("in.json", "{\"path\":{\"0\":\"a.jpg\"}}")]
    public void What_is_no_table_of_its_kind_is_one_line(string name, string text) =>
        Assert.Contains(name, Fails(_folder.Write(name, text)));

    /// <summary>
    /// The <c>metadata.csv</c> of a Hugging Face image folder names its pictures as they lie beside it.
    /// </summary>
    [Fact]
    public void Paths_may_begin_in_the_folder_of_the_table()
    {
        string picture = _folder.Write("b.jpg", []);
        string file = _folder.Write("metadata.csv", $"file_name,text\nmissing.jpg,x\nb.jpg,y\n{picture},z\n");
        using var list = InputList.Settle([file], TextReader.Null);
        Assert.Equal([_folder.Path("missing.jpg"), picture, picture], list.Items().Select(item => item.Path));
        Assert.Contains("metadata.csv", Assert.Single(list.Notes));
        string other = _folder.Write("other.csv", "file_name\nmissing.jpg\n");
        using var unknown = InputList.Settle([other], TextReader.Null);
        Assert.Equal("missing.jpg", unknown.Items().Single().Path);
        Assert.Empty(unknown.Notes);
    }

    /// <summary>A list of paths alone, too; an empty line stays the row that it is.</summary>
    [Fact]
    public void Paths_may_begin_in_the_folder_of_the_list()
    {
        string picture = _folder.Write("b.jpg", []);
        string file = _folder.Write("list.txt", $"missing.jpg\n\nb.jpg\n{picture}\n");
        using var list = InputList.Settle(["@" + file], TextReader.Null);
        Assert.Equal([_folder.Path("missing.jpg"), "", picture, picture], list.Items().Select(item => item.Path));
        Assert.Contains("list.txt", Assert.Single(list.Notes));
    }

    public static TheoryData<string, string, string> Malformed => new()
    {
        { "in.csv", "", "empty, expected a header" },
        { "in.csv", "a,b\n1,2\n", "no column with the paths: expected path, file, filename, file_name, image, or another that "
            + "--path-column names, found a, b" },
        { "in.csv", "name;label\na;b\n", "found name, label" },
        { "in.csv", "path,a,a\nx,1,2\n", "two columns are named 'a'" },
        { "in.csv", "path,width\nx,1\n", "column 'width' has the name of a column that dino writes: rename it" },
        { "in.csv", "path,e12\nx,1\n", "'e12'" },
        { "in.csv", "path,\nx,1\n", "column 2 has no name" },
        { "in.csv", "path,a\nx,1\ny\n", "line 3: expected 2 fields as in the header, found 1" },
        { "in.csv", "path,a\nx,\"1\n2\"\ny,1,2\n", "line 4: expected 2 fields as in the header, found 3" },
        { "in.csv", "path,a\nx,1\n,2\n", "line 3: no path in column 'path'" },
        { "in.csv", "path,a\nx,1\ny,\"2\nz,3\n", "line 3: a quote is not closed" },
        { "in.csv", "path,a\nx,\"1\"2\n", "line 2: '2' follows a closing quote" },
        { "in.csv", "path\n", "no rows" },
        { "in.jsonl", "", "no rows" },
        { "in.jsonl", "{\"path\":\"a\"}\n{\"path\":\n", "line 2: not JSON" },
        { "in.jsonl", "{\"path\":\"a\",\"x\":-Infinity}\n",
            "line 1: not JSON, from byte 18 of the line on; NaN and Infinity are Python's" },
        { "in.jsonl", "{\"path\":\"a\",\"x\":NaN}\n", "NaN and Infinity are Python's, in JSON it is null" },
        { "in.jsonl", "{\"path\":\"a\"}\n\n[1]\n", "line 3: expected a JSON object, found array" },
        { "in.jsonl", "{\"path\":\"a\"}\n{\"x\":1}\n", "line 2: no path in 'path', expected a string" },
        { "in.jsonl", "{\"path\":5}\n", "line 1: no path in 'path', expected a string" },
        { "in.jsonl", "{\"path\":\"\"}\n", "line 1: no path" },
        { "in.jsonl", "{\"path\":\"a\"}\n{\"path\":\"a\",\"x\":1,\"x\":2}\n", "line 2: two keys are named 'x': rename one" },
        { "in.json", "[{\"path\":\"a\"},\n\n{\"path\":\"a\",\"path\":\"b\"}]\n", "item 2: two keys are named 'path'" },
        { "in.json", "[\"a.jpg\",\n\n5]", "item 2: expected a JSON object or a path, found number" },
        { "in.json", "[\n\n{\"path\":5}]", "item 1: no path in 'path', expected a string" },
        { "in.json", "{\"path\":\"a\"}\n5\n", "line 2: expected a JSON object, found number" },
        { "in.jsonl", "{\"url\":\"a\"}\n", "no column with the paths" },
        { "in.jsonl", "{\"path\":\"a\",\"error\":1}\n", "column 'error' has the name" },
        { "in.parquet", "PAR1 and not more", "no Parquet file, or a damaged one" },
        { "in.parquet", "", "no Parquet file, or a damaged one" },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public void Malformed_manifest_is_one_line_with_its_file_and_line(string name, string content, string expected)
    {
        string file = _folder.Write(name, content);
        string message = Fails(file);
        Assert.Contains(file, message);
        Assert.Contains(expected, message);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Text_in_another_encoding_is_not_guessed_at()
    {
        Assert.Contains("not in UTF-8", Fails(_folder.Write("in.csv", [.. "path,a\nb"u8, 0xE9, .. ".jpg,1\n"u8])));
        Assert.Contains(
            "line 2: not in UTF-8", Fails(_folder.Write("in.jsonl", [.. "{\"path\":\"a\"}\n{\"path\":\""u8, 0xE9, .. "\"}\n"u8])));
    }

    [Fact]
    public void Path_column_that_is_not_there_or_not_needed()
    {
        string csv = _folder.Write("in.csv", "path,url\na,b\n");
        Assert.Contains("expected 'link' (--path-column), found path, url", Fails(csv, "link"));
        Assert.Contains("column 'path' has the name", Fails(csv, "url"));
        Assert.Contains("no .csv", Fails(MissingFiles.List("a.jpg"), "url"));
    }

    [Fact]
    public async Task Malformed_manifest_is_found_before_the_work()
    {
        CliResult result = await CliRunner.RunAsync(
            "embed", _folder.Write("in.csv", "path\n\"a"), "--weights", _folder.Path("none.bin"), "-o", _folder.Path("o.npy"));
        Assert.Contains("in.csv', line 2", result.FatalLine());
    }

    private static string Fails(string file, string? pathColumn = null) =>
        Assert.Throws<DinoException>(() => InputList.Settle([file], TextReader.Null, pathColumn: pathColumn)).Message;

    /// <summary>Joins each indented line to the one before it.</summary>
    private static string Unfold(string lines) => lines.Replace("\n    ", "", StringComparison.Ordinal);
}
