using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Tests.Imaging;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>
/// The managed decoder does not read WebP and says which one does. Every failed image is named with its reason; the hint
/// stands below the first of them, once.
/// </summary>
public sealed class FailureHintTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string[] _pictures;

    public FailureHintTests()
    {
        byte[] file = WebPFiles.Lossless(PillowResizeTests.Noise(40, 40));
        _pictures = [_folder.Write("a.webp", file), _folder.Write("b.webp", file)];
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("embed", "-o", "out.npy")]
    [InlineData("embed", "-o", "out")]
    [InlineData("attention", "-o", "out")]
    [InlineData("preprocess", "-o", "out")]
    public async Task Hint_of_images_that_fail_alike_is_printed_once(string command, string option, string output)
    {
        string[] weights = command == "preprocess" ? [] : ["--weights", CliRunner.TinyWeights];
        CliResult result = await CliRunner.RunAsync(
            [command, .. _pictures, option, _folder.Path(output), "--decoder", "stb", "--quiet", .. weights]);
        Assert.Equal(3, result.ExitCode);
        Assert.Equal(3, result.ErrorLines.Length);
        AssertWarning(_pictures[0], result.ErrorLines[0]);
        Assert.StartsWith($"{CliConsole.HintPrefix}use SkiaImageDecoder", result.ErrorLines[1]);
        AssertWarning(_pictures[1], result.ErrorLines[2]);
    }

    [Fact]
    public async Task A_picture_without_its_end_is_embedded_with_a_warning()
    {
        string image = GoldenData.PathOf("pillow", "png_without_iend.png");
        CliResult result = await CliRunner.EmbedTinyAsync(image, "-o", _folder.Path("e.npy"), "--decoder", "skia");
        Assert.Equal(0, result.ExitCode);
        Assert.Contains($"dino: warning: {image}: PNG without its end; all of its pixels are there", result.ErrorLines);
    }

    [Fact]
    public async Task Run_that_a_failed_image_ends_has_its_hint()
    {
        string line = (await EmbedAsync("--on-error", "fail")).FatalLine();
        Assert.Contains($"\n{CliConsole.HintPrefix}use SkiaImageDecoder", line);
        Assert.Contains("--on-error nan or skip", line);
        Assert.Contains($"\n{CliConsole.HintPrefix}use SkiaImageDecoder", (await EmbedAsync("--max-errors", "0")).FatalLine());
    }

    private Task<CliResult> EmbedAsync(string option, string value) => CliRunner.EmbedTinyAsync(
        [.. _pictures, "-o", _folder.Path("out.npy"), "--decoder", "stb", option, value]);

    private static void AssertWarning(string picture, string line)
    {
        Assert.StartsWith($"dino: warning: {picture}: ", line);
        Assert.Contains("WebP is not read", line);
    }
}
