using System.Collections.Concurrent;
using System.Globalization;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Tests.Support;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Tests.Pipeline;

public sealed partial class DevicePipelineTests
{
    [Fact]
    public void A_failure_in_staging_leaves_the_slots_usable()
    {
        int calls = 0;
        using DinoEncoder encoder = Encoder(TestDevice.OpenCL, new DinoOptions { BatchSize = 2 }, _ => { }, _ =>
        {
            if (++calls % 2 == 0)
                throw new DinoException("broken");
        });
        float[] expected = encoder.Embed(TinyModel.Picture(0)); // call 1
        for (int round = 0; round < 5; round++)
        {
            Assert.Throws<DinoException>(() => encoder.Embed(TinyModel.Picture(1)));
            Assert.Equal(expected, encoder.Embed(TinyModel.Picture(0)));
        }
    }

    /// <summary>With one caller held in a step, one behind it and two without a slot.</summary>
    [Theory]
    [InlineData("stage")]
    [InlineData("launch")]
    [InlineData("finish")]
    public void Disposal_waits_for_what_is_under_way_and_refuses_the_rest(string step)
    {
        using var held = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        int staged = 0; // by callers that have a slot
        DinoEncoder encoder = Encoder(
            TestDevice.OpenCL,
            new DinoOptions { BatchSize = 1 },
            _ => Hold("launch"),
            _ =>
            {
                Interlocked.Increment(ref staged);
                Hold("stage");
            },
            _ => Hold("finish"));
        var ends = new ConcurrentBag<string>();
        Thread[] callers = [.. Enumerable.Range(0, 4).Select(caller => new Thread(() =>
        {
            try
            {
                ends.Add(encoder.Embed(TinyModel.Picture(caller)).Length == 16 ? "done" : "wrong");
            }
            catch (ObjectDisposedException)
            {
                ends.Add("disposed");
            }
        }))];
        foreach (Thread caller in callers)
            caller.Start();
        Assert.True(held.Wait(Patience));
        Assert.True(
            SpinWait.SpinUntil(
                () => Volatile.Read(ref staged) == 2 && callers.All(caller => caller.ThreadState == ThreadState.WaitSleepJoin), Patience));

        var disposal = new Thread(encoder.Dispose);
        disposal.Start();
        Assert.False(disposal.Join(100), "disposed under a pass");
        goOn.Set();
        Assert.True(disposal.Join(Patience));
        foreach (Thread caller in callers)
            Assert.True(caller.Join(Patience));
        Assert.Equal(["disposed", "disposed", "done", "done"], ends.Order());
        encoder.Dispose();
        Assert.Throws<ObjectDisposedException>(() => encoder.Embed(TinyModel.Picture(0)));
        Assert.Throws<ObjectDisposedException>(() => encoder.MeasurePeak());

        void Hold(string where)
        {
            if (where != step)
                return;
            held.Set();
            Assert.True(goOn.Wait(Patience));
        }
    }

    /// <summary>What <c>dino embed</c> does: pictures that the devices resize, two batches under way on each.</summary>
    [Fact]
    public async Task A_group_keeps_two_batches_under_way_on_each_device_and_rows_in_order()
    {
        RgbImage[] images = [.. Enumerable.Range(0, 83).Select(i => NoisePicture.Of(10 + i, 90 - i, i))];
        float[][] expected;
        using (DinoEncoder one = Encoder(TestDevice.OpenCL, new DinoOptions()))
            expected = one.Embed(images);

        using DinoDevice first = TestDevices.OpenOwn(TestDevice.OpenCL);
        using DinoDevice second = TestDevices.OpenOwn(TestDevice.OpenCL);
        using var group = new DinoEncoderGroup(
            [Encoder(first, new DinoOptions { BatchSize = 4 }), Encoder(second, new DinoOptions { BatchSize = 4 })]);
        Assert.Equal(4, group.BatchesInFlight);
        Assert.Same(images[0], group.PrepareForDevice(images[0]));
        var rows = new List<float[]>();
        var pipeline = new EmbeddingPipeline(
            (item, _) => new LoadedImage(group.PrepareForDevice(images[int.Parse(item.Path, CultureInfo.InvariantCulture)]), 0, 0),
            batch => group.ForwardPrepared(batch, DinoOutputs.ClassToken),
            new PipelineOptions(BatchSize: 4, Workers: 2) { InFlight = group.BatchesInFlight });
        await pipeline.RunAsync(
            Enumerable.Range(0, images.Length).Select(i => InputItem.File($"{i}")), new Rows(rows), TestContext.Current.CancellationToken);
        Assert.Equal(expected, rows);
    }

    [Fact]
    public void A_group_with_a_CPU_in_it_resizes_on_the_host()
    {
        using var group = new DinoEncoderGroup(
            [
                Encoder(TestDevice.OpenCL, new DinoOptions()),
                DinoEncoder.Create(TinyModel.Weights, new DinoOptions { Device = "cpu", Threads = 1 })
            ]);
        Assert.Equal(3, group.BatchesInFlight);
        Assert.Equal((32, 32), Size(group.PrepareForDevice(NoisePicture.Of(64, 48, 1))));
    }

    /// <summary>Host memory of 64 KiB, and copies that are larger, smaller and in between, both ways.</summary>
    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Transfers_keep_their_limit_and_lose_nothing(TestDevice kind)
    {
        DinoDevice device = devices.Open(kind);
        using AcceleratorStream stream = device.Accelerator.CreateStream();
        using var transfers = new PinnedTransfers(stream, limit: 1 << 16);
        int[] lengths = [1, 100, 5000, 70_000, 3, 16_384, 16_385, 0, 40_000];
        float[][] expected = [.. lengths.Select((length, i) => Enumerable.Range(0, length)
            .Select(j => (float)(i * 100_000 + j)).ToArray())];
        using MemoryBuffer1D<float, Stride1D.Dense> buffer = device.Accelerator.Allocate1D<float>(lengths.Sum());
        for (int round = 0; round < 3; round++)
        {
            long at = 0;
            foreach (float[] values in expected)
            {
                transfers.Upload<float>(values, buffer.View.SubView(at, values.Length).AsContiguous());
                at += values.Length;
            }

            float[] actual = new float[lengths.Sum() + 7];
            at = 0;
            foreach (float[] values in expected)
            {
                transfers.Read(buffer.View.SubView(at, values.Length).AsContiguous(), actual, at + 7);
                at += values.Length;
            }

            stream.Synchronize();
            transfers.Complete();
            Assert.Equal([0, 0, 0, 0, 0, 0, 0, .. expected.SelectMany(values => values)], actual);
            if (round == 1)
                transfers.Release();
        }
    }
}
