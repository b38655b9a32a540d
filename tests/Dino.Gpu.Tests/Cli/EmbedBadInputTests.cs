using System.Text.Json;
using Dino.Gpu.Tests.Imaging;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>Every bad input: one clear line, the right exit code, no partial file.</summary>
public sealed class EmbedBadInputTests : IDisposable
{
    private static readonly string Chelsea = GoldenData.Image("chelsea.png");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> BrokenImageNames => [.. BrokenImages.All.Select(image => image.Name)];

    [Theory]
    [MemberData(nameof(BrokenImageNames))]
    public async Task Broken_image_is_named_and_keeps_its_row(string name)
    {
        string broken = Put(name);
        string output = Directory.CreateDirectory(_folder.Path("out")).FullName;
        string file = Path.Combine(output, "o.npy");
        CliResult result = await CliRunner.EmbedTinyAsync(Chelsea, Argument(broken), Chelsea, "-o", file, "--quiet");

        Assert.Equal(3, result.ExitCode);
        string line = Assert.Single(result.ErrorLines);
        Assert.StartsWith("dino: warning: ", line);
        Assert.Contains(broken, line);
        Assert.True(line.Length > broken.Length + 15, "no reason in: " + line);
        Assert.DoesNotContain("Exception", line);

        Assert.Equal([file], Directory.GetFiles(output, "*", new EnumerationOptions { AttributesToSkip = 0 }));
        Npy rows = Npy.Read(file);
        Assert.Equal([3, 48], rows.Shape);
        Assert.All(rows.Floats[48..96], value => Assert.True(float.IsNaN(value)));
        Assert.Equal(rows.Floats[..48], rows.Floats[96..]);
        Assert.All(rows.Floats[..48], value => Assert.True(float.IsFinite(value)));
    }

    /// <summary>Ten are named, the others counted by kind; the file of errors has all of them.</summary>
    [Theory]
    [InlineData("-q")]
    [InlineData("--progress", "json")]
    public async Task Many_failures_are_ten_lines_and_counts(params string[] options)
    {
        string text = Put("text.jpg"), cut = Put("truncated.jpg");
        string list = _folder.Write("list.txt", string.Concat(
            Enumerable.Range(0, 500).Select(i => i % 100 == 0 ? text + "\n" : i % 50 == 1 ? cut + "\n" : $"missing{i}.jpg\n")));
        string file = _folder.Path("o.npy"), errors = _folder.Path("errors.jsonl");
        CliResult result = await CliRunner.EmbedTinyAsync(["@" + list, Chelsea, "-o", file, "--errors", errors, .. options]);
        Assert.Equal(3, result.ExitCode);
        Assert.Equal(500, File.ReadAllLines(errors).Length);
        string[] warnings = [.. result.ErrorLines.Where(line => line.Contains("dino: warning: "))];
        Assert.Equal(11, warnings.Length);
        Assert.Contains("missing2.jpg: no such file", warnings[2]);
        Assert.Contains(
            $"490 more images could not be read: 477 no such file, 9 truncated JPEG, 4 not an image ({errors} names all of them)",
            warnings[10]);
        CliResult all = await CliRunner.EmbedTinyAsync("@" + list, Chelsea, "-o", file, "--verbose");
        Assert.Equal(500, all.ErrorLines.Count(line => line.StartsWith("dino: warning: ", StringComparison.Ordinal)));
    }

    /// <summary>
    /// One file of every extension that pictures have: what can be read is read, other kinds of picture are rows that
    /// fail by name, and anything else is counted.
    /// </summary>
    /// <summary>The first page of a Nikon's file: a thumbnail, and where the picture is (tags 254 and 330).</summary>
    private static byte[] Thumbnail =>
    [
        .. "II*\0"u8, 8, 0, 0, 0, 4, 0, 254, 0, 4, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0,
        1, 1, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0, 74, 1, 4, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0,
    ];

