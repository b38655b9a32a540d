using Dino.Gpu.Checkpoints;
using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Kernels.TensorCore;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Tests.Support;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// The emulated card as ILGPU and the library see it: where it is seen, when work is done, what becomes of a fault,
/// what is left behind.
/// </summary>
[Collection(PortableCollection.Name)]
public sealed class CudaDeviceTests
{
    private static readonly VitConfig Tiny = new()
    {
        HiddenSize = 96,
        LayerCount = 2,
        HeadCount = 6,
        MlpSize = 160,
        PatchSize = 8,
        TrainedGrid = 4,
        LayerNormEpsilon = 1e-6,
    };

    [Fact]
    public void Devices_are_seen_only_where_they_are_shown()
    {
        RequireEmulator();
        Assert.Empty(DeviceCatalog.FindCuda());
        Assert.DoesNotContain(DeviceCatalog.Enumerate(), info => info.Id.StartsWith("cuda", StringComparison.Ordinal));
        using (CudaEmulator.Show(2))
        {
            Assert.Equal(["cuda:0", "cuda:1"], DeviceCatalog.FindCuda().Select(found => found.Info.Id));
            Assert.Equal(["cuda:0", "cuda:1"], DeviceList.Expand("cuda:all"));
        }

        Assert.Empty(DeviceCatalog.FindCuda());
    }

    [Fact]
    public void The_next_call_reports_a_fault_and_it_stays()
    {
        using DinoDevice device = Open();
        CudaContext context = CudaDriver.Current!;
        MemoryBuffer1D<int, Stride1D.Dense> values = device.Accelerator.Allocate1D<int>(100); // disposed with the device
        var kernel = device.Accelerator.LoadAutoGroupedStreamKernel<Index1D, int, ArrayView<int>>(StoreAt);
        kernel(100, 0, values.View);
        device.Accelerator.Synchronize();
        Assert.Equal(Enumerable.Range(0, 100), values.GetAsArray1D());
        CudaException fault = Assert.Throws<CudaException>(() =>
        {
            kernel(100, 1, values.View);
            device.Accelerator.Synchronize();
        });
        Assert.Contains("0 bytes behind an allocation of 400 bytes: 'st.global.b32", fault.Message, StringComparison.Ordinal);
        Assert.Throws<CudaException>(device.Accelerator.Synchronize);
        Assert.Equal(FaultKind.OutOfBounds, context.Fault!.Kind);
    }

    /// <summary>Memory of another device is none of this one's.</summary>
    [Fact]
    public void Memory_of_another_device_is_out_of_bounds()
    {
        using DinoDevice first = Open();
        using MemoryBuffer1D<int, Stride1D.Dense> values = first.Accelerator.Allocate1D<int>(100);
        using DinoDevice second = Open();
        var kernel = second.Accelerator.LoadAutoGroupedStreamKernel<Index1D, int, ArrayView<int>>(StoreAt);
        CudaException fault = Assert.Throws<CudaException>(() =>
        {
            kernel(100, 0, values.View);
            second.Accelerator.Synchronize();
        });
        Assert.StartsWith("OutOfBounds", fault.Message, StringComparison.Ordinal);
        first.Accelerator.Synchronize();
    }

    /// <summary>A copy to locked memory is there when the stream was waited for, and as a rule not before.</summary>
    [Fact]
    public unsafe void Work_is_late()
    {
        const int Count = 1000;
        const int Rounds = 50;
        using DinoDevice device = Open();
        Accelerator accelerator = device.Accelerator;
        using AcceleratorStream stream = accelerator.CreateStream();
        using MemoryBuffer1D<int, Stride1D.Dense> values = accelerator.Allocate1D<int>(Count);
        int[] host = GC.AllocateArray<int>(Count, pinned: true);
        using PageLockScope<int> locked = accelerator.CreatePageLockFromPinned(host);
        int early = 0;
        fixed (int* start = host)
        {
            for (int round = 1; round <= Rounds; round++)
            {
                values.View.MemSet(stream, (byte)round);
                values.View.AsContiguous().CopyToPageLockedAsync(stream, locked);
                int expected = 0x01010101 * round;
                early += host[^1] == expected ? 1 : 0;
                stream.Synchronize();
                Assert.All(host, value => Assert.Equal(expected, value));
            }
        }

        Assert.InRange(early, 0, Rounds / 2);
    }

