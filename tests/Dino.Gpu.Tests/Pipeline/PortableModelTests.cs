using Dino.Gpu.Checkpoints;
using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Tests.Cuda;
using Dino.Gpu.Tests.Support;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Tests.Pipeline;

/// <summary>Whole models through the portable family.</summary>
[Collection(PortableCollection.Name)]
public sealed class PortableModelTests(TestDevices devices, SeededWeights seeded, ITestOutputHelper log) : IClassFixture<SeededWeights>
{
    /// <summary>Heads of 8 columns, 17 tokens at 32x32.</summary>
    private static readonly VitConfig Tiny = new()
    {
        HiddenSize = 16,
        LayerCount = 2,
        HeadCount = 2,
        MlpSize = 40,
        PatchSize = 8,
        TrainedGrid = 4,
        LayerNormEpsilon = 1e-12,
    };

    public static TheoryData<string> Cases => [.. GoldenCase.All.Select(golden => golden.Name)];

    /// <summary>
    /// Device, patch size, input width and height; the last grid is not square and leaves pixels over.
    /// </summary>
    public static TheoryData<TestDevice, int, int, int> TinyInputs
    {
        get
        {
            var data = new TheoryData<TestDevice, int, int, int>();
            foreach (TestDevice kind in Enum.GetValues<TestDevice>())
            {
                data.Add(kind, 8, 32, 32);
                data.Add(kind, 16, 32, 32);
                data.Add(kind, 8, 43, 21);
            }

            return data;
        }
    }

    /// <summary>On CUDA: <see cref="FullSizeCudaTests"/>.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void The_small_model_matches_the_reference_on_OpenCL(string name)
    {
        using VitExecutor executor = VitExecutor.Create(devices.Open(TestDevice.OpenCL), seeded.Weights);
        log.WriteLine(ModelParity.Check(executor, seeded.Weights, GoldenCase.All.Single(golden => golden.Name == name)));
    }

    [Fact]
    public void A_pruned_batch_has_the_bytes_of_single_images_on_OpenCL() => CheckPrunedBatch(devices.Open(TestDevice.OpenCL));

    [Theory]
    [MemberData(nameof(TinyInputs))]
    public void The_tiny_model_matches_the_twin_in_double_precision(TestDevice device, int patchSize, int width, int height)
    {
        VitWeights weights = SyntheticWeights.Create(Tiny with { PatchSize = patchSize, TrainedGrid = 32 / patchSize });
        using VitExecutor executor = VitExecutor.Create(devices.Open(device), weights);
        ModelTwin.Check(executor, weights, width, height);
    }

    [Theory]
    [MemberData(nameof(TestDevices.Fast), MemberType = typeof(TestDevices))]
    public void Other_configurations_match_the_twin_in_double_precision(TestDevice device)
    {
        // Shapes of ViT-B/16, ViT-S/8 and ViT-Ti/16, and heads wider than a tile; few layers and patches, since the
        // twin is slow.
        (int Hidden, int Heads, int Mlp, int Patch, int Width, int Height)[] models =
            [(768, 12, 3072, 16, 48, 32), (384, 6, 1536, 8, 40, 24), (192, 3, 768, 16, 64, 64), (160, 2, 128, 8, 17, 8)];
        foreach (var (hidden, heads, mlp, patch, width, height) in models)
        {
            VitWeights weights = SyntheticWeights.Create(
                Tiny with { HiddenSize = hidden, HeadCount = heads, MlpSize = mlp, PatchSize = patch, LayerNormEpsilon = 1e-6 });
            using VitExecutor executor = VitExecutor.Create(devices.Open(device), weights);
            ModelTwin.Check(executor, weights, width, height);
        }
    }

    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Bytes_are_the_same_for_any_batch_and_mix_of_images(TestDevice device)
    {
        VitWeights weights = SyntheticWeights.Create(Tiny);
        using VitExecutor executor = VitExecutor.Create(devices.Open(device), weights);
        ModelTwin.CheckBatches(executor, weights, images: device == TestDevice.IlgpuCpu ? 3 : 7);
    }

    /// <summary>
    /// A run that is timed computes the same and names every step; the peak is a number that can be true.
    /// </summary>
    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void A_timed_run_gives_the_same_bytes(TestDevice device)
    {
        VitWeights weights = SyntheticWeights.Create(Tiny);
        DinoDevice opened = devices.Open(device);
        using VitExecutor executor = VitExecutor.Create(opened, weights);
        var shape = new VitShape(weights.Config, 32, 32);
        var request = new ForwardRequest(1, allTokens: true, hiddenStates: false, attentionLayers: 1);
        byte[] pixels = new byte[32 * 32 * 3];
        new Random(1).NextBytes(pixels);
        ForwardOutput plain = ForwardOutput.Allocate(shape, request);
        executor.Run(pixels, InputTables.Of(weights, shape), shape, request, plain);
        ForwardOutput timed = ForwardOutput.Allocate(shape, request);
        IReadOnlyList<OpTime> times = executor.RunTimed(pixels, InputTables.Of(weights, shape), shape, request, timed);
        Assert.Equal(plain.Tokens, timed.Tokens);
        Assert.Equal(plain.Attentions, timed.Attentions);
        Assert.Contains(times, time => time.Name == "Attention");

        if (device == TestDevice.Cuda && CudaEmulator.IsUsed)
            return; // minutes of nothing but multiplications
        double peak = executor.MeasurePeak();
        log.WriteLine($"{opened.Info.Name}: {peak / 1e9:F1} GFLOP/s");
        Assert.InRange(peak, 1, 1e16); // how much a busy machine gets says nothing
    }

    /// <summary>
    /// Two layers at the model's own sizes: the class tokens of a pruned batch are those that each picture has alone,
    /// with every token asked for.
    /// </summary>
    internal static void CheckPrunedBatch(DinoDevice device)
    {
        VitWeights weights = SyntheticWeights.Create(VitConfig.VitS16 with { LayerCount = 2 });
        using VitExecutor executor = VitExecutor.Create(device, weights);
        ModelTwin.CheckBatches(executor, weights, images: 3);
    }

    [Fact]
    public void Wrong_input_lengths_are_named()
    {
        VitWeights weights = SyntheticWeights.Create(Tiny);
        using VitExecutor executor = VitExecutor.Create(devices.Open(TestDevice.IlgpuCpu), weights);
        var shape = new VitShape(weights.Config, 32, 32);
        var request = new ForwardRequest(1, allTokens: true, hiddenStates: false, 0);
        ForwardOutput output = ForwardOutput.Allocate(shape, request);
        ArgumentException failure = Assert.Throws<ArgumentException>(
            () => executor.Run(new byte[32 * 32 * 3], new InputTables(new float[7], []), shape, request, output));
        Assert.Contains("starting table is (17, 16), got 7", failure.Message, StringComparison.Ordinal);
        using BatchSlot slot = executor.CreateSlot(new Preprocessor(PreprocessPreset.HuggingFace, 32, 32));
        slot.Stage([TinyModel.Picture(1), TinyModel.Picture(2)], 0, 2);
        failure = Assert.Throws<ArgumentException>(() => slot.Launch(InputTables.Of(weights, shape), shape, request, output));
        Assert.Contains("1 images of 32x32 have 3072 bytes, got 6144", failure.Message, StringComparison.Ordinal);
    }
}
