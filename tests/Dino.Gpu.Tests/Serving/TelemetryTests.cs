using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Serving;

/// <summary>
/// What OpenTelemetry would collect. Other tests run meanwhile and are measured, too: the device's id is not theirs.
/// </summary>
public sealed class TelemetryTests
{
    [Fact]
    public async Task Pictures_batches_times_and_errors_are_measured()
    {
        var sums = new ConcurrentDictionary<string, double>();
        var errors = new ConcurrentDictionary<string, int>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, its) =>
            {
                if (instrument.Meter.Name == DinoTelemetry.MeterName)
                    its.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Add(instrument, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
        listener.Start();

        await using DinoEncoder encoder = DinoEncoder.Create(TinyModel.Weights, new DinoOptions { Device = "cpu", Threads = 1 });
        await encoder.EmbedAsync(TinyModel.Picture(1));
        encoder.Embed([TinyModel.Picture(1), TinyModel.Picture(2)]);
        await Assert.ThrowsAsync<ImageException>(async () => await encoder.EmbedAsync("absent.png"));
        await Assert.ThrowsAsync<ImageException>(async () => await encoder.EmbedAsync("words"u8.ToArray()));

        Assert.True(sums["dino.gpu.images"] >= 3);
        Assert.True(sums["dino.gpu.batches"] >= 2);
        Assert.True(sums["dino.gpu.batch.size"] >= 3);
        Assert.True(sums["dino.gpu.batch.duration"] > 0);
        Assert.True(sums["dino.gpu.decode.duration"] > 0);
        Assert.True(sums["dino.gpu.queue.duration"] > 0);
        Assert.Contains("dino.gpu.queue.length", sums.Keys);
        Assert.True(errors["unreadable"] >= 1);
        Assert.True(errors["not_an_image"] >= 1);

        void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            sums.AddOrUpdate(instrument.Name, value, (_, sum) => sum + value);
            foreach ((string name, object? tag) in tags)
            {
                if (name == "error.type")
                    errors.AddOrUpdate((string)tag!, 1, (_, count) => count + 1);
            }
        }
    }

    [Fact]
    public async Task A_call_and_its_batch_are_activities_linked_to_each_other()
    {
        var stopped = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name is DinoTelemetry.ActivitySourceName or "test",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = stopped.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        using var source = new ActivitySource("test");
        await using DinoEncoder encoder = DinoEncoder.Create(TinyModel.Weights, new DinoOptions { Device = "cpu", Threads = 1 });
        using Activity request = source.StartActivity("request")!;
        await encoder.EmbedAsync(TinyModel.Picture(1));
        Assert.Same(request, Activity.Current);
        await Assert.ThrowsAsync<ImageException>(async () => await encoder.EmbedAsync("absent.png"));

        Activity[] calls = [.. stopped.Where(activity => activity.OperationName == "embed" && activity.TraceId == request.TraceId)];
        Assert.Equal(2, calls.Length);
        Assert.Equal((ActivityStatusCode.Error, "unreadable"), (calls[1].Status, calls[1].GetTagItem("error.type")));
        Activity batch = await BatchAsync();
        Assert.Equal(1, batch.GetTagItem("dino.gpu.batch.size"));
        Assert.NotEqual(request.TraceId, batch.TraceId); // it belongs to all of its callers

        async Task<Activity> BatchAsync()
        {
            for (int tries = 0; ; tries++) // it stops a moment after its callers go on
            {
                if (stopped.FirstOrDefault(IsBatch) is { } found)
                    return found;
                Assert.True(tries < 1000, "no batch is linked to the call");
                await Task.Delay(10);
            }
        }

        bool IsBatch(Activity activity) =>
            activity.OperationName == "forward" && activity.Links.Any(link => link.Context.SpanId == calls[0].SpanId);
    }
}
