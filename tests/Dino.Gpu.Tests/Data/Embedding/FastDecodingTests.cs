using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Runs;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Embedding;

/// <summary>
/// A fast decoder leaves pixels out that preprocessing does not need. How many it needs the checkpoint says: DINOv2
/// brings the shorter side to 256 pixels and crops 224 of them.
/// </summary>
public sealed class FastDecodingTests : IDisposable
{
    private const string Weights = "synthetic:dinov2-small";

    private static readonly DinoOptions Fast =
        new() { Device = "cpu", BatchSize = 1, Decoder = new SkiaImageDecoder { Fast = true } };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>1000x1000: 3/8 has the 256 pixels, and 2/8 those of an input of 224 without a crop.</summary>
    [Fact]
    public async Task Every_door_decodes_as_few_pixels_as_the_checkpoint_needs()
    {
        string picture = _folder.Write("large.jpg", GeneratedPictures.Picture(seed: 5, 1000, 1000));
        using var encoder = DinoEncoder.Load(Weights, Fast);
        float[] expected = encoder.Embed(picture);
        using var exact = DinoEncoder.Load(Weights, Fast with { Decoder = new SkiaImageDecoder() });
        Assert.NotEqual(exact.Embed(picture), expected);

        using var embedder = Embedder.Load(Weights, new EmbedderOptions { Model = Fast });
        using var list = InputList.Settle([picture], TestContext.Current.CancellationToken);
        string run = _folder.Path("run");
        await EmbeddingRun.RunAsync(embedder, list, run, new RunOptions(), cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(expected, Npy.Read(Assert.Single(Directory.GetFiles(run, "*.npy"))).Floats);

        ImageBatch? batch = null;
        var batches = new PictureBatches(list, encoder, Fast, long.MaxValue);
        await batches.RunAsync(some => batch = some, new NoProgress(), TestContext.Current.CancellationToken);
        Assert.Equal(expected, encoder.ForwardPrepared(batch!.Pictures, DinoOutputs.ClassToken).ClassToken!.Data);
    }
}
