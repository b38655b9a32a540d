using Dino.Gpu.Data.Pictures;
using Dino.Gpu.Features;
using Dino.Gpu.Imaging;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary><c>dino attention</c> with a model of 3 heads, patches of 8 and 3 layers.</summary>
public sealed class AttentionTests
{
    private static readonly string Chelsea = GoldenData.Image("chelsea.png");

    [Fact]
    public async Task Every_kind_of_file_is_written_into_a_new_directory()
    {
        using var folder = new TemporaryFolder();
        string maps = folder.Path("new", "maps");
        CliResult result = await RunAsync(Chelsea, "-o", maps, "--size", "64x40", "--overlay", "--threshold", "0.6", "--sheet", "--npy");
        Assert.Equal(0, result.ExitCode);
        Assert.Empty(result.Output);
        Assert.Contains("1 image in ", Assert.Single(result.ErrorLines));
        string[] names = ["mean", "head0", "head1", "head2"];
        string[] expected =
        [
            .. names.SelectMany(
                name => new[] { $"chelsea.attention-{name}.png", $"chelsea.overlay-{name}.png", $"chelsea.mask-{name}.png" }),
            "chelsea.attention-sheet.png", "chelsea.attention.npy",
        ];
        Assert.Equal(
            expected.Order(StringComparer.Ordinal), Directory.GetFiles(maps).Select(Path.GetFileName).Order(StringComparer.Ordinal));

        // The library says the same.
        using var encoder = DinoEncoder.Load(CliRunner.TinyWeights, new DinoOptions { Device = "cpu", InputWidth = 64, InputHeight = 40 });
        RgbImage picture = encoder.Prepare(Chelsea);
        AttentionMap map = encoder.AttentionMaps([picture])[0];
        Npy values = Npy.Read(Path.Combine(maps, "chelsea.attention.npy"));
        Assert.Equal([4, 5, 8], values.Shape);
        Assert.Equal([.. map.Mean(), .. map.Values], values.Floats);
        RgbImage heatMap = AttentionPicture.HeatMap(map.Head(1), 5, 8, 8, ColorMap.Viridis);
        Assert.Equal(heatMap.Pixels, Pixels(maps, "chelsea.attention-head1.png"));
        Assert.Equal(AttentionPicture.Overlay(picture, heatMap, 0.5).Pixels, Pixels(maps, "chelsea.overlay-head1.png"));
        Assert.Equal(
            AttentionPicture.Masked(picture, AttentionMap.Mask(map.Mean(), 0.6), 5, 8, 8).Pixels, Pixels(maps, "chelsea.mask-mean.png"));
        Assert.Equal(ContactSheet.Draw(picture, map, 8, ColorMap.Viridis).Pixels, Pixels(maps, "chelsea.attention-sheet.png"));
    }

