using Dino.Gpu.Checkpoints;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Serving;

/// <summary>Loading says how far it is, and ends when asked to.</summary>
public sealed class LoadingTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Progress_ends_with_all_bytes_and_the_device(bool isGroup)
    {
        string path = Write();
        var reports = new Reports();
        await using IDinoEncoder encoder = isGroup
            ? await DinoEncoderGroup.LoadAsync(path, Options, reports)
            : await DinoEncoder.LoadAsync(path, Options, reports);
        long total = reports.All[0].BytesTotal;
        Assert.True(total > 4 * 16 * 16, $"{total} bytes");
        Assert.Equal(new DinoLoadProgress(DinoLoadStage.Weights, 0, total), reports.All[0]);
        Assert.Equal(new DinoLoadProgress(DinoLoadStage.Weights, total, total), reports.All[^2]);
        Assert.Equal(new DinoLoadProgress(DinoLoadStage.Device, total, total), reports.All[^1]);
        Assert.Equal(reports.All.OrderBy(report => report.BytesDone), reports.All);
        using DinoEncoder expected = DinoEncoder.Create(TinyModel.Weights, Options);
        Assert.Equal(expected.Embed(TinyModel.Picture(1)), encoder.Embed(TinyModel.Picture(1)));
    }

    /// <summary>The masks of DINOv3's biases are read after everything else, and count too.</summary>
    [Fact]
    public void Progress_counts_masks()
    {
        var reports = new Reports();
        Checkpoint.LoadWatched(FamilyModel.PathOf("dinov3", "original.pth"), null, new LoadWatch(reports, CancellationToken.None));
        Assert.Equal(reports.All[0].BytesTotal, reports.All[^1].BytesDone);
    }

    [Theory]
    [InlineData(DinoLoadStage.Weights)]
    [InlineData(DinoLoadStage.Device)]
    public async Task Cancellation_ends_it(DinoLoadStage stage)
    {
        string path = Write();
        using var cancellation = new CancellationTokenSource();
        var reports = new Reports(report =>
        {
            if (report.Stage == stage)
                cancellation.Cancel();
        });
        Assert.ThrowsAny<OperationCanceledException>(() => DinoEncoder.Load(path, Options, reports, cancellation.Token));
        Assert.Equal(stage == DinoLoadStage.Device, reports.All.Any(report => report.Stage == DinoLoadStage.Device));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => DinoEncoder.LoadAsync(path, Options, reports, cancellation.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => DinoEncoderGroup.LoadAsync(path, Options, null, cancellation.Token));
    }

    [Fact]
    public async Task What_is_wrong_is_said_as_by_the_synchronous_method()
    {
        string absent = _folder.Path("absent.bin");
        WeightsException expected = Assert.Throws<WeightsException>(() => DinoEncoder.Load(absent));
        Assert.Equal(expected.Message, (await Assert.ThrowsAsync<WeightsException>(() => DinoEncoder.LoadAsync(absent))).Message);
    }

    private static DinoOptions Options { get; } = new() { Device = "cpu", Threads = 1 };

    private string Write()
    {
        string path = _folder.Path("model.safetensors");
        SafetensorsWriter.Write(path, TinyModel.Weights);
        return path;
    }

    private sealed class Reports(Action<DinoLoadProgress>? then = null) : IProgress<DinoLoadProgress>
    {
        public List<DinoLoadProgress> All { get; } = [];

        public void Report(DinoLoadProgress value)
        {
            lock (All)
                All.Add(value);
            then?.Invoke(value);
        }
    }
}
