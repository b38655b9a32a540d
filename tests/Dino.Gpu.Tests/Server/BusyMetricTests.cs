using System.Diagnostics.Metrics;
using Dino.Gpu.Server;
using Dino.Gpu.Server.Model;
using Dino.Gpu.Server.Requests;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Server;

/// <summary>Whoever is refused because the server is too busy counts in <c>dino.gpu.errors</c>, however early.</summary>
public sealed class BusyMetricTests
{
    [Fact]
    public async Task Refusals_before_the_encoder_are_counted()
    {
        using DinoEncoder encoder = DinoEncoder.Create(TinyModel.Weights, new DinoOptions
        {
            Device = "cpu",
            Threads = 1,
            QueueLimit = 1,
            BatchSize = 64,
            MaxBatchDelay = TimeSpan.FromMinutes(1),
        });
        using var pictures = new PictureModel(encoder, new DinoServerOptions { MaxPasses = 0 });
        Assert.Equal(1, BusyOf(() => pictures.RequireRoom(isQueued: false)));

        var picture = new PictureInput(null, await File.ReadAllBytesAsync(ServerFixture.Rocket));
        using var leave = new CancellationTokenSource();
        Task waiting = pictures.EmbedOneAsync(picture, leave.Token);
        await Assert.ThrowsAsync<DinoBusyException>(() => pictures.EmbedOneAsync(picture, CancellationToken.None));
        Assert.Equal(1, BusyOf(() => pictures.RequireRoom(isQueued: true)));
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);

        using var gate = new PassGate(atOnce: 1, most: 0);
        Assert.Equal(1, BusyOf(() => _ = gate.RunAsync(() => 0, CancellationToken.None).GetAwaiter().GetResult()));
    }

    /// <summary>
    /// How many busy errors a refusal counts. A listener is told on the thread that counts: other tests do not matter.
    /// </summary>
    private static long BusyOf(Action refused)
    {
        int thread = Environment.CurrentManagedThreadId;
        long busy = 0;
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, its) =>
            {
                if (instrument.Name == "dino.gpu.errors")
                    its.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((_, value, tags, _) =>
        {
            if (Environment.CurrentManagedThreadId == thread && tags is [{ Key: "error.type", Value: "busy" }])
                busy += value;
        });
        listener.Start();
        Assert.Equal(429, Assert.Throws<RequestFailure>(refused).Status);
        return busy;
    }
}
