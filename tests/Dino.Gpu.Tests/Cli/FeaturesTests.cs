using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Dino.Gpu.Features;
using Dino.Gpu.Imaging;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary><c>dino features</c> with a model of 3 layers, patches of 8 and hidden size 48.</summary>
public sealed class FeaturesTests
{
    private static readonly string Chelsea = GoldenData.Image("chelsea.png");

    [Fact]
    public async Task Patch_tokens_of_the_last_layer_are_the_default()
    {
        using var folder = new TemporaryFolder();
        string directory = folder.Path("new", "out");
        CliResult result = await RunAsync(Chelsea, "-o", directory, "--size", "64x40");
        Assert.Equal(0, result.ExitCode);
        Assert.Empty(result.Output);
        Assert.Contains("1 image in ", Assert.Single(result.ErrorLines));
        Npy grid = Npy.Read(Assert.Single(folder.Files));
        Assert.Equal("chelsea.tokens-layer2.npy", Path.GetFileName(folder.Files[0]));
        Assert.Equal([5, 8, 48], grid.Shape);
        using DinoEncoder encoder = Encoder(64, 40);
        Assert.Equal(encoder.ForwardPrepared([encoder.Prepare(Chelsea)], DinoOutputs.PatchGrid).PatchGrid!.Data, grid.Floats);
    }

    /// <summary>
    /// Members of an archive may have any name: one that no file made of it can have costs its image, not the command.
    /// </summary>
    [Theory]
    [InlineData("features")]
    [InlineData("attention")]
    [InlineData("pca")]
    public async Task Names_of_members_that_no_file_can_have(string command)
    {
        using var folder = new TemporaryFolder();
        byte[] picture = File.ReadAllBytes(Chelsea);
        string fits = new string('n', 230); // with a temporary name's letters it would not
        string tar = folder.Path("a.tar");
        using (var writer = new System.Formats.Tar.TarWriter(File.Create(tar)))
        {
            foreach (string name in new[] { "a.png", $"d/{fits}.png", $"{new string('l', 252)}.png", "bNb.png", "z.png" })
            {
                writer.WriteEntry(new System.Formats.Tar.PaxTarEntry(System.Formats.Tar.TarEntryType.RegularFile, name)
                {
                    DataStream = new MemoryStream(picture),
                });
            }
        }

        byte[] bytes = File.ReadAllBytes(tar);
        bytes[bytes.AsSpan().IndexOf("path=bNb.png"u8) + 6] = 0;
        File.WriteAllBytes(tar, bytes);
        string[] size = command == "features" ? ["--size", "32"] : ["--size", "64"];
        CliResult result = await CliRunner.RunAsync(
            [command, tar, "-o", folder.Path("out"), "-w", CliRunner.TinyWeights, "--device", "cpu", .. size]);
        Assert.Equal(3, result.ExitCode);
        Assert.Contains("its name is too long: a file made of it would have one of ", result.Error);
        Assert.Contains("its name in the archive is damaged: it has a NUL", result.Error);
        Assert.Contains("5 images in", result.Error);
        foreach (string stem in new[] { "a", fits, "z" })
            Assert.Contains(folder.Files, file => Path.GetFileName(file).StartsWith(stem + ".", StringComparison.Ordinal)
                || Path.GetFileName(file).StartsWith(stem + "_", StringComparison.Ordinal));
        Assert.DoesNotContain(folder.Files, file => file.EndsWith(".tmp", StringComparison.Ordinal));
    }

