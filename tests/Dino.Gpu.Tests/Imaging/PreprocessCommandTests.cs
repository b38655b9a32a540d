using System.Runtime.InteropServices;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Imaging;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Imaging;

/// <summary><c>dino preprocess</c> from its arguments to its files.</summary>
public sealed class PreprocessCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("hf")]
    [InlineData("dino")]
    public async Task Png_holds_the_golden_bytes(string preset)
    {
        GoldenImage[] pictures = [.. GoldenImages.All
            .Where(golden => golden.Image is "chelsea.png" or "odd_422.jpg" or "one_pixel.png" or "rgba.png")];
        string output = _folder.Path("new", "png");
        string[] inputs = [.. pictures.Select(golden => GoldenData.Image(golden.Image))];
        Assert.Equal(0, (await Run([.. inputs, "-o", output, "--preprocess", preset])).ExitCode);
        foreach (GoldenImage golden in pictures)
        {
            string path = Path.Combine(output, Path.ChangeExtension(golden.Image, ".png"));
            string expected = preset == "hf" ? golden.Sha256Bilinear224 : golden.Sha256DinoEval224;
            foreach (string decoder in new[] { "skia", "stb" })
                Assert.Equal(
                    expected,
                    GoldenImages.Sha256(GoldenImages.Decoder(decoder).Decode(File.ReadAllBytes(path), ExifOrientation.Apply).Pixels));
        }

        Assert.Equal(pictures.Length, Directory.GetFileSystemEntries(output).Length);
    }

    [Fact]
    public async Task Npy_holds_the_golden_planes()
    {
        int code = (await Run(GoldenData.Image("chelsea.png"), "-o", _folder.Root, "--format", "npy")).ExitCode;
        Assert.Equal(0, code);
        Npy planes = Npy.Read(_folder.Path("chelsea.npy"));
        Assert.Equal([3, 224, 224], planes.Shape);
        // report.json
        Assert.Equal(
            "c4dd028736b6bb9c79097e234875fec00554ebd1ab688f402df9666d12dfd1a9",
            GoldenImages.Sha256(MemoryMarshal.AsBytes(planes.Floats.AsSpan())));
    }

    [Theory]
    [InlineData("48", 48, 48)]
    [InlineData("320x240", 320, 240)]
    public async Task Size_is_width_by_height(string size, int width, int height)
    {
        Assert.Equal(0, (await Run(GoldenData.Image("chelsea.png"), "-o", _folder.Root, "--size", size)).ExitCode);
        ImageHeader header = ImageHeader.Read(File.ReadAllBytes(_folder.Path("chelsea.png")));
        Assert.Equal((width, height), (header.Width, header.Height));
    }

    [Fact]
    public async Task Missing_end_is_a_warning()
    {
        string image = GoldenData.PathOf("pillow", "png_without_iend.png");
        CliResult result = await Run(image, "-o", _folder.Root, "--decoder", "skia");
        Assert.Equal(0, result.ExitCode);
        Assert.Contains($"dino: warning: {image}: PNG without its end; all of its pixels are there", result.ErrorLines);
    }

    [Fact]
    public async Task Exif_is_applied_unless_told_otherwise()
    {
        string image = GoldenData.Image("exif_orientation6.jpg");
        Assert.Equal(0, (await Run(image, "-o", _folder.Path("applied"))).ExitCode);
        Assert.Equal(0, (await Run(image, "-o", _folder.Path("ignored"), "--exif", "ignore")).ExitCode);
        Assert.Equal(GoldenImages.Of("exif_orientation6_jpg_upright").Sha256Bilinear224, Written("applied"));
        Assert.Equal(GoldenImages.Of("exif_orientation6_jpg").Sha256Bilinear224, Written("ignored"));

        string Written(string name) =>
            GoldenImages.Sha256(GoldenImages.Png(_folder.Path(name, "exif_orientation6.png")).Pixels);
    }

    [Fact]
    public async Task Failed_image_is_named_and_the_others_go_on()
    {
        string text = _folder.Path("text.jpg");
        File.WriteAllText(text, "no picture");
        string output = _folder.Path("out");
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a privilege there");
        string missing = _folder.Path("missing.png");
        File.CreateSymbolicLink(missing, "nowhere");
        CliResult result = await CliRunner.RunAsync(["preprocess", text, missing, GoldenData.Image("gray.jpg"), "-o", output]);
        Assert.Equal(3, result.ExitCode);
        Assert.Equal(["gray.png"], Directory.GetFileSystemEntries(output).Select(Path.GetFileName));
        string[] lines = result.ErrorLines;
        Assert.Equal(3, lines.Length);
        Assert.StartsWith($"dino: warning: {text}: not an image", lines[0]);
        Assert.StartsWith($"dino: warning: {missing}: is a link to a file that is not there", lines[1]);
        Assert.StartsWith("dino: 3 images, 2 failed -> ", lines[2]);
    }

    /// <summary>Folders, globs, lists, tables, archives and standard input, as every other command.</summary>
    [Fact]
    public async Task Inputs_are_those_of_the_other_commands()
    {
        string photos = Directory.CreateDirectory(Path.Combine(_folder.Root, "photos", "deep")).FullName;
        foreach (string name in new[] { "gray.jpg", "rgba.png" })
            File.Copy(GoldenData.Image(name), Path.Combine(photos, name));
        File.WriteAllText(Path.Combine(photos, "notes.txt"), "no picture");
        string list = Path.Combine(_folder.Root, "list.txt"), table = Path.Combine(_folder.Root, "table.csv");
        File.WriteAllText(list, Path.Combine(photos, "gray.jpg") + "\n" + Path.Combine(photos, "rgba.png") + "\n");
        File.WriteAllText(table, $"path,label\n{Path.Combine(photos, "gray.jpg")},a\n{Path.Combine(photos, "rgba.png")},b\n");
        string tar = Path.Combine(_folder.Root, "photos.tar");
        System.Formats.Tar.TarFile.CreateFromDirectory(photos, tar, includeBaseDirectory: false);
        int run = 0;
        string[] inputs = [Path.Combine(_folder.Root, "photos"), Path.Combine(photos, "*.{jpg,png}"), "@" + list, table, tar, "-"];
        foreach (string input in inputs)
        {
            string output = Path.Combine(_folder.Root, $"out{run++}");
            CliResult result = await CliRunner.RunWithInputAsync(File.ReadAllText(list), "preprocess", input, "-o", output);
            Assert.Equal(0, result.ExitCode);
            Assert.Equal(["gray.png", "rgba.png"], Directory.GetFiles(output).Select(Path.GetFileName).Order());
            Assert.Equal(
                GoldenImages.Of("rgba_png").Sha256Bilinear224,
                GoldenImages.Sha256(GoldenImages.Png(Path.Combine(output, "rgba.png")).Pixels));
        }
    }

    [Fact]
    public async Task Fast_decoding_changes_large_photographs_a_little()
    {
        string photo = Path.Combine(_folder.Root, "photo.jpg");
        File.WriteAllBytes(photo, GeneratedPictures.Picture(seed: 1, 1800, 1200));
        Assert.Equal(0, (await Run(photo, "-o", Path.Combine(_folder.Root, "exact"))).ExitCode);
        Assert.Equal(0, (await Run(photo, "-o", Path.Combine(_folder.Root, "fast"), "--decode", "fast")).ExitCode);
        RgbImage exact = GoldenImages.Png(Path.Combine(_folder.Root, "exact", "photo.png"));
        RgbImage fast = GoldenImages.Png(Path.Combine(_folder.Root, "fast", "photo.png"));
        Assert.InRange(exact.Pixels.Zip(fast.Pixels).Average(pair => Math.Abs(pair.First - pair.Second)), 1e-6, 4);
        Assert.Contains("--decode", (await Run(photo, "-o", _folder.Root, "--decode", "fast", "--decoder", "stb")).FatalLine());
    }

    /// <summary>A header may name chunks in letters that clear the screen.</summary>
    [Fact]
    public async Task Names_are_printed_without_what_a_terminal_obeys()
    {
        string evil = _folder.Path("evil\e[2J.png");
        File.WriteAllText(evil, "no picture");
        CliResult result = await CliRunner.RunAsync("preprocess", evil, "-o", _folder.Path("out\e[2J"));
        Assert.Equal(3, result.ExitCode);
        Assert.DoesNotContain('\e', result.Error);
        Assert.Contains("out?[2J", result.ErrorLines[^1]);
    }

    [Fact]
    public async Task Two_images_of_one_name_are_refused_before_anything_is_written()
    {
        string output = _folder.Path("out");
        string line = (await Run(GoldenData.Image("gray.png"), GoldenData.Image("gray.jpg"), "-o", output)).FatalLine();
        Assert.Contains("gray.png and", line);
        Assert.False(Directory.Exists(output));
    }

    [Fact]
    public async Task Source_is_never_overwritten()
    {
        string image = _folder.Path("gray.png");
        File.Copy(GoldenData.Image("gray.png"), image);
        Assert.Contains("would be overwritten", (await Run(image, "-o", _folder.Root)).FatalLine());
        Assert.Equal(GoldenImages.Of("gray_png").File, File.ReadAllBytes(image));
    }

    [Fact]
    public async Task Output_that_is_a_file_is_one_line()
    {
        string file = _folder.Path("file");
        File.WriteAllText(file, "");
        (await Run(GoldenData.Image("gray.png"), "-o", file)).FatalLine();
    }

    [Theory]
    [InlineData("--size", "0")]
    [InlineData("--size", "10x")]
    [InlineData("--size", "10x10x10")]
    [InlineData("--size", "-5")]
    [InlineData("--size", "99999x99999")]
    [InlineData("--preprocess", "squash")]
    [InlineData("--exif", "yes")]
    [InlineData("--decoder", "gdi")]
    [InlineData("--format", "jpg")]
    public async Task Wrong_values_are_usage_errors(string option, string value) =>
        Assert.Contains(option, (await CliRunner.RunAsync("preprocess", "a.png", "-o", "d", option, value)).UsageLine());

    private static Task<CliResult> Run(params string[] arguments) => CliRunner.RunAsync(["preprocess", .. arguments]);
}