    [Fact]
    public async Task What_a_killed_process_left_of_these_files_goes()
    {
        using var folder = new TemporaryFolder();
        folder.Write(".chelsea.attention-mean.png.0123abcd.tmp", "killed");
        string[] others = [
            folder.Write(".rocket.attention-mean.png.0123abcd.tmp", "another picture's"),
            folder.Write(".chelsea.attention-mean.png.swp", "an editor's")
        ];
        CliResult result = await RunAsync(Chelsea, "-o", folder.Root, "--head", "mean", "--quiet");
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal(
            [.. others.Append(folder.Path("chelsea.attention-mean.png")).Order(StringComparer.Ordinal)],
            folder.Files.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Layer_head_and_colors_are_those_asked_for()
    {
        using var folder = new TemporaryFolder();
        foreach (string layer in new[] { "0", "-3" })
        {
            CliResult result = await RunAsync(
                Chelsea, "-o", folder.Root, "--size", "60", "--layer", layer, "--head", "2", "--map", "inferno", "--quiet");
            Assert.Equal(0, result.ExitCode);
            Assert.Empty(result.Error);
            using var encoder = DinoEncoder.Load(
                CliRunner.TinyWeights, new DinoOptions { Device = "cpu", InputWidth = 60, InputHeight = 60 });
            AttentionMap map = encoder.AttentionMaps([encoder.Prepare(Chelsea)], 0)[0];
            Assert.Equal(
                AttentionPicture.HeatMap(map.Head(2), 7, 7, 8, ColorMap.Inferno).Pixels,
                Pixels(folder.Root, Path.GetFileName(Assert.Single(folder.Files))));
            File.Delete(folder.Files[0]);
        }
    }

    [Fact]
    public async Task Rollout_is_one_map_of_all_layers()
    {
        using var folder = new TemporaryFolder();
        CliResult result = await RunAsync(
            Chelsea, "-o", folder.Root, "--size", "64x40", "--head", "rollout", "--overlay", "--threshold", "0.6", "--npy");
        Assert.Equal(0, result.ExitCode);
        Assert.Equal(
            ["chelsea.attention-rollout.png", "chelsea.attention.npy", "chelsea.mask-rollout.png", "chelsea.overlay-rollout.png"],
            folder.Files.Select(Path.GetFileName).Order(StringComparer.Ordinal));
        using var encoder = DinoEncoder.Load(CliRunner.TinyWeights, new DinoOptions { Device = "cpu", InputWidth = 64, InputHeight = 40 });
        AttentionMap map = encoder.AttentionRollouts([encoder.Prepare(Chelsea)])[0];
        Npy values = Npy.Read(folder.Path("chelsea.attention.npy"));
        Assert.Equal([1, 5, 8], values.Shape);
        Assert.Equal(map.Values, values.Floats);
        Assert.Equal(
            AttentionPicture.HeatMap(map.Values, 5, 8, 8, ColorMap.Viridis).Pixels, Pixels(folder.Root, "chelsea.attention-rollout.png"));
    }

    [Fact]
    public async Task A_sequence_of_frames_keeps_its_numbers_and_goes_on_past_a_bad_one()
    {
        using var folder = new TemporaryFolder();
        byte[] frame = File.ReadAllBytes(GoldenData.Image("tiny_5x7.png"));
        for (int i = 0; i < 40; i++)
            folder.Write(Path.Combine("frames", $"frame_{i:D4}.png"), i == 17 ? [1, 2, 3] : frame);
        CliResult result = await RunAsync(
            folder.Path("frames"), "-o", folder.Path("maps"), "--size", "32", "--head", "mean", "--overlay", "--no-maps");
        Assert.Equal(3, result.ExitCode);
        Assert.Contains("frame_0017.png", Assert.Single(result.ErrorLines, line => !line.Contains(" -> ")));
        Assert.Contains("40 images", result.ErrorLines[^1]);
        Assert.Contains("1 failed", result.ErrorLines[^1]);
        Assert.Equal(
            Enumerable.Range(0, 40).Where(i => i != 17).Select(i => $"frame_{i:D4}.overlay-mean.png"),
            Directory.GetFiles(folder.Path("maps")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Nothing_is_written_over()
    {
        using var folder = new TemporaryFolder();
        byte[] picture = File.ReadAllBytes(GoldenData.Image("tiny_5x7.png"));
        string one = folder.Write(Path.Combine("a", "x.png"), picture);
        string same = folder.Write(Path.Combine("b", "X.png"), picture);
        Assert.Contains("would both become", (await RunAsync(one, same, "-o", folder.Path("maps"), "--size", "32")).FatalLine());
        string input = folder.Write(Path.Combine("a", "x.attention-head0.png"), picture);
        Assert.Contains("would be overwritten", (await RunAsync(folder.Path("a"), "-o", folder.Path("a"), "--size", "32")).FatalLine());
        Assert.Equal(picture, File.ReadAllBytes(input));
        Assert.Equal(3, folder.Files.Length);
    }

    [Theory]
    [InlineData("layers 0 to 2", "--layer", "3")]
    [InlineData("layers 0 to 2", "--layer", "-4")]
    [InlineData("heads 0 to 2", "--head", "3")]
    public async Task A_layer_or_head_that_the_model_lacks_is_refused(string reason, params string[] options)
    {
        using var folder = new TemporaryFolder();
        Assert.Contains(reason, (await RunAsync([Chelsea, "-o", folder.Path("maps"), "--size", "32", .. options])).FatalLine());
        Assert.Empty(folder.Files);
    }

    [Theory]
    [InlineData("a.jpg")]
    [InlineData("a.jpg", "-o", "maps", "--head", "roll")]
    [InlineData("a.jpg", "-o", "maps", "--head", "rollout", "--layer", "-1")]
    [InlineData("a.jpg", "-o", "maps", "--head", "rollout", "--sheet")]
    [InlineData("a.jpg", "-o", "maps", "--layer", "last")]
    [InlineData("a.jpg", "-o", "maps", "--map", "jet")]
    [InlineData("a.jpg", "-o", "maps", "--threshold", "60")]
    [InlineData("a.jpg", "-o", "maps", "--alpha", "-1")]
    [InlineData("a.jpg", "-o", "maps", "--no-maps")]
    [InlineData("-o", "maps")]
    public async Task Wrong_usage_says_what_was_expected(params string[] arguments)
    {
        (await CliRunner.RunAsync(["attention", .. arguments])).UsageLine();
    }

    private static Task<CliResult> RunAsync(params string[] arguments) =>
        CliRunner.RunAsync(["attention", "--weights", CliRunner.TinyWeights, "--device", "cpu", .. arguments]);

    private static byte[] Pixels(string folder, string name) =>
        new StbImageDecoder().Decode(File.ReadAllBytes(Path.Combine(folder, name)), ExifOrientation.Ignore).Pixels;
}