    /// <summary>Each array is the library's, whatever stands beside it, in either format.</summary>
    [Theory]
    [InlineData("npy")]
    [InlineData("safetensors")]
    public async Task Every_feature_of_the_layers_asked_for_is_written(string format)
    {
        using var folder = new TemporaryFolder();
        CliResult result = await RunAsync(
            Chelsea, GoldenData.Image("gray.png"), "-o", folder.Root, "--size", "40x24", "--layer", "1,-1", "--layer", "2",
            "--what", "values,tokens", "--what", "keys,queries", "--raw", "--last-blocks", "2", "--format", format, "--quiet");
        Assert.Equal(0, result.ExitCode);
        Assert.Empty(result.Error);
        string[] names = [
            .. new[] { "values", "residual", "keys", "queries" }.SelectMany(what => new[] { $"{what}-layer1", $"{what}-layer2" }),
            "last2"
        ];
        string[] files = format == "npy"
            ? [.. new[] { "chelsea", "gray" }.SelectMany(stem => names.Select(name => $"{stem}.{name}.npy"))]
            : ["chelsea.features.safetensors", "gray.features.safetensors"];
        Assert.Equal(files.Order(StringComparer.Ordinal), folder.Files.Select(Path.GetFileName).Order(StringComparer.Ordinal));

        using DinoEncoder encoder = Encoder(40, 24);
        foreach (string stem in new[] { "chelsea", "gray" })
        {
            RgbImage picture = encoder.Prepare(GoldenData.Image(stem + ".png"));
            foreach (PatchFeature feature in new[] { PatchFeature.Values, PatchFeature.Residual, PatchFeature.Keys, PatchFeature.Queries })
            {
                for (int layer = 1; layer < 3; layer++)
                {
                    (int[] shape, float[] values) = Read(stem, $"{feature.ToString().ToLowerInvariant()}-layer{layer}");
                    Assert.Equal([3, 5, 48], shape);
                    Assert.Equal(encoder.PatchFeatures([picture], feature, layer)[0].Values, values);
                }
            }

            (int[] lastShape, float[] last) = Read(stem, "last2");
            Assert.Equal([2, 48], lastShape);
            Assert.Equal(encoder.Pool([picture], Pooling.Parse("last2")!)[0], last);
        }

        (int[] Shape, float[] Values) Read(string stem, string name)
        {
            if (format == "npy")
            {
                Npy npy = Npy.Read(folder.Path($"{stem}.{name}.npy"));
                return (npy.Shape, npy.Floats);
            }

            byte[] bytes = File.ReadAllBytes(folder.Path(stem + ".features.safetensors"));
            int header = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
            Assert.Equal(0, header % 8);
            using JsonDocument json = JsonDocument.Parse(bytes.AsMemory(8, header));
            JsonElement entry = json.RootElement.GetProperty(name);
            Assert.Equal("F32", entry.GetProperty("dtype").GetString());
            int[] offsets = [.. entry.GetProperty("data_offsets").EnumerateArray().Select(offset => offset.GetInt32())];
            return (
                [.. entry.GetProperty("shape").EnumerateArray().Select(side => side.GetInt32())],
                MemoryMarshal.Cast<byte, float>(bytes.AsSpan()[(8 + header + offsets[0])..(8 + header + offsets[1])]).ToArray());
        }
    }

    [Fact]
    public async Task Class_tokens_of_the_last_blocks_are_written_alone()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(0, (await RunAsync(Chelsea, "-o", folder.Root, "--last-blocks", "3")).ExitCode);
        Assert.Equal([3, 48], Npy.Read(Assert.Single(folder.Files)).Shape);
        Assert.Equal("chelsea.last3.npy", Path.GetFileName(folder.Files[0]));
    }

    [Fact]
    public async Task A_bad_image_does_not_end_the_run()
    {
        using var folder = new TemporaryFolder();
        byte[] picture = File.ReadAllBytes(GoldenData.Image("tiny_5x7.png"));
        for (int i = 0; i < 40; i++)
            folder.Write(Path.Combine("in", $"{i:D2}.png"), i == 17 ? [1, 2, 3] : picture);
        CliResult result = await RunAsync(folder.Path("in"), "-o", folder.Path("out"), "--what", "keys");
        Assert.Equal(3, result.ExitCode);
        Assert.Contains("17.png", Assert.Single(result.ErrorLines, line => !line.Contains(" -> ")));
        Assert.Equal(
            Enumerable.Range(0, 40).Where(i => i != 17).Select(i => $"{i:D2}.keys-layer2.npy"),
            Directory.GetFiles(folder.Path("out")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("layers 0 to 2", "--layer", "0,3")]
    [InlineData("layers 0 to 2", "--layer", "-4")]
    [InlineData("expected at most 3", "--last-blocks", "4")]
    public async Task A_layer_or_head_that_the_model_lacks_is_refused(string reason, params string[] options)
    {
        using var folder = new TemporaryFolder();
        Assert.Contains(reason, (await RunAsync([Chelsea, "-o", folder.Path("out"), .. options])).FatalLine());
        Assert.Empty(folder.Files);
    }

    [Theory]
    [InlineData("required", "a.jpg")]
    [InlineData("expected numbers of layers", "a.jpg", "-o", "out", "--layer", "last")]
    [InlineData("expected numbers of layers", "a.jpg", "-o", "out", "--layer", "1,,2")]
    [InlineData(
        "expected tokens, keys, queries, values, rotated-queries, rotated-keys, found 'logits'", "a.jpg", "-o", "out", "--what",
        "tokens,logits")]
    [InlineData("--last-blocks: expected", "a.jpg", "-o", "out", "--last-blocks", "0")]
    [InlineData("parquet", "a.jpg", "-o", "out", "--format", "parquet")]
    [InlineData("--raw is for tokens", "a.jpg", "-o", "out", "--what", "keys", "--raw")]
    [InlineData("--raw is for tokens", "a.jpg", "-o", "out", "--last-blocks", "2", "--raw")]
    public async Task Wrong_usage_says_what_was_expected(string reason, params string[] arguments)
    {
        Assert.Contains(reason, (await CliRunner.RunAsync(["features", .. arguments])).UsageLine());
    }

    private static DinoEncoder Encoder(int width, int height) =>
        DinoEncoder.Load(CliRunner.TinyWeights, new DinoOptions { Device = "cpu", InputWidth = width, InputHeight = height });

    private static Task<CliResult> RunAsync(params string[] arguments) =>
        CliRunner.RunAsync(["features", "--weights", CliRunner.TinyWeights, "--device", "cpu", .. arguments]);
}
