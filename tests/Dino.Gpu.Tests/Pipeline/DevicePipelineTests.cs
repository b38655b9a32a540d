using System.Collections.Concurrent;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Tests.Cuda;
using Dino.Gpu.Tests.Imaging;
using Dino.Gpu.Tests.Support;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Tests.Pipeline;

/// <summary>
/// The way of pictures through a GPU's slots: resized on the device, uploaded beside the pass before, each row where it
/// belongs.
/// </summary>
[Collection(PortableCollection.Name)]
public sealed partial class DevicePipelineTests(TestDevices devices)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Sizes on both sides of every limit; 32x32 is the model's input.</summary>
    private static readonly (int Width, int Height, bool OnDevice)[] Sizes =
    [
        (1, 1, true), (5, 7, true), (32, 32, false), (33, 31, true), (32, 90, true), (90, 32, true), (200, 150, true), (640, 480, true),
        (700, 500, false), (1, 5000, true), (5000, 1, true), (500, 375, true), (500, 375, true), (1, 90_000, false),
    ];

    public static TheoryData<TestDevice, PreprocessPreset> Presets => new(
        from kind in new[] { TestDevice.OpenCL, TestDevice.Cuda }
        from preset in Enum.GetValues<PreprocessPreset>()
        select (kind, preset));

    [Theory]
    [MemberData(nameof(Presets))]
    public void Pictures_of_any_size_have_the_bytes_of_the_host_resize(TestDevice kind, PreprocessPreset preset)
    {
        RgbImage[] images = [.. Sizes.Select((size, i) => NoisePicture.Of(size.Width, size.Height, i))];
        using DinoEncoder encoder = Encoder(kind, new DinoOptions { Preprocess = preset, BatchSize = 3 });
        Assert.Equal(
            Sizes.Select(size => size.OnDevice),
            images.Select(image => ReferenceEquals(encoder.PrepareForDevice(image), image) && encoder.Prepare(image) != image));

        DinoOutput expected = encoder.ForwardPrepared([.. images.Select(encoder.Prepare)], DinoOutputs.LastHiddenState);
        Assert.Equal(expected.LastHiddenState!.Data, encoder.Forward(images, DinoOutputs.LastHiddenState).LastHiddenState!.Data);
        RgbImage[] mixed = [.. images.Select((image, i) => i % 2 == 0 ? encoder.Prepare(image) : encoder.PrepareForDevice(image))];
        Assert.Equal(expected.LastHiddenState.Data, encoder.ForwardPrepared(mixed, DinoOutputs.LastHiddenState).LastHiddenState!.Data);
        Assert.Throws<ArgumentException>(() => encoder.ForwardPrepared([images[8]], DinoOutputs.ClassToken));
    }

    [Theory]
    [MemberData(nameof(Presets))]
    public void Files_have_the_bytes_of_the_host_resize_turned_ones_too(TestDevice kind, PreprocessPreset preset)
    {
        string[] paths = [.. GoldenImages.All.Select(golden => GoldenData.Image(golden.Image)).Distinct()];
        using DinoEncoder encoder = Encoder(kind, new DinoOptions { Preprocess = preset, Decoder = GoldenImages.Decoder("auto") });
        float[][] expected = [.. paths.Select(path => encoder.ForwardPrepared([encoder.Prepare(path)],
            DinoOutputs.ClassToken).ClassToken!.Data)];
        Assert.Equal(expected, encoder.Embed(paths));
        Assert.Equal(expected[1], encoder.Embed(paths[1]));

        GoldenImage turned = GoldenImages.All.First(golden => golden is { Upright: true, ExifOrientation: >= 5 });
        Assert.NotEqual((encoder.InputWidth, encoder.InputHeight), Size(encoder.PrepareForDevice(GoldenData.Image(turned.Image))));
    }

    /// <summary>Every caller gets its own rows, whatever the others upload and compute meanwhile.</summary>
    [Theory]
    [InlineData(TestDevice.OpenCL, 2)]
    [InlineData(TestDevice.OpenCL, 4)]
    [InlineData(TestDevice.Cuda, 2)]
    [InlineData(TestDevice.Cuda, 4)]
    public void Concurrent_callers_get_their_own_rows(TestDevice kind, int callers)
    {
        int rounds = kind == TestDevice.Cuda && CudaEmulator.IsUsed ? 10 : 40;
        RgbImage[] images = [.. Enumerable.Range(0, 24).Select(i => i % 3 == 0 ? TinyModel.Picture(i)
            : NoisePicture.Of(20 + 7 * i, 50 + 3 * i, i))];
        int launching = 0, most = 0;
        using DinoEncoder encoder = Encoder(kind, new DinoOptions { BatchSize = 4 }, _ =>
        {
            most = Math.Max(most, Interlocked.Increment(ref launching));
            Thread.Sleep(1);
            Interlocked.Decrement(ref launching);
        });
        float[][] expected = [.. images.Select(encoder.Embed)];
        TestThreads.Run(callers, caller =>
        {
            var random = new Random(caller);
            for (int round = 0; round < rounds; round++)
            {
                int[] picks = [.. Enumerable.Range(0, 1 + random.Next(11)).Select(_ => random.Next(images.Length))];
                DinoOutputs outputs = random.Next(3) == 0
                    ? DinoOutputs.ClassToken | DinoOutputs.LastHiddenState | DinoOutputs.HiddenStates | DinoOutputs.Attentions
                    : DinoOutputs.ClassToken;
                float[] actual = encoder.Forward([.. picks.Select(i => images[i])], outputs).ClassToken!.Data;
                Assert.Equal(picks.SelectMany(i => expected[i]), actual);
            }
        });
        Assert.Equal(1, most); // launches take turns
    }

    /// <summary>Several threads resize at once with the same kernels, each on its stream.</summary>
    [Theory]
    [MemberData(nameof(TestDevices.Fast), MemberType = typeof(TestDevices))]
    public void Concurrent_resizes_have_the_bytes_of_the_host(TestDevice kind)
    {
        Accelerator accelerator = devices.Open(kind).Accelerator;
        var kernels = new ResizeKernels(accelerator);
        var preprocessor = new Preprocessor(PreprocessPreset.HuggingFace, 8, 8);
        TestThreads.Run(4, caller =>
        {
            RgbImage[] images = [.. Enumerable.Range(0, 16).Select(i => NoisePicture.Of(5 + caller + i, 9 + i, i))];
            byte[] expected = [.. images.SelectMany(image => preprocessor.Apply(image).Pixels)];
            using var onDevice = new DevicePreprocessor(accelerator, kernels, preprocessor);
            using MemoryBuffer1D<byte, Stride1D.Dense> pixels = accelerator.Allocate1D<byte>(expected.Length);
            byte[] actual = new byte[expected.Length];
            using AcceleratorStream stream = accelerator.CreateStream();
            for (int round = 0; round < 40; round++)
            {
                onDevice.Apply(images, 0, images.Length, pixels.View.AsContiguous());
                pixels.View.AsContiguous().CopyToCPU(stream, actual.AsSpan());
                Assert.Equal(expected, actual);
            }
        });
    }

    /// <summary>
    /// One call with many batches of other sizes each: what is staged must not reach the pass that computes, nor its
    /// results those of another.
    /// </summary>
    [Theory]
    [MemberData(nameof(TestDevices.Fast), MemberType = typeof(TestDevices))]
    public void Slots_are_used_again_only_when_nothing_reads_them(TestDevice kind)
    {
        RgbImage[] images = [.. Enumerable.Range(0, 37).Select(i => NoisePicture.Of(8 + i, 8 + 5 * i % 97, i))];
        const DinoOutputs Everything =
            DinoOutputs.ClassToken | DinoOutputs.LastHiddenState | DinoOutputs.HiddenStates | DinoOutputs.Attentions;
        using DinoEncoder alone = Encoder(kind, new DinoOptions { BatchSize = 1 });
        float[] expected = [.. images.SelectMany(image => alone.ForwardPrepared([alone.Prepare(image)],
            DinoOutputs.ClassToken).ClassToken!.Data)];
        DinoOutput whole = alone.Forward(images, Everything);
        Assert.Equal(expected, whole.ClassToken!.Data);
        foreach (int batch in new[] { 2, 7, 32 })
        {
            using DinoEncoder encoder = Encoder(kind, new DinoOptions { BatchSize = batch });
            DinoOutput actual = encoder.Forward(images, Everything);
            Assert.Equal(expected, actual.ClassToken!.Data);
            Assert.Equal(whole.LastHiddenState!.Data, actual.LastHiddenState!.Data);
            Assert.Equal(whole.HiddenStates!.Data, actual.HiddenStates!.Data);
            Assert.Equal(whole.Attentions!.Data, actual.Attentions!.Data);
        }
    }

    [Theory]
    [MemberData(nameof(TestDevices.Fast), MemberType = typeof(TestDevices))]
    public void The_next_batch_of_a_call_is_staged_and_launched_before_the_first_is_waited_for(TestDevice kind)
    {
        var steps = new ConcurrentQueue<string>();
        using DinoEncoder encoder = Encoder(
            kind, new DinoOptions { BatchSize = 2 }, count =>
                steps.Enqueue($"launch {count}"), count => steps.Enqueue($"stage {count}"), count => steps.Enqueue($"finish {count}"));
        Assert.Equal(2, encoder.BatchesInFlight);
        encoder.Embed([.. Enumerable.Range(0, 5).Select(TinyModel.Picture)]);
        Assert.Equal(["stage 2", "launch 2", "stage 2", "launch 2", "finish 2", "stage 1", "launch 1", "finish 2", "finish 1"], steps);
    }

    [Theory]
    [MemberData(nameof(TestDevices.Fast), MemberType = typeof(TestDevices))]
    public void Another_caller_is_staged_while_one_launches(TestDevice kind)
    {
        using var bothStaged = new CountdownEvent(2);
        using DinoEncoder encoder = Encoder(
            kind,
            new DinoOptions(),
            _ => Assert.True(bothStaged.Wait(Patience), "staging waited for the launch"),
            _ => bothStaged.Signal());
        TestThreads.Run(2, caller => encoder.Embed(TinyModel.Picture(caller)));
    }

    /// <summary>On the CPU one batch has all cores, and nothing is gathered beside it.</summary>
    [Fact]
    public void The_CPU_takes_one_batch_at_a_time()
    {
        int inside = 0, most = 0;
        using DinoEncoder encoder = DinoEncoder.Create(
            TinyModel.Weights,
            new DinoOptions { Device = "cpu", Threads = 1, BatchSize = 2 },
            (device, weights) => new HookedExecutor(
                VitExecutor.Create(device, weights),
                _ => Thread.Sleep(1),
                _ => most = Math.Max(most, Interlocked.Increment(ref inside)),
                _ => Interlocked.Decrement(ref inside)));
        Assert.Equal(1, encoder.BatchesInFlight);
        Assert.Equal((32, 32), Size(encoder.PrepareForDevice(NoisePicture.Of(64, 48, 1))));
        TestThreads.Run(3, caller => encoder.Embed([.. Enumerable.Range(0, 7).Select(TinyModel.Picture)]));
        Assert.Equal(1, most);
    }

    /// <summary>Wherever memory runs out, batches are halved until they fit, and no caller loses a row.</summary>
    [Theory]
    [InlineData("stage", 1)]
    [InlineData("launch", 1)]
    [InlineData("finish", 1)]
    [InlineData("stage", 3)]
    [InlineData("launch", 3)]
    [InlineData("finish", 3)]
    public void Memory_that_runs_out_halves_the_batch(string step, int callers)
    {
        RgbImage[] images = [.. Enumerable.Range(0, 29).Select(i => NoisePicture.Of(10 + i, 40, i))];
        var warnings = new ConcurrentQueue<string>();
        float[][] expected;
        using (DinoEncoder roomy = Encoder(TestDevice.OpenCL, new DinoOptions()))
            expected = roomy.Embed(images);
        using DinoEncoder encoder = Encoder(
            TestDevice.OpenCL, new DinoOptions { BatchSize = 16, Warning = warnings.Enqueue }, count =>
                Fail("launch", count), count => Fail("stage", count), count => Fail("finish", count));

        TestThreads.Run(callers, _ =>
        {
            for (int round = 0; round < 3; round++)
                Assert.Equal(expected, encoder.Embed(images));
        });

        Assert.Equal(4, encoder.BatchSize);
        Assert.Equal(
            ["continuing with 8", "continuing with 4"],
            warnings.Select(line => line[line.IndexOf("continuing", StringComparison.Ordinal)..]));

        void Fail(string where, int count)
        {
            if (where == step && count > 5)
                throw new DeviceMemoryException("full");
        }
    }

    /// <summary>
    /// An encoder whose model is on a device of the tests; the one it opens itself has nothing to do.
    /// </summary>
    private DinoEncoder Encoder(
        TestDevice kind,
        DinoOptions options,
        Action<int>? beforeLaunch = null,
        Action<int>? beforeStage = null,
        Action<int>? beforeFinish = null) =>
        Encoder(devices.Open(kind), options, beforeLaunch, beforeStage, beforeFinish);

    private static DinoEncoder Encoder(
        DinoDevice device,
        DinoOptions options,
        Action<int>? beforeLaunch = null,
        Action<int>? beforeStage = null,
        Action<int>? beforeFinish = null) =>
        DinoEncoder.Create(
            TinyModel.Weights,
            options with { Device = "cpu", Threads = 1 },
            (_, weights) =>
                new HookedExecutor(new PortableExecutor(device, weights), beforeLaunch ?? (_ => { }), beforeStage, beforeFinish));

    private static (int Width, int Height) Size(RgbImage image) => (image.Width, image.Height);

    private sealed class Rows(List<float[]> rows) : IEmbeddingSink
    {
        public void Embedded(InputItem item, LoadedImage loaded, DinoOutput output, int image)
        {
            int hidden = output.ClassToken!.Shape[1];
            rows.Add(output.ClassToken.Data.AsSpan(image * hidden, hidden).ToArray());
        }

        public void Failed(InputItem item, string reason, string? hint) => Assert.Fail($"{item.Path}: {reason}");

        public void Flush()
        {
        }
    }
}
