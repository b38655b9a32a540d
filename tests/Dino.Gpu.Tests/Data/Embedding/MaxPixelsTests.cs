using System.Buffers.Binary;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Imaging;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Imaging;
using Dino.Gpu.Tests.Support;


namespace Dino.Gpu.Tests.Data.Embedding;

/// <summary><c>--max-pixels</c>: what a header says is held against it before anything is decoded.</summary>
public sealed class MaxPixelsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("tiny_5x7.png", 35)]
    [InlineData("small.bmp", 0)]
    [InlineData("gray.jpg", 0)]
    public void Limit_is_exact_for_both_decoders(string image, long pixels)
    {
        byte[] file = File.ReadAllBytes(GoldenData.Image(image));
        ImageHeader header = ImageHeader.Read(file);
        long limit = (long)header.Width * header.Height;
        Assert.True(pixels == 0 || pixels == limit);
        foreach (string name in new[] { "skia", "stb" })
        {
            Assert.Equal(header.Width, ImageDecoders.Create(name, limit).Decode(file, ExifOrientation.Ignore).Width);
            string message = Assert.Throws<ImageException>(
                () => ImageDecoders.Create(name, limit - 1).Decode(file, ExifOrientation.Ignore)).Message;
            Assert.EndsWith($"too large: its header says {header.Width}x{header.Height}, the limit is {limit - 1} pixels", message);
        }
    }

    [Fact]
    public void Gif_frame_beyond_its_screen_counts()
    {
        byte[] screen = [.. "GIF89a"u8, 4, 0, 4, 0, 0, 0, 0];
        byte[] frame = [0x2C, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 2, 1, 0, 0, 0x3B];
        AssertRefused([.. screen, .. frame], "65535x65535");
        byte[] moved = [0x2C, 0xFF, 0xFF, 0xFF, 0xFF, 4, 0, 4, 0, 0, 2, 1, 0, 0, 0x3B];
        AssertRefused([.. screen, .. moved], "65539x65539");
    }

    [Fact]
    public void WebP_frame_beyond_its_canvas_counts()
    {
        byte[] canvas = WebPFiles.Chunk("VP8X", [2, 0, 0, 0, 3, 0, 0, 3, 0, 0]); // animated, 4x4
        byte[] lossless = WebPFiles.Chunk("VP8L", Lossless(16384, 16384));
        AssertRefused(WebPFiles.OfChunks(canvas, lossless), "16384x16384");
        byte[] small = WebPFiles.Chunk("VP8L", Lossless(4, 4));
        byte[] large = WebPFiles.Chunk("ANMF", [.. new byte[6], 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, .. new byte[4], .. small]);
        AssertRefused(WebPFiles.OfChunks(canvas, large), "16777216x16777216");
        byte[] lying = WebPFiles.Chunk("ANMF", [.. new byte[6], 3, 0, 0, 3, 0, 0, .. new byte[4], .. lossless]);
        AssertRefused(WebPFiles.OfChunks(canvas, lying), "16384x16384");
    }

    [Fact]
    public async Task Embed_and_preprocess_refuse_larger_pictures_by_their_numbers()
    {
        string small = GoldenData.Image("tiny_5x7.png");
        string large = GoldenData.Image("chelsea.png");
        ImageHeader header = ImageHeader.Read(File.ReadAllBytes(large));
        string expected = $"its header says {header.Width}x{header.Height}, the limit is 1000 pixels";
        CliResult embed = await CliRunner.EmbedTinyAsync(small, large, "--max-pixels", "1000", "--quiet");
        Assert.Equal(3, embed.ExitCode);
        Assert.Contains(expected, Assert.Single(embed.ErrorLines));
        Assert.Equal(2, embed.OutputLines.Length);

        CliResult preprocess = await CliRunner.RunAsync("preprocess", small, large, "-o", _folder.Path("out"), "--max-pixels", "1000");
        Assert.Equal(3, preprocess.ExitCode);
        Assert.Contains(expected, preprocess.Error);
        Assert.Single(_folder.Files);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-5")]
    [InlineData("536870898")]
    [InlineData("many")]
    public async Task Wrong_limit_is_wrong_usage(string limit)
    {
        CliResult result = await CliRunner.RunAsync("embed", "a.jpg", $"--max-pixels={limit}");
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("--max-pixels: expected a whole number from 1 to 536870897", result.ErrorLines[0]);
    }

    private static void AssertRefused(byte[] file, string size)
    {
        foreach (string name in new[] { "skia", "stb" })
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            string message = Assert.Throws<ImageException>(() => ImageDecoders.Create(name).Decode(file, ExifOrientation.Apply)).Message;
            Assert.Contains($"its header says {size}", message);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
        }
    }

    /// <summary>The header of a lossless picture: signature, then 14 bits for each side less one.</summary>
    private static byte[] Lossless(int width, int height)
    {
        byte[] data = new byte[8];
        data[0] = 0x2F;
        BinaryPrimitives.WriteInt32LittleEndian(data.AsSpan(1), width - 1 | height - 1 << 14);
        return data;
    }
}
