using System.Globalization;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Devices;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests;

/// <summary>One model on several devices; here two CPU devices stand for two GPUs.</summary>
public sealed class DinoEncoderGroupTests
{
    private const int Pictures = 41;

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(7)]
    public async Task Two_devices_give_the_rows_of_one_in_order(int batch)
    {
        float[][] expected;
        using (DinoEncoder one = Encoder(_ => { }))
            expected = one.Embed([.. Enumerable.Range(0, Pictures).Select(TinyModel.Picture)]);

        int running = 0;
        bool together = false;
        int[] calls = new int[2];
        using var group = new DinoEncoderGroup([Slow(0), Slow(1)]);
        var rows = new Rows();
        await Pipeline(group, batch).RunAsync(Names(), rows, CancellationToken.None);

        Assert.Equal(Enumerable.Range(0, Pictures), rows.Names);
        Assert.Equal(expected, rows.Values);
        Assert.True(together);
        Assert.All(calls, count => Assert.True(count > 0));

        DinoEncoder Slow(int device) => Encoder(_ =>
        {
            calls[device]++;
            if (Interlocked.Increment(ref running) == 2)
                together = true;
            Thread.Sleep(device == 0 ? 8 : 2); // the second overtakes the first
            Interlocked.Decrement(ref running);
        });
    }

    [Fact]
    public async Task A_device_that_fails_ends_the_run_in_one_line_that_names_it()
    {
        int batches = 0;
        using var group = new DinoEncoderGroup([Encoder(_ => { }), Encoder(_ =>
        {
            if (Interlocked.Increment(ref batches) > 1)
                throw new DinoException("the cable\nfell out");
        })]);
        var rows = new Rows();
        DinoException failure = await Assert.ThrowsAsync<DeviceException>(
            () => Pipeline(group, 2).RunAsync(Names(), rows, CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.StartsWith("cpu (", failure.Message, StringComparison.Ordinal);
        Assert.EndsWith("the cable?fell out", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failure.Message);
        Assert.Equal(Enumerable.Range(0, rows.Names.Count), rows.Names); // what left before is still in order
    }

    /// <summary>A call that no device can do says nothing about the devices.</summary>
    [Fact]
    public void A_call_that_fails_everywhere_leaves_no_device_out()
    {
        var calls = new List<string>();
        using var group = new DinoEncoderGroup([Broken("first"), Broken("second")]);
        DeviceException failure = Assert.Throws<DeviceException>(
            () => group.ForwardPrepared([TinyModel.Picture(0), TinyModel.Picture(1)], DinoOutputs.ClassToken));
        Assert.EndsWith(": second", failure.Message, StringComparison.Ordinal);
        Assert.Equal(["first", "second"], calls);
        Assert.Equal(2, group.Devices.Count);
        group.ForwardPrepared([TinyModel.Picture(0)], DinoOutputs.ClassToken);

        DinoEncoder Broken(string name) => Encoder(count =>
        {
            if (count < 2)
                return;
            calls.Add(name);
            throw new DeviceException(name);
        });
    }

    [Fact]
    public void A_device_without_room_for_a_call_stays()
    {
        using var group = new DinoEncoderGroup([Encoder(_ => throw new DeviceMemoryException("full")), Encoder(_ => { })]);
        Assert.Throws<DeviceMemoryException>(() => group.ForwardPrepared([TinyModel.Picture(0)], DinoOutputs.ClassToken));
        group.ForwardPrepared([TinyModel.Picture(0)], DinoOutputs.ClassToken);
        Assert.Equal(2, group.Devices.Count);
    }

    [Fact]
    public void Many_threads_share_a_group()
    {
        using var group = new DinoEncoderGroup([Encoder(_ => { }), Encoder(_ => { })]);
        float[][] expected = [.. Enumerable.Range(0, 8).Select(i => Embed(i))];
        Parallel.For(0, 64, i => Assert.Equal(expected[i % 8], Embed(i % 8)));
        Assert.Throws<ArgumentException>(() => group.ForwardPrepared([], DinoOutputs.ClassToken));
        group.Dispose();
        group.Dispose();
        Assert.Throws<ObjectDisposedException>(() => Embed(0));

        float[] Embed(int number) => group.ForwardPrepared([TinyModel.Picture(number)], DinoOutputs.ClassToken).ClassToken!.Data;
    }

    [Fact]
    public void A_list_of_one_is_that_device()
    {
        using DinoEncoderGroup group = DinoEncoderGroup.Create(TinyModel.Weights, new DinoOptions { Device = "cpu", Threads = 1 });
        Assert.Equal("cpu", Assert.Single(group.Devices).Id);
        Assert.Equal((32, 32, 4, 4, 32), (group.InputWidth, group.InputHeight, group.GridWidth, group.GridHeight, group.BatchSize));
    }

    [Theory]
    [InlineData("cpu,cpu", "twice")]
    [InlineData("cuda:0, CUDA:0", "twice")]
    [InlineData("cuda,cuda:0", "cuda:0 twice")]
    [InlineData("auto,cpu", "auto")]
    [InlineData("cpu,", "empty entry")]
    [InlineData(",", "',' has an empty entry")]
    [InlineData("cpu,quantum:1", "quantum:1")]
    [InlineData("cpu,cuda:99", "cuda:99")]
    [InlineData("all", "unknown device 'all'")]
    [InlineData("cpu:all", "unknown device 'cpu:all'")]
    public void A_wrong_list_is_said_in_one_line(string devices, string part)
    {
        DinoException failure = Assert.Throws<DeviceException>(
            () => DinoEncoderGroup.Create(TinyModel.Weights, new DinoOptions { Device = devices, Threads = 1 }));
        Assert.Contains(part, failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failure.Message);
    }

    [Theory]
    [InlineData("cuda")]
    [InlineData("opencl")]
    public void All_means_every_usable_device_of_that_kind(string kind)
    {
        string[] usable = [.. DeviceCatalog.Enumerate()
            .Where(info => info.Id.StartsWith(kind, StringComparison.Ordinal) && info.Refusal is null).Select(info => info.Id)];
        if (usable.Length > 0)
            Assert.Equal(usable, DeviceList.Expand($"{kind}:all"));
        else
            Assert.Contains(
                $"'{kind}:all'", Assert.Throws<DeviceException>(() => DeviceList.Expand($"{kind}:all")).Message, StringComparison.Ordinal);
    }

    private static DinoEncoder Encoder(Action<int> beforeBatch) => DinoEncoder.Create(
        TinyModel.Weights, new DinoOptions { Device = "cpu", Threads = 1 }, (device, weights) =>
            new HookedExecutor(VitExecutor.Create(device, weights), beforeBatch));

    private static EmbeddingPipeline Pipeline(DinoEncoderGroup group, int batch) => new(
        (item, _) => new LoadedImage(TinyModel.Picture(int.Parse(item.Path, CultureInfo.InvariantCulture)), 32, 32),
        images => group.ForwardPrepared(images, DinoOutputs.ClassToken),
        new PipelineOptions(batch, 2) { InFlight = group.Devices.Count + 1 });

    private static IEnumerable<InputItem> Names() =>
        Enumerable.Range(0, Pictures).Select(i => InputItem.File(i.ToString(CultureInfo.InvariantCulture)));

    private sealed class Rows : IEmbeddingSink
    {
        public List<int> Names { get; } = [];

        public List<float[]> Values { get; } = [];

        public void Embedded(InputItem item, LoadedImage loaded, DinoOutput output, int image)
        {
            Names.Add(int.Parse(item.Path, CultureInfo.InvariantCulture));
            int hidden = output.ClassToken!.Shape[1];
            Values.Add(output.ClassToken.Data.AsSpan(image * hidden, hidden).ToArray());
        }

        public void Failed(InputItem item, string reason, string? hint) => Assert.Fail($"{item.Path}: {reason}");

        public void Flush()
        {
        }
    }
}
