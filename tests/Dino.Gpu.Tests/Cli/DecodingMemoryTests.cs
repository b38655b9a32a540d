using Dino.Gpu.Cli.Commands;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Pages;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Imaging;
using Dino.Gpu.Tests.Imaging;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>
/// The commands that decode beside <c>embed</c>'s pipeline: what they decode at one time fits into memory, and they end
/// as it does.
/// </summary>
public sealed class DecodingMemoryTests : IDisposable
{
    private const int Side = 23_170; // nearly as many pixels as there may be
    private const int Count = 16;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("batches")]
    [InlineData("page")]
    public async Task Large_pictures_wait_for_one_another(string what)
    {
        long room = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4 / 10 / ((long)Side * Side);
        Assert.SkipWhen(room >= Count, "all of them fit");
        int inside = 0, done = 0, tooMany = 0;
        using var reached = new ManualResetEventSlim();
        var decoder = new HookedDecoder(() =>
        {
            if (Interlocked.Increment(ref inside) > Math.Max(1, room))
            {
                Interlocked.Increment(ref tooMany);
                reached.Set();
            }

            reached.Wait(50);
            Interlocked.Decrement(ref inside);
            Interlocked.Increment(ref done);
        });
        await DecodeAsync(what, decoder);
        Assert.Equal((Count, 0), (done, tooMany));
    }

    [Theory]
    [InlineData("batches")]
    [InlineData("page")]
    public async Task Want_of_memory_is_one_line_that_says_what_to_do(string what)
    {
        DinoException failure = await Assert.ThrowsAsync<DinoException>(
            () => DecodeAsync(what, new HookedDecoder(() => throw new OutOfMemoryException())));
        Assert.Matches(@"\d+\.png: not enough memory to decode it$", failure.Message);
        Assert.Contains("lower --threads", failure.Hint);
    }

    [Theory]
    [InlineData("batches")]
    [InlineData("page")]
    public async Task What_ends_the_work_comes_out_as_it_is(string what)
    {
        using var cancellation = new CancellationTokenSource();
        var decoder = new HookedDecoder(() =>
        {
            cancellation.Cancel();
            cancellation.Token.ThrowIfCancellationRequested();
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => DecodeAsync(what, decoder, cancellation.Token));
        Assert.DoesNotContain(_folder.Files, file => !file.EndsWith(".png", StringComparison.Ordinal));
    }

    private async Task DecodeAsync(string what, HookedDecoder decoder, CancellationToken cancellation = default)
    {
        byte[] file = [
            .. PngFiles.Signature, .. PngFiles.Header(Side, Side), .. PngFiles.Chunk("IDAT", [0]), .. PngFiles.Chunk("IEND", [])
        ];
        string[] images = [.. Enumerable.Range(0, Count).Select(i => _folder.Write(Path.Combine("photos", $"{i}.png"), file))];
        var model = new DinoOptions { Device = "cpu", Decoder = decoder, Threads = Count };
        if (what == "page")
        {
            using var page = new PicturePage(_folder.Path("page.html"), model, ImageHeader.LargestMaxPixels);
            PageCard[] cards = [.. images.Select((path, i) => new PageCard("", null, new RowInfo { Row = i, Path = path }))];
            page.Add(cards[0], cards[1..], cancellation);
            return;
        }

        var settings = new ImageBatchSettings
        {
            Inputs = images,
            Directory = _folder.Path("out"),
            Weights = CliRunner.TinyWeights,
            Model = model,
            MaxPixels = ImageHeader.LargestMaxPixels,
        };
        using ImageBatches batches = await ImageBatches.OpenAsync(
            settings, new CliConsole { Input = TextReader.Null, Output = Stream.Null, Error = TextWriter.Null }, CancellationToken.None);
        await batches.RunAsync(_ => { }, cancellation);
    }

    /// <summary>Does something else instead of decoding.</summary>
    private sealed class HookedDecoder(Action instead) : IImageDecoder
    {
        public string Name => "hooked";

        public RgbImage Decode(ReadOnlyMemory<byte> file, ExifOrientation orientation)
        {
            instead();
            return new RgbImage(8, 8, new byte[8 * 8 * 3]);
        }
    }
}
