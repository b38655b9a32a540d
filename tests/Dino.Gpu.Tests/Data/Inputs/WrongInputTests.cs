using System.Text;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Classification;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Runs;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Tests.Imaging;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Inputs;

/// <summary>
/// What is given in place of files and lists: addresses, pictures, archives, folders that cannot be listed.
/// </summary>
public sealed class WrongInputTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("https://example.org/a.jpg")]
    [InlineData("HTTP://example.org/photos/*.jpg")]
    [InlineData("s3://bucket/a.png")]
    [InlineData("gs://bucket/photos")]
    [InlineData("@https://example.org/list.txt")]
    [InlineData("hf+x://datasets/a")]
    public void An_address_is_named(string input)
    {
        DinoException failure = Fails(input);
        Assert.Equal($"cannot read '{input.TrimStart('@')}': {UrlInput.NotRead}", failure.Message);
        Assert.NotNull(failure.Hint);
    }

    [Fact]
    public void The_address_of_a_file_hints_at_its_path() =>
        Assert.Equal("give the path: /photos/my cat.jpg", Fails("file:///photos/my%20cat.jpg").Hint);

    [Fact]
    public void An_address_in_a_list_is_a_row_that_fails()
    {
        using var list = InputList.Settle(
            ["@" + _folder.Write("list.txt", "https://example.org/a.jpg\nno://such.jpg\nc:/x.jpg\n")], TextReader.Null);
        InputItem[] items = [.. list.Items()];
        Assert.Equal(UrlInput.NotRead, Assert.Throws<DinoException>(() => items[0].ReadBytes()).Message);
        Assert.Equal(UrlInput.NotRead, Assert.Throws<DinoException>(() => items[1].ReadBytes()).Message);
        Assert.NotEqual(UrlInput.NotRead, Assert.Throws<DinoException>(() => items[2].ReadBytes()).Message);
    }

    /// <summary>A device can be read without end.</summary>
    [Fact]
    public void A_device_is_no_list()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the device is Unix's");
        Assert.Equal("cannot read list '/dev/zero': not a regular file", Fails("@/dev/zero").Message);
    }

    public static TheoryData<string, string> Pictures => new()
    {
        { "pillow/jpeg_even_420.jpg", "a JPEG picture" },
        { "pillow/png_type2_8bit.png", "a PNG picture" },
        { "pillow/gif_plain.gif", "a GIF picture" },
        { "pillow/bmp_40_24bit.bmp", "a BMP picture" },
        { "pillow/bmp_12_1bit.bmp", "a BMP picture" },
        { "pillow/tiff_rgb_raw.tif", "a TIFF picture" },
    };

    /// <summary>Picture bytes in place of paths, on standard input and as a list.</summary>
    [Theory]
    [MemberData(nameof(Pictures))]
    public void A_picture_is_no_list(string name, string kind)
    {
        string file = GoldenData.PathOf(name.Split('/'));
        byte[] bytes = File.ReadAllBytes(file);
        string expected = $"standard input is {kind}, expected paths, one a line";
        Assert.Equal(expected, Assert.Throws<DinoException>(() => Lines(bytes)).Message);
        DinoException list = Fails("@" + file);
        Assert.Equal($"cannot read list '{file}': it is {kind}, expected a file with one path a line", list.Message);
        Assert.Contains("leave out the @", list.Hint);
    }

    [Fact]
    public void Archives_and_other_pictures_are_no_lists()
    {
        byte[] webp = WebPFiles.Lossless(PillowResizeTests.Noise(40, 30));
        Assert.Contains("is a WebP picture", Assert.Throws<DinoException>(() => Lines(webp)).Message);
        Assert.Contains("it is a WebP picture", Fails("@" + _folder.Write("a.webp", webp)).Message);
        byte[] heif = [0, 0, 0, 24, .. "ftypheic"u8, 0, 0, 0, 0, .. "mif1heic"u8];
        Assert.Contains("HEIF", Assert.Throws<DinoException>(() => Lines(heif)).Message);
        Assert.Contains("it is HEIF", Fails("@" + _folder.Write("a.heic", heif)).Message);
        byte[] zip = [.. "PK\u0003\u0004"u8, 20, 0, 0, 0, 8, 0];
        Assert.Contains("is a zip archive", Assert.Throws<DinoException>(() => Lines(zip)).Message);
        Assert.Contains("it is a zip archive", Fails("@" + _folder.Write("a.zip", zip)).Message);
    }

    [Fact]
    public void Arrays_archives_and_packed_pictures_are_no_lists()
    {
        byte[] tar = new byte[1024];
        "photos/a.jpg"u8.CopyTo(tar);
        "ustar"u8.CopyTo(tar.AsSpan(257));
        byte[] random = new byte[4096];
        new Random(1).NextBytes(random);
        using var packed = new MemoryStream();
        using (var gzip = new System.IO.Compression.GZipStream(packed, System.IO.Compression.CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(File.ReadAllBytes(GoldenData.Image("rocket.jpg")));

        Assert.Contains("it is a NumPy file,", Fails("@" + _folder.Write("a.npy", [0x93, .. "NUMPY"u8, 1, 0, 118, 0])).Message);
        Assert.Contains("it is a Parquet file,", Fails("@" + _folder.Write("a.parquet", [.. "PAR1"u8, 0x15, 4])).Message);
        Assert.Contains("it is a tar archive,", Fails("@" + _folder.Write("a.tar", tar)).Message);
        Assert.Contains("it is a JPEG picture, packed,", Fails("@" + _folder.Write("a.jpg.gz", packed.ToArray())).Message);
        Assert.Contains("it is PDF,", Fails("@" + _folder.Write("a.pdf", "%PDF-1.7\nabc"u8.ToArray())).Message);
        Assert.Contains("it is binary data,", Fails("@" + _folder.Write("a.dat", random)).Message);
        Assert.Contains("is binary data,", Assert.Throws<DinoException>(() => Lines(random)).Message);
        Assert.Contains("is an archive or other binary data,", Assert.Throws<DinoException>(() => Lines(tar)).Message);
    }

    /// <summary>A table is named without the @; a list may be called as one.</summary>
    [Fact]
    public void A_table_is_no_list_of_paths()
    {
        foreach ((string name, string text) in new[] { ("a.csv", ",path,label\n0,a.jpg,x\n"), ("a.tsv", "file\tlabel\na.jpg\tx\n"),
            ("a.jsonl", "{\"path\":\"a.jpg\"}\n"), ("a.json", "[{\"path\":\"a.jpg\"}]") })
        {
            string file = _folder.Write(name, text);
            DinoException table = Fails("@" + file);
            Assert.Equal($"cannot read list '{file}': it is a table, expected a file with one path a line", table.Message);
            Assert.Contains("leave out the @", table.Hint);
        }

        using var list = InputList.Settle(["@" + _folder.Write("list.csv", "a,b.jpg\nc.jpg\n")], TextReader.Null);
        Assert.Equal(["a,b.jpg", "c.jpg"], list.Items().Select(item => item.Path));
    }

    [Fact]
    public void A_mistyped_list_is_named_with_what_is_there()
    {
        string list = _folder.Write("list.txt", "a.jpg\n");
        DinoException missing = Fails("@" + _folder.Path("lsit.txt"));
        Assert.Equal($"cannot read list '{_folder.Path("lsit.txt")}': no such file", missing.Message);
        Assert.Equal($"did you mean @{list}?", missing.Hint);
    }

    [Theory]
    [InlineData("a.jpgg", "a.jpg")]
    [InlineData("e.npx", "e.npz")]
    [InlineData("b.jpg", null)] // another picture
    [InlineData("e.csv", null)]
    public void A_mistyped_extension_is_named_with_what_is_there(string name, string? suggestion)
    {
        _folder.Write("a.jpg", []);
        _folder.Write("e.npz", []);
        Assert.Equal(suggestion is null ? null : $"did you mean {_folder.Path(suggestion)}?", Fails(_folder.Path(name)).Hint);
    }

    [Fact]
    public void A_file_named_as_a_folder_is_no_row()
    {
        string file = _folder.Write("a.jpg", []);
        DinoException failure = Fails(file + "/");
        Assert.Equal($"cannot read '{file}/': it is a file, expected a folder", failure.Message);
        Assert.Equal($"did you mean {file}?", failure.Hint);
    }

    [Fact]
    public void Other_names_that_are_mistyped_have_a_hint_too()
    {
        string weights = _folder.Write("tiny.bin", []), folder = Directory.CreateDirectory(_folder.Path("photos")).FullName;
        Assert.Equal($"did you mean {weights}?", Hint(() => WeightSource.Resolve(_folder.Path("tiny.bim"))));
        Assert.Equal($"did you mean {folder}?", Hint(() => new ReferenceFolders([_folder.Path("photso")])));
        Assert.Equal($"did you mean {folder}?", Hint(() => RunRetry.Open(_folder.Path("phtos"))));
        Assert.Equal("did you mean dino-vits16?", Hint(() => PublishedModel.Named("dino-vits61")));
        Assert.Equal($"did you mean {weights}?", Hint(() => LinearProbe.Load(_folder.Path("tyni.bin"))));
        string index = _folder.Write("photos.dinoidx", []);
        Assert.Equal($"did you mean {index}?", Hint(() => VectorIndex.Open(_folder.Path("photso.dinoidx"))));
        Assert.Null(Hint(() => LinearProbe.Load(weights)));

        static string? Hint(Action action) => Assert.ThrowsAny<DinoException>(action).Hint;
    }

    /// <summary>Its slashes would become folders of the current directory.</summary>
    [Theory]
    [InlineData("s3://bucket/out.npy")]
    [InlineData("s3://bucket/run/")]
    [InlineData("postgers://host/photos")]
    [InlineData("https://example.org/out")]
    public void An_address_is_no_output(string output)
    {
        DinoException failure = Assert.Throws<DinoException>(() => OutputTarget.Parse(output, null));
        Assert.Equal($"cannot write '{output}': URLs are not written (expected a file or a folder)", failure.Message);
        Assert.Contains("--to of dino index", failure.Hint);
        Assert.False(OutputTarget.NamesFolder(output));
        Assert.Equal(failure.Message, Assert.Throws<DinoException>(() => OutputDirectory.Create(output, [])).Message);
    }

    /// <summary>Spreadsheets of many countries separate by semicolons, for their comma is in numbers.</summary>
    [Theory]
    [InlineData("\uFEFFpath;size\r\na.jpg;1,5\r\n")]
    [InlineData("path\tsize\na.jpg\t1,5\n")]
    public void A_csv_may_have_another_separator(string text)
    {
        using var list = InputList.Settle([_folder.Write("a.csv", text)], TextReader.Null);
        InputItem item = Assert.Single(list.Items());
        Assert.Equal("a.jpg", item.Path);
        Assert.Equal("1,5", Assert.Single(item.Columns));
    }

    [Fact]
    public void Columns_of_pandas_say_how_to_write_them()
    {
        DinoException failure = Fails(_folder.Write("a.json", """{"path":{"0":"a.jpg"},"label":{"0":"x"}}"""));
        Assert.Contains("no path in 'path'", failure.Message);
        Assert.Contains("orient='records'", failure.Hint);
    }

    /// <summary>Paths that begin as files of some kind do are paths, and so are those in another encoding.</summary>
    [Fact]
    public void Paths_are_taken_for_paths()
    {
        string[] paths = ["BMW.jpg", "MM/a.jpg", "II*.jpg", "GIF89a.gif", "RIFF.wav", "PK.png", "PAR1.parquet", "%PDF-1.pdf"];
        foreach (string path in paths)
        {
            Assert.Equal(path, Assert.Single(Lines(Encoding.UTF8.GetBytes(path + "\n"))).Path);
            Assert.Equal(path, Assert.Single(Lines(Encoding.UTF8.GetBytes(path + "\0"))).Path);
        }

        using var latin1 = InputList.Settle(
            ["@" + _folder.Write("latin1.txt", [.. "caf"u8, 0xE9, .. ".jpg\n"u8])], TextReader.Null);
        Assert.Equal("caf\uFFFD.jpg", latin1.Items().Single().Path);
        Assert.Equal("\uFFFDt\uFFFD.jpg", Assert.Single(Lines([0xE9, .. "t"u8, 0xE9, .. ".jpg\n"u8])).Path);
    }

    /// <summary>
    /// A folder whose path is longer than the system takes is a row that fails, and its neighbors go on; so is every
    /// other failure to list one.
    /// </summary>
    [Fact]
    public void A_folder_that_cannot_be_listed_is_a_row_that_fails()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the limit is Linux's");
        string part = new('d', 200);
        string outer = _folder.Path("m"), inner = _folder.Path("inner");
        Directory.CreateDirectory(Path.Combine([outer, .. Enumerable.Repeat(part, 12)]));
        Directory.CreateDirectory(Path.Combine([inner, .. Enumerable.Repeat(part, 12)]));
        _folder.Write("a.png", []);
        _folder.Write("z.png", []);
        string deep = Path.Combine([outer, .. Enumerable.Repeat(part, 12), "inner"]);
        Directory.Move(inner, deep);
        try
        {
            using var list = InputList.Settle([_folder.Root], TextReader.Null);
            InputItem[] items = [.. list.Items()];
            Assert.Equal(3, items.Length);
            Assert.Equal((_folder.Path("a.png"), null), (items[0].Path, items[0].Problem));
            Assert.StartsWith("cannot list this folder: ", items[1].Problem);
            Assert.StartsWith(deep, items[1].Path);
            Assert.Equal((_folder.Path("z.png"), null), (items[2].Path, items[2].Problem));
        }
        finally
        {
            Directory.Move(deep, inner); // or nothing could delete it
        }
    }

    private static List<InputItem> Lines(byte[] bytes)
    {
        using var reader = new StreamReader(new MemoryStream(bytes));
        return [.. InputList.Stream(reader)];
    }

    private static DinoException Fails(string input) =>
        Assert.Throws<DinoException>(() => InputList.Settle([input], TextReader.Null).Dispose());
}