    [Fact]
    public async Task A_folder_with_every_extension_is_accounted_for()
    {
        byte[] jpeg = File.ReadAllBytes(GoldenData.PathOf("pillow", "jpeg_even_420.jpg"));
        byte[] png = File.ReadAllBytes(GoldenData.Image("tiny_5x7.png"));
        (string Extension, byte[] Bytes)[] read =
        [
            .. new[] { ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjp", ".pjpeg", ".mpo" }.Select(extension => (extension, jpeg)),
            (".png", png), (".apng", png), (".webp", WebPFiles.Lossless(PillowResizeTests.Noise(9, 8))),
            (".bmp", Pillow("bmp_40_24bit.bmp")), (".dib", Pillow("bmp_40_24bit.bmp")), (".gif", Pillow("gif_plain.gif")),
            (".tif", Pillow("tiff_rgb_raw.tif")), (".tiff", Pillow("tiff_gray.tif")), (".ico", Pillow("ico_24bit.ico")),
        ];
        byte[] heif = [0, 0, 0, 24, .. "ftypheic"u8, 0, 0, 0, 0, .. "mif1heic"u8];
        (string Extension, byte[] Bytes, string Named)[] refused =
        [
            (".heic", heif, "HEIF"), (".heif", heif, "HEIF"), (".hif", heif, "HEIF"),
            (".avif", [0, 0, 0, 24, .. "ftypavif"u8, 0, 0, 0, 0], "AVIF"),
            (".jxl", [0xFF, 0x0A, 0, 0], "JPEG XL"), (".jp2", [0, 0, 0, 12, .. "jP  \r\n"u8, 0x87, 0x0A], "JPEG 2000"),
            (".j2k", [0xFF, 0x4F, 0xFF, 0x51], "JPEG 2000"), (".jpf", [0, 0, 0, 12, .. "jP  \r\n"u8, 0x87, 0x0A], "JPEG 2000"),
            (".psd", [.. "8BPS"u8, 0, 1], "Photoshop"), (".svg", "<svg xmlns='http://www.w3.org/2000/svg'/>"u8.ToArray(), "SVG"),
            (".tga", [0, 0, 2, 0, .. new byte[14]], "found bytes"), (".ppm", "P6\n1 1\n255\nabc"u8.ToArray(), "Netpbm"),
            (".pgm", "P5\n1 1\n255\na"u8.ToArray(), "Netpbm"), (".pbm", "P4\n1 1\na"u8.ToArray(), "Netpbm"),
            (".pnm", "P3\n1 1\n255\n1 2 3\n"u8.ToArray(), "Netpbm"),
            (".cr3", [0, 0, 0, 24, .. "ftypcrx "u8, 0, 0, 0, 0], "raw file (CR3)"),
            (".dng", [.. "II*\0"u8, 8, 0, 0, 0, 1, 0, 0x12, 0xC6, 1, 0, 4, 0, 0, 0, 1, 4, 0, 0, 0, 0, 0, 0], "DNG"),
            (".nrw", Thumbnail, "raw file"), (".cur", [0, 0, 2, 0, 1, 0, .. new byte[16]], "CUR"),
            (".icns", [.. "icns"u8, 0, 0, 0, 8], "ICNS"),
            (".pef", [1, 2, 3, 4], "found bytes"), (".srw", [1, 2, 3, 4], "found bytes"), (".xcf", [1, 2, 3, 4], "found bytes"),
            (".cr2", [1, 2, 3, 4], "found bytes"), (".nef", [1, 2, 3, 4], "found bytes"), (".arw", [1, 2, 3, 4], "found bytes"),
        ];
        string[] counted = [".zip", ".txt", ".mp4"];
        foreach ((string extension, byte[] bytes) in read)
            _folder.Write($"in/a{extension}", bytes);
        foreach ((string extension, byte[] bytes, _) in refused)
            _folder.Write($"in/b{extension}", bytes);
        foreach (string extension in counted)
            _folder.Write($"in/c{extension}", "PK");

        CliResult result = await CliRunner.EmbedTinyAsync(_folder.Path("in"));
        Assert.Equal(3, result.ExitCode);
        Dictionary<string, JsonElement> rows = result.OutputLines.Select(line => JsonDocument.Parse(line).RootElement)
            .ToDictionary(row => Path.GetExtension(row.GetProperty("path").GetString()!));
        Assert.Equal(read.Length + refused.Length, rows.Count);
        Assert.All(read, file => Assert.Equal(JsonValueKind.Array, rows[file.Extension].GetProperty("embedding").ValueKind));
        Assert.All(refused, file => Assert.Contains(file.Named, rows[file.Extension].GetProperty("error").GetString()));
        Assert.Contains(result.ErrorLines, line => line.Contains("3 files that are no pictures (1 .mp4, 1 .txt, 1 .zip)"));

        static byte[] Pillow(string name) => File.ReadAllBytes(GoldenData.PathOf("pillow", name));
    }

    [Fact]
    public async Task Rows_are_written_even_when_no_image_can_be_read()
    {
        string[] paths = [.. BrokenImages.All.Select(image => Put(image.Name))];
        CliResult npy = await CliRunner.EmbedTinyAsync([.. paths.Select(Argument), "--output", "patches", "-o", _folder.Path("o.npy")]);
        Assert.Equal(3, npy.ExitCode);
        Npy rows = Npy.Read(_folder.Path("o.npy"));
        Assert.Equal([paths.Length, 4, 4, 48], rows.Shape);
        Assert.All(rows.Floats, value => Assert.True(float.IsNaN(value)));

        CliResult lines = await CliRunner.EmbedTinyAsync([.. paths.Select(Argument)]);
        Assert.Equal(3, lines.ExitCode);
        Assert.Equal(paths.Length, lines.OutputLines.Length);
        foreach ((string line, string path) in lines.OutputLines.Zip(paths))
        {
            JsonElement row = JsonDocument.Parse(line).RootElement;
            Assert.Equal(path, row.GetProperty("path").GetString());
            Assert.Equal(JsonValueKind.Null, row.GetProperty("embedding").ValueKind);
            Assert.NotEmpty(row.GetProperty("error").GetString()!);
        }

        Assert.Contains($"{paths.Length} failed", lines.ErrorLines[^1]);
    }

    /// <summary>Messages show names as they are, except for what a terminal would obey.</summary>
    [Theory]
    [InlineData("x\e[31mx.jpg", "x?[31mx.jpg: ")]
    [InlineData("x\e[31mx.jpg ", "'x?[31mx.jpg ': ")]
    [InlineData("x.jpg\n", "x.jpg?: ")]
    [InlineData("file", "file: ")] // a word of the reason too
    public async Task Names_are_told_without_what_a_terminal_obeys(string name, string expected)
    {
        CliResult result = await CliRunner.RunWithInputAsync(
            $"first.jpg\0{name}\0", "embed", "-", "--weights", CliRunner.TinyWeights, "--device", "cpu", "--quiet");
        Assert.Equal(3, result.ExitCode);
        Assert.Equal(["dino: warning: first.jpg: no such file", $"dino: warning: {expected}no such file"], result.ErrorLines);
    }

    [Fact]
    public async Task Folder_named_as_an_image_in_a_list_fails_its_row()
    {
        string list = _folder.Write("list.txt", $"{_folder.Root}\n{Chelsea}\n");
        CliResult result = await CliRunner.EmbedTinyAsync("@" + list, "--quiet");
        Assert.Equal(3, result.ExitCode);
        Assert.Contains("directory", Assert.Single(result.ErrorLines));
        Assert.Equal(2, result.OutputLines.Length);
    }

    [Fact]
    public async Task A_folder_without_images_ends_the_command()
    {
        _folder.Write("in/notes.txt", "nothing to see");
        string line = await FailsAsync(_folder.Path("in"));
        Assert.Contains("no images in folder", line);
    }

    [Fact]
    public async Task A_checkpoint_of_another_architecture_is_refused()
    {
        string line = await FailsAsync(Chelsea, "--weights", _folder.Write("resnet.safetensors", BrokenCheckpoints.OtherArchitecture()));
        Assert.Contains("resnet.safetensors", line);
    }

    [Fact]
    public async Task Pickle_that_imports_os_system_is_refused_and_not_run()
    {
        string marker = _folder.Path("marker");
        string line = await FailsAsync(Chelsea, "--weights", _folder.Write("evil.bin", BrokenCheckpoints.OsSystem(marker)));
        Assert.Contains("os.system", line);
        Assert.False(File.Exists(marker));
    }

    [Fact]
    public async Task Safetensors_header_that_claims_2_to_the_60_bytes_is_refused()
    {
        string line = await FailsAsync(Chelsea, "--weights", _folder.Write("liar.safetensors", BrokenCheckpoints.HugeHeader()));
        Assert.Contains("1152921504606846976", line);
    }

    [Fact]
    public async Task Missing_weights_are_named()
    {
        string line = await FailsAsync(Chelsea, "--weights", _folder.Path("none.bin"));
        Assert.Contains("none.bin", line);
    }

    [Theory]
    [InlineData("cuda:99")]
    [InlineData("opencl:99")]
    [InlineData("tpu")]
    [InlineData("cuda:x")]
    public async Task An_unknown_device_is_named(string device)
    {
        string line = await FailsAsync(Chelsea, "--device", device);
        Assert.Contains(device, line);
    }

    [Theory]
    [InlineData("tf32")]
    [InlineData("fp16")]
    public async Task A_precision_that_the_device_lacks_is_refused(string precision)
    {
        string line = await FailsAsync(Chelsea, "--device", "cpu", "--precision", precision);
        Assert.Contains($"does not compute in {precision}, only in fp32", line);
    }

    [Fact]
    public async Task Unwritable_output_is_found_before_the_work()
    {
        // The weights do not exist: naming the output proves that it was looked at first.
        string weights = _folder.Path("none.bin");
        foreach (string target in new[] { _folder.Path("nowhere", "o.npy"), "/proc/o.npy", "/proc/out/" })
        {
            CliResult result = await CliRunner.RunAsync("embed", Chelsea, "--weights", weights, "-o", target);
            Assert.Contains("cannot write", result.FatalLine());
        }

        Assert.Empty(_folder.Files);
    }

    [Fact]
    public async Task An_input_size_smaller_than_a_patch_is_refused() =>
        Assert.Contains("patch", await FailsAsync(Chelsea, "--size", "4"));

    /// <summary>Runs to <c>out/o.npy</c>, which must not come to be.</summary>
    private async Task<string> FailsAsync(params string[] arguments)
    {
        string output = Directory.CreateDirectory(_folder.Path("out")).FullName;
        string[] weights = arguments.Contains("--weights") ? [] : ["--weights", CliRunner.TinyWeights];
        CliResult result = await CliRunner.RunAsync(["embed", .. arguments, .. weights, "-o", Path.Combine(output, "o.npy")]);
        Assert.Empty(Directory.GetFiles(output, "*", new EnumerationOptions { AttributesToSkip = 0 }));
        return result.FatalLine();
    }

    private static string Argument(string path) => File.Exists(path) ? path : MissingFiles.List(path);

    private string Put(string name)
    {
        byte[]? content = BrokenImages.All.Single(image => image.Name == name).Content;
        return content is null ? _folder.Path(name) : _folder.Write(name, content);
    }
}
