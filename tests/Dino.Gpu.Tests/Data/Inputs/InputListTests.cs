using System.Security.Cryptography;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Inputs;

public sealed class InputListTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Arguments_keep_their_order_and_missing_files_their_place()
    {
        string b = _folder.Write("b.png", []);
        string a = _folder.Write("a.png", []);
        Assert.Equal([b, "missing.png", a, b], Settle(b, MissingFiles.List("missing.png"), a, b));
    }

    [Theory]
    [InlineData("photso", "photos")]
    [InlineData("Photos", "photos")]
    [InlineData("photso/cat.jpg", "photos/cat.jpg")]
    [InlineData("photos/cta.jpg", "photos/cat.jpg")]
    [InlineData("photos/cat.jpeg", "photos/cat.jpg")]
    [InlineData("label.csv", "labels.csv")]
    [InlineData("photos/x.jpg", null)] // too short to know
    [InlineData("nothing/like/it.jpg", null)]
    public void A_named_input_that_is_not_there_is_an_error_with_a_suggestion(string name, string? suggestion)
    {
        Assert.SkipWhen(name == "Photos" && !OperatingSystem.IsLinux(), "letter case does not matter there");
        string there = _folder.Write("photos/cat.jpg", [1]);
        _folder.Write("photos/a.jpg", [1]);
        _folder.Write("labels.csv", "path\n");
        DinoException failure = Assert.Throws<DinoException>(() => Settle(there, _folder.Path(name)));
        Assert.Equal($"cannot read '{_folder.Path(name)}': {MissingInput.NoSuchFile}", failure.Message);
        Assert.Equal(suggestion is null ? null : $"did you mean {_folder.Path(suggestion)}?", failure.Hint);
    }

    [Fact]
    public void Folder_is_walked_to_any_depth_in_byte_order_without_other_and_hidden_files()
    {
        foreach (string name in new[] { "b.JPG", "a10.png", "a2.png", "B.png", "sub/deep/c.webp",
            "notes.txt", "shard.tar", ".hidden.png", "._a2.png", ".cache/x.png", "none" })
            _folder.Write(name, []);
        Assert.Equal(Paths("B.png", "a10.png", "a2.png", "b.JPG", "sub/deep/c.webp"), Settle(_folder.Root));
        Assert.Equal(Settle(_folder.Root), Settle(_folder.Root + "/"));
    }

    /// <summary>A folder's name sorts as with its separator: '-' and '.' come before '/', '0' after it.</summary>
    [Fact]
    public void Walk_has_the_order_of_whole_paths()
    {
        string[] names =
        [
            "a-b.png", "a-b/z.png", "a.png", "a.png.d/1.png", "a/b.png", "a/c/d.png", "a0.png",
                "ab/c.png", "z.png", "é.png", "\uE000.png", "\uFF21.png", "😀.png", "😀/x.png",
        ];
        foreach (string name in names.Reverse())
            _folder.Write(name, []);
        Assert.Equal(Paths(names), Settle(_folder.Root));
        Assert.Equal(Paths(names), Settle(_folder.Path("**")));
        Assert.Equal(Paths(names), Settle(_folder.Path("**/*.png")));
        IEnumerable<string> bytewise = Paths(names).OrderBy(
            path => Convert.ToHexString(System.Text.Encoding.UTF8.GetBytes(path)), StringComparer.Ordinal);
        Assert.Equal(bytewise, Settle(_folder.Root));
    }

    /// <summary>
    /// A folder named as an image is one of pictures where it has any; else it is a row, which fails when it is read.
    /// </summary>
    /// <summary>More names than are sorted in memory.</summary>
    [Fact]
    public void A_large_folder_is_whole()
    {
        string[] names = [.. Enumerable.Range(0, SortedNames.RunLength + 100).Select(i => $"big/{i}.png"), "a.png", "small/b.png"];
        Directory.CreateDirectory(_folder.Path("big"));
        foreach (string name in names)
            _folder.Write(name, []);
        using var list = InputList.Settle([_folder.Root], TextReader.Null);
        Assert.Equal(Paths(names).Order(PathOrder.Instance), list.Items().Select(item => item.Path));
    }

    /// <summary>Each level asks whether an image comes of those below.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("z.png")]
    public async Task Folders_named_as_images_in_each_other_are_walked_once(string image)
    {
        const int Depth = 100;
        string inner = Path.Combine([.. Enumerable.Repeat("a.jpg", Depth)]);
        Directory.CreateDirectory(_folder.Path(inner));
        if (image.Length > 0)
            _folder.Write(Path.Combine(inner, image), []);
        string[] found = await Task.Run(() =>
        {
            using var list = InputList.Settle([_folder.Root], TextReader.Null);
            return list.Items().Select(item => item.Path).ToArray();
        }).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(Paths(Path.Combine(inner, image)), found);
    }

    [Fact]
    public void Folders_named_as_images_are_not_lost()
    {
        foreach (string name in new[] { "a.jpg/inside.png", "a.jpg.png", "empty.jpg/notes.txt",
            "empty.jpg/deeper.png/none", "sub/b.webp/.hidden.png", "z.png", ".h.png/x" })
            _folder.Write(name, []);
        Assert.Equal(Paths("a.jpg.png", "a.jpg/inside.png", "empty.jpg/deeper.png", "sub/b.webp", "z.png"), Settle(_folder.Root));
        Assert.Equal(Paths("a.jpg", "empty.jpg"), Settle(_folder.Path("*.jpg")));
        Assert.Equal(Paths("sub/b.webp"), Settle(_folder.Path("s*/b.webp")));
    }

    [Fact]
    public void Links_that_lead_nowhere_are_rows()
    {
        File.CreateSymbolicLink(_folder.Path("a.png"), "nowhere");
        Directory.CreateSymbolicLink(_folder.Path("b.png"), _folder.Root);
        Directory.CreateDirectory(_folder.Path("s"));
        File.CreateSymbolicLink(_folder.Path("s", "c.png"), "nowhere");
        Assert.Equal(Paths("a.png", "b.png", "s/c.png"), Settle(_folder.Root));
        Assert.Equal(Paths("s/c.png"), Settle(_folder.Path("s*/c.png")));
    }

    [Fact]
    public void Links_to_folders_are_not_followed()
    {
        _folder.Write("a.png", []);
        Directory.CreateSymbolicLink(_folder.Path("loop"), _folder.Root);
        Assert.Equal(Paths("a.png"), Settle(_folder.Root));
        Assert.Equal(Paths("a.png"), Settle(_folder.Path("**/*.png")));
        Assert.Equal(Paths("loop/a.png"), Settle(_folder.Path("lo*/a.png")));
    }

    [Theory]
    [InlineData("*.png", "a.png", "b.png")]
    [InlineData("?.png", "a.png", "b.png")]
    [InlineData("*", "a.png", "b.png", "c.jpg")]
    [InlineData("s*/*.png", "s1/d.png", "s2/e.png")]
    [InlineData("**/*.png", "a.png", "b.png", "s1/d.png", "s1/t/f.png", "s2/e.png")]
    [InlineData("**/**/*.png", "a.png", "b.png", "s1/d.png", "s1/t/f.png", "s2/e.png")]
    [InlineData("**", "a.png", "b.png", "c.jpg", "s1/d.png", "s1/t/f.png", "s2/e.png")]
    [InlineData("s1/**/f.png", "s1/t/f.png")]
    [InlineData("**/t/*.png", "s1/t/f.png")]
    [InlineData("**/s1/**/*.png", "s1/d.png", "s1/t/f.png")]
    [InlineData("*/t/*", "s1/t/f.png")]
    [InlineData("*/../b*.png", "s1/../b.png", "s2/../b.png")]
    [InlineData(".*/*.png", ".h/g.png")]
    [InlineData("*.txt", "notes.txt")]
    public void Glob_is_expanded(string pattern, params string[] expected)
    {
        foreach (string name in new[] { "b.png", "a.png", "c.jpg", "notes.txt", "s1/d.png", "s2/e.png", "s1/t/f.png", ".h/g.png" })
            _folder.Write(name, []);
        Assert.Equal(Paths(expected), Settle(_folder.Path(pattern)));
    }

    [Fact]
    public void A_file_whose_name_looks_like_a_pattern_or_a_list_is_a_file()
    {
        string star = _folder.Write("a*.png", []);
        _folder.Write("ab.png", []);
        Assert.Equal([star], Settle(star));
    }

    [Theory]
    [InlineData("z.png\r\n\na b.png\n*.png\n", "z.png", "", "a b.png", "*.png")]
    [InlineData("\n\r\na.png\r\n\r\n \n\n\n", "", "", "a.png", "", " ")]
    [InlineData("a.png", "a.png")]
    [InlineData("a.png\rb.png\n\rc.png\r\n", "a.png\rb.png", "\rc.png")]
    [InlineData("a.png\0b\nc.png\0\0d.png\0\0", "a.png", "b\nc.png", "", "d.png")]
    [InlineData("a.png\0b.png", "a.png", "b.png")]
    [InlineData("a.png\nb\0c.png\n", "a.png", "b\0c.png")]
    public void List_and_standard_input_are_one_path_a_line_or_a_nul_as_it_stands(string text, params string[] expected)
    {
        string list = _folder.Write("list.txt", text);
        using var settled = InputList.Settle(["@" + list], TextReader.Null);
        using var standardInput = InputList.Settle(["-"], new StringReader(text));
        foreach (InputItem[] items in new InputItem[][] { [.. settled.Items()], [.. standardInput.Items()],
            [.. InputList.Stream(new StringReader(text))] })
        {
            Assert.Equal(expected, items.Select(item => item.Path));
            Assert.All(items, item => Assert.Equal(item.Path.Length == 0 ? "empty line" : null, item.Problem));
        }
    }

    [Fact]
    public void A_folder_without_permission_is_a_row_that_fails()
    {
        Assert.SkipWhen(Environment.IsPrivilegedProcess, "root lists everything");
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("has no file modes");
            return;
        }

        foreach (string name in new[] { "a.png", "locked/b.png", "locked.jpg/c.png", "z.png" })
            _folder.Write(name, []);
        string[] locked = [_folder.Path("locked"), _folder.Path("locked.jpg")];
        try
        {
            foreach (string folder in locked)
                File.SetUnixFileMode(folder, UnixFileMode.None);
            foreach (string input in new[] { _folder.Root, _folder.Path("**/*.png") })
            {
                using var list = InputList.Settle([input], TextReader.Null);
                Assert.Equal(Paths("a.png", "locked.jpg", "locked", "z.png"), list.Items().Select(item => item.Path));
                Assert.Equal(
                    [null, "cannot list this folder: permission denied", "cannot list this folder: permission denied", null],
                    list.Items().Select(item => item.Problem));
            }

            Assert.Contains($"cannot list folder '{locked[0]}", Fails(locked[0]));
            Assert.Contains($"cannot list folder '{locked[0]}", Fails(Path.Combine(locked[0], "*.png")));
        }
        finally
        {
            foreach (string folder in locked)
                File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    [Fact]
    public void Nothing_found_is_an_error_that_says_where()
    {
        string list = _folder.Write("empty.txt", "\n");
        Assert.Contains($"no images in folder '{_folder.Root}'", Fails(_folder.Root));
        Assert.Contains("no image matches", Fails(_folder.Path("*.png")));
        Assert.Contains("no image matches", Fails(_folder.Path("nowhere", "*.png")));
        Assert.Contains("no file matches", Fails(_folder.Path("*.tar")));
        Assert.Contains($"no paths in list '{list}'", Fails("@" + list));
        Assert.Contains("cannot read list", Fails("@" + _folder.Path("no.txt")));
        Assert.Contains("no paths on standard input", Fails("-"));
        Assert.Contains(MissingInput.NoSuchFile, Fails(_folder.Path("nothing_here") + "/"));
        Assert.Contains(MissingInput.NoSuchFile, Fails(_folder.Path("no.csv") + "/"));
        Assert.Contains(MissingInput.NoSuchFile, Fails(_folder.Path("no.csv")));
        Assert.Contains(MissingInput.NoSuchFile, Fails(_folder.Path("no.tar")));
        Assert.Contains("64", Fails(string.Concat(Enumerable.Repeat("*/", 70)) + "*.png"));
    }

    [Fact]
    public void Names_with_line_feeds_quotes_and_any_script_come_through()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "other file systems refuse such names");
        string[] names = ["a\nb.png", "a\"b\\c.png", "t\tab.png", "\u0001.png", "日本語.png", "e\u0301.png", "<&>'.png", "😀.png"];
        foreach (string name in names)
            _folder.Write(name, []);
        Assert.Equal(Paths(names).Order(PathOrder.Instance), Settle(_folder.Root));
    }

    [Fact]
    public void A_kept_list_is_whole_and_opens_as_it_was()
    {
        string path = _folder.Path("manifest.jsonl");
        string csv = _folder.Write("in.csv", "path,label\na.png,cat\nb.png,\"two\nlines\"\n");
        using var settled = InputList.Settle([csv, MissingFiles.List("c.png")], TextReader.Null, path);
        using var opened = InputList.Open(path);
        Assert.Equal([csv, path], _folder.Files.Order(StringComparer.Ordinal));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))), settled.Sha256);
        foreach (InputList list in new[] { settled, opened })
        {
            Assert.Equal(3, list.Count);
            Assert.Equal(settled.Sha256, list.Sha256);
            Assert.Equal([new CarriedColumn("label", ColumnType.Text)], list.Columns);
            Assert.Equal(["a.png", "b.png", "c.png"], list.Items().Select(item => item.Path));
            Assert.Equal(["cat", "two\nlines", null], list.Items().Select(item => item.Columns[0]));
            Assert.Equal("b.png", list.Items(1, 2).Single().Path);
            Assert.Empty(list.Items(3, 3));
            Assert.Throws<ArgumentOutOfRangeException>(() => list.Items(0, 4));
        }

        Assert.Equal(4, File.ReadAllLines(path).Length);
    }

    [Fact]
    public void The_sum_is_that_of_the_rows_and_their_order()
    {
        Assert.Equal(Sum("a.png", "b.png"), Sum("a.png", "b.png"));
        Assert.NotEqual(Sum("a.png", "b.png"), Sum("b.png", "a.png"));
        Assert.NotEqual(Sum("a.png"), Sum("a.png", "a.png"));

        static string Sum(params string[] inputs)
        {
            using var list = InputList.Settle([MissingFiles.List(inputs)], TextReader.Null);
            return list.Sha256;
        }
    }

    [Fact]
    public void A_failure_leaves_no_list()
    {
        string path = _folder.Path("manifest.jsonl");
        Assert.Throws<DinoException>(() => InputList.Settle([MissingFiles.List("a.png"), _folder.Path("*.png")], TextReader.Null, path));
        Assert.Empty(_folder.Files);
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("{\"path\":\"a.png\"}\n", "no header")]
    [InlineData("{\"dino_manifest\":2,\"columns\":[]}\n", "version 2")]
    [InlineData("{\"dino_manifest\":1,\"columns\":[]}\n{\"path\":\"a", "cut short")]
    public void What_is_no_list_is_not_opened(string text, string expected)
    {
        string path = _folder.Write("manifest.jsonl", text);
        string message = Assert.Throws<DinoException>(() => InputList.Open(path)).Message;
        Assert.Contains(path, message);
        Assert.Contains(expected, message);
    }

    [Fact]
    public void A_damaged_row_is_named()
    {
        using var list = InputList.Open(
            _folder.Write("manifest.jsonl", "{\"dino_manifest\":1,\"columns\":[]}\n{\"path\":\"a.png\"}\nwhat\n"));
        Assert.Contains("row 1", Assert.Throws<DinoException>(() => list.Items().Count()).Message);
    }

    [Fact]
    public void Streaming_hands_out_each_path_before_the_next_is_read()
    {
        var lines = new CountingReader(["a.png", "", "b.png"]);
        using IEnumerator<InputItem> items = InputList.Stream(lines).GetEnumerator();
        Assert.True(items.MoveNext());
        Assert.Equal(("a.png", 1), (items.Current.Path, lines.Taken));
        Assert.True(items.MoveNext());
        Assert.Equal(("", 3), (items.Current.Path, lines.Taken));
        Assert.True(items.MoveNext());
        Assert.Equal(("b.png", 3), (items.Current.Path, lines.Taken));
        Assert.False(items.MoveNext());
        Assert.Contains(
            "no paths on standard input", Assert.Throws<DinoException>(() => InputList.Stream(TextReader.Null).Count()).Message);
        Assert.Empty(InputList.Stream(new StringReader("\n"), mayBeEmpty: true));
    }

    private static List<string> Settle(params string[] inputs)
    {
        using var list = InputList.Settle(inputs, TextReader.Null);
        return [.. list.Items().Select(item => item.Path)];
    }

    private static string Fails(string input) => Assert.Throws<DinoException>(() => Settle(input)).Message;

    private IEnumerable<string> Paths(params string[] names) => names.Select(name => _folder.Path(name));

    /// <summary>Every file of a folder is accounted for: a row, or counted in the note.</summary>
    [Fact]
    public void A_folder_accounts_for_every_file()
    {
        string[] rows =
        [
            ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjp", ".pjpeg", ".mpo", ".png", ".apng", ".bmp", ".dib", ".gif", ".webp",
            ".tif", ".heic", ".hif", ".avif", ".jxl", ".jp2", ".j2k", ".jpf", ".ppm", ".pgm", ".pbm",
                ".pnm", ".psd", ".svg", ".ico", ".tga",
            ".dng", ".cr2", ".nef", ".arw",
        ];
        foreach (string extension in rows)
            _folder.Write($"in/a{extension}", []);
        foreach (string name in (string[])["x.zip", "y.ZIP", "deep/z.txt", "README", ".hidden.txt", "cat.jpg/c.json", "cat.jpg/c.png"])
            _folder.Write($"in/{name}", []);
        using var list = InputList.Settle([_folder.Path("in")], TextReader.Null);
        Assert.Equal(
            rows.Append(".png").Order(StringComparer.Ordinal),
            list.Items().Select(item => Path.GetExtension(item.Path)).Order(StringComparer.Ordinal));
        string note = Assert.Single(list.Notes);
        Assert.Contains("5 files that are no pictures (2 .zip, ", note);
        Assert.Contains("1 without extension", note);
        Assert.Contains("1 .json", note);
    }

    [Fact]
    public void A_list_may_be_packed_and_a_picture_is_no_list()
    {
        using var packed = new MemoryStream();
        using (var gzip = new System.IO.Compression.GZipStream(packed, System.IO.Compression.CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write("a.jpg\nb.jpg\n"u8);
        using var list = InputList.Settle(["@" + _folder.Write("list.txt.gz", packed.ToArray())], TextReader.Null);
        Assert.Equal(["a.jpg", "b.jpg"], list.Items().Select(item => item.Path));
        DinoException failure = Assert.Throws<DinoException>(
            () => InputList.Settle(["@" + GoldenData.Image("rocket.jpg")], TextReader.Null));
        Assert.Contains("it is a JPEG picture", failure.Message);
        Assert.NotNull(failure.Hint);
    }
}