    /// <summary>
    /// Transfers are made by whatever thread calls; ILGPU binds a device's context to the thread that opened it.
    /// </summary>
    [Fact]
    public void Host_memory_is_locked_on_any_thread()
    {
        using DinoDevice device = Open();
        CudaContext context = CudaDriver.Current!;
        using MemoryBuffer1D<float, Stride1D.Dense> values = device.Accelerator.Allocate1D<float>(100);
        Exception? failure = null;
        var thread = new Thread(() => failure = Xunit.Record.Exception(() =>
        {
            using AcceleratorStream stream = device.Accelerator.CreateStream();
            using var transfers = new PinnedTransfers(stream);
            transfers.Upload<float>(new float[100], values.View.AsContiguous());
            Assert.Equal(1, context.PinCount);
            stream.Synchronize();
        }));
        thread.Start();
        thread.Join();
        Assert.Null(failure);
        Assert.Equal(0, context.PinCount);
    }

    /// <summary>
    /// Every precision, float32 on the CPU beside it; the same bytes in any order of groups, warps and streams, and
    /// nothing left behind.
    /// </summary>
    [Theory]
    [InlineData(Precision.Float32, 9, 0.9999999)]
    [InlineData(Precision.TensorFloat32, 9, 0.9999)]
    [InlineData(Precision.Float16, 8, 0.9999)]
    [InlineData(Precision.BFloat16, 8, 0.999)]
    [InlineData(Precision.Float16, 9, 0.9999)]
    [InlineData(Precision.BFloat16, 9, 0.999)]
    public void The_tiny_model_is_right_in_any_order(Precision precision, int capability, double limit)
    {
        const DinoOutputs Everything =
            DinoOutputs.ClassToken | DinoOutputs.LastHiddenState | DinoOutputs.HiddenStates | DinoOutputs.IntermediateLayers
            | DinoOutputs.Queries | DinoOutputs.Keys | DinoOutputs.Values | DinoOutputs.AttentionRollout
            | DinoOutputs.ClassAttentions | DinoOutputs.Attentions;
        RequireEmulator();
        VitWeights weights = SyntheticWeights.Create(Tiny);
        RgbImage[] images =
        [
            .. Enumerable.Range(0, 5).Select(i => i % 2 == 0 ? TinyModel.Picture(i) : NoisePicture.Of(20 + 9 * i, 50 - 4 * i, i)),
        ];
        using DinoEncoder reference = DinoEncoder.Create(weights, new DinoOptions { Device = "cpu", Threads = 1 });
        DinoOutput expected = reference.Forward(images, Everything);
        float[][]? first = null;
        using IDisposable shown = CudaEmulator.Show(new EmulatedMachine { Cards = [new EmulatedCard { Capability = (capability, 0) }] });
        using DinoDevice device = DinoDevice.Open("cuda:0");
        CudaContext context = CudaDriver.Current!;
        using (DinoEncoder encoder = DinoEncoder.Create(
            weights, new DinoOptions { Device = "cpu", Threads = 1, BatchSize = 2 }, (_, model) =>
                VitExecutor.Create(device, model, precision)))
        {
            foreach (int seed in new[] { 1, 2, 3 })
            {
                context.Options = context.Options with { Seed = seed };
                float[][] outputs = [.. Outputs(encoder.Forward(images, Everything)), [.. encoder.Embed(images).SelectMany(row => row)]];
                Assert.All(Outputs(expected).Append(expected.ClassToken!.Data).Zip(outputs), pair =>
                    Assert.InRange(Cosine(pair.First, pair.Second), limit, 1.000001));
                first ??= outputs;
                Assert.Equal(first, outputs);
            }
        }

        device.Accelerator.Synchronize();
        Assert.Equal((0, 0), (context.Memory.Count, context.PinCount));
        Assert.InRange(context.LaunchCount, 100, int.MaxValue);

        // What the assembler is told of attention on tensor cores: a fifth group must have its registers.
        Assert.Equal(
            precision != Precision.Float32,
            context.Modules.Exists(module => module.MostThreads == Attention.Threads && module.LeastGroups == 5));

        // On 9.0 every product in 16 bits, and nothing else, is one with wgmma.
        string[] names = [.. context.Launches.Keys.Where(name => name.StartsWith("wgmma_", StringComparison.Ordinal)).Order()];
        bool hasProducts = capability == 9 && precision is (Precision.Float16 or Precision.BFloat16);
        Assert.Equal(hasProducts, names.Length > 0);
        if (hasProducts)
        {
            string[] epilogues = ["add", "gelu", "store", "storefloat"];
            Assert.Equal(epilogues, names.Select(name => name.Split('_')[^1]).Distinct().Order());
        }
    }

