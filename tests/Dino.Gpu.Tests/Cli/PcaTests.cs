using Dino.Gpu.Data.Pictures;
using Dino.Gpu.Features;
using Dino.Gpu.Imaging;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary><c>dino pca</c> with a model of patches of 8.</summary>
public sealed class PcaTests : IDisposable
{
    private static readonly string[] Images = [
        GoldenData.Image("chelsea.png"), GoldenData.Image("gray.png"), GoldenData.Image("palette.png")
    ];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("1")]
    [InlineData("32")]
    public async Task One_basis_of_all_images_gives_what_the_library_gives(string batch)
    {
        CliResult result = await RunAsync([.. Images, "-o", _folder.Path("new", "pca"), "--size", "64x40", "--npy", "--batch", batch]);
        Assert.Equal(0, result.ExitCode);
        Assert.Empty(result.Output);
        Assert.Contains("of the variance of 120 patches", result.ErrorLines[0]);
        Assert.Contains("3 images in ", result.ErrorLines[^1]);

        using var encoder = DinoEncoder.Load(CliRunner.TinyWeights, new DinoOptions { Device = "cpu", InputWidth = 64, InputHeight = 40 });
        var fit = new PatchPcaFit(48);
        float[][] patches = [.. Images.Select(image => encoder.ForwardPrepared([encoder.Prepare(image)],
            DinoOutputs.PatchGrid).PatchGrid!.Data)];
        foreach (float[] grid in patches)
            fit.Add(grid);
        PatchPca pca = fit.Solve();
        for (int i = 0; i < Images.Length; i++)
        {
            string stem = _folder.Path("new", "pca", Path.GetFileNameWithoutExtension(Images[i]));
            Npy values = Npy.Read(stem + ".pca.npy");
            Assert.Equal([5, 8, 3], values.Shape);
            Assert.Equal(pca.Project(patches[i]), values.Floats);
            Assert.Equal(
                PcaPicture.Draw(pca, values.Floats, 5, 8, 8).Pixels,
                new StbImageDecoder().Decode(File.ReadAllBytes(stem + ".pca.png"), ExifOrientation.Ignore).Pixels);
        }

        Assert.Equal(6, _folder.Files.Length);
    }

    [Fact]
    public async Task A_broken_image_is_named_once_and_the_others_go_on()
    {
        string broken = _folder.Write("broken.png", [1, 2, 3]);
        CliResult result = await RunAsync(Images[0], broken, Images[1], "-o", _folder.Path("pca"), "--size", "32");
        Assert.Equal(3, result.ExitCode);
        Assert.Single(result.ErrorLines, line => line.Contains("broken.png"));
        Assert.Contains("3 images in ", result.ErrorLines[^1]);
        Assert.Contains("1 failed", result.ErrorLines[^1]);
        Assert.Equal(
            ["chelsea.pca.png", "gray.pca.png"],
            Directory.GetFiles(_folder.Path("pca")).Select(Path.GetFileName).Order(StringComparer.Ordinal));

        result = await RunAsync(broken, "-o", _folder.Path("none"), "--size", "32");
        Assert.Equal(3, result.ExitCode);
        Assert.Empty(Directory.GetFiles(_folder.Path("none")));
    }

    [Fact]
    public async Task Nothing_is_written_over_and_nothing_written_is_a_usage_error()
    {
        string image = _folder.Write("a.pca.png", File.ReadAllBytes(GoldenData.Image("tiny_5x7.png")));
        string other = _folder.Write("a.png", File.ReadAllBytes(GoldenData.Image("tiny_5x7.png")));
        Assert.Contains("would be overwritten", (await RunAsync(image, other, "-o", _folder.Root)).FatalLine());
        Assert.Contains(
            "is named twice, also as",
            (await RunAsync(other, Path.Combine(_folder.Root, ".", "a.png"), "-o", _folder.Path("pca"))).FatalLine());
        CliResult usage = await RunAsync(other, "-o", _folder.Path("pca"), "--no-maps");
        Assert.Equal(2, usage.ExitCode);
        Assert.Contains("add --npy", usage.Error);
    }

    private static Task<CliResult> RunAsync(params string[] arguments) =>
        CliRunner.RunAsync(["pca", "--weights", CliRunner.TinyWeights, "--device", "cpu", .. arguments]);
}