    /// <summary>docs/gpu.md counts with it: a pass of ViT-S's twelve layers, one picture, the class token alone.</summary>
    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void A_pass_of_twelve_layers_is_some_ninety_launches(Precision precision)
    {
        RequireEmulator();
        using IDisposable shown = CudaEmulator.Show();
        using DinoDevice device = DinoDevice.Open("cuda:0");
        CudaContext context = CudaDriver.Current!;
        VitWeights weights = SyntheticWeights.Create(TinyModel.Weights.Config with { HiddenSize = 64, MlpSize = 64, LayerCount = 12 });
        using DinoEncoder encoder = DinoEncoder.Create(
            weights, new DinoOptions { Device = "cpu", Threads = 1, BatchSize = 1 }, (_, model) =>
                VitExecutor.Create(device, model, precision));
        RgbImage picture = TinyModel.Picture(1);
        encoder.Embed([picture]);
        int before = context.LaunchCount;
        encoder.Embed([picture]);
        Assert.InRange(context.LaunchCount - before, 85, 95);
    }

    [Fact]
    public void Two_devices_share_the_work()
    {
        RequireEmulator();
        using IDisposable shown = CudaEmulator.Show(2);
        using DinoEncoder one = DinoEncoder.Create(TinyModel.Weights, new DinoOptions { Device = "cuda:1", BatchSize = 3 });
        using DinoEncoderGroup two = DinoEncoderGroup.Create(TinyModel.Weights, new DinoOptions { Device = "cuda:all", BatchSize = 3 });
        RgbImage[] images = [.. Enumerable.Range(0, 20).Select(TinyModel.Picture)];
        Assert.Equal(one.ForwardPrepared(images, DinoOutputs.ClassToken).ClassToken!.Data,
            two.ForwardPrepared(images, DinoOutputs.ClassToken).ClassToken!.Data);
    }

    private static void StoreAt(Index1D index, int offset, ArrayView<int> values) => values[index + offset] = index;

    private static void RequireEmulator() =>
        Assert.SkipUnless(CudaEmulator.IsUsed, "needs the emulated CUDA device: Linux, a C compiler, and no CUDA card");

    private static DinoDevice Open()
    {
        RequireEmulator();
        return TestDevices.OpenOwn(TestDevice.Cuda);
    }

    private static float[][] Outputs(DinoOutput output) =>
    [
        output.ClassToken!.Data, output.LastHiddenState!.Data, output.HiddenStates!.Data, output.IntermediateLayers!.Data,
        output.Queries!.Data, output.Keys!.Data, output.Values!.Data, output.AttentionRollout!.Data,
            output.ClassAttentions!.Data, output.Attentions!.Data,
    ];

    private static double Cosine(float[] a, float[] b)
    {
        double product = 0, first = 0, second = 0;
        for (int i = 0; i < a.Length; i++)
        {
            product += (double)a[i] * b[i];
            first += (double)a[i] * a[i];
            second += (double)b[i] * b[i];
        }

        return product / Math.Sqrt(first * second);
    }
}
