using Dino.Gpu.Checkpoints;
using Dino.Gpu.Devices;
using Dino.Gpu.Model;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Devices;

/// <summary>What a device or a model does not offer is refused in one line that says what it does.</summary>
public sealed class PrecisionTests(TestDevices devices) : IClassFixture<TestDevices>
{
    private static readonly VitConfig Small = new()
    {
        HiddenSize = 48,
        HeadCount = 3,
        MlpSize = 96,
        PatchSize = 8,
        LayerCount = 1,
        TrainedGrid = 4,
        LayerNormEpsilon = 1e-6,
    };

    [Theory]
    [InlineData(Precision.TensorFloat32, "tf32")]
    [InlineData(Precision.Float16, "fp16")]
    [InlineData(Precision.BFloat16, "bf16")]
    [InlineData(Precision.Int8, "int8")]
    public void The_CPU_refuses_what_it_does_not_offer(Precision precision, string name)
    {
        using DinoDevice device = DinoDevice.Open("cpu");
        Assert.SkipWhen(device.Info.Precisions.Contains(precision), $"this CPU computes in {name}");
        DinoException exception = Assert.Throws<DeviceException>(
            () => VitExecutor.Create(device, SyntheticWeights.Create(Small, 1), precision));
        Assert.StartsWith($"cpu ({device.Info.Name}) does not compute in {name}, only in fp32", exception.Message);
        Assert.DoesNotContain('\n', exception.Message);
        Assert.StartsWith($"{name} needs ", exception.Hint);
    }

    [Fact]
    public void The_CPU_offers_what_its_instructions_allow()
    {
        using DinoDevice device = DinoDevice.Open("cpu");
        Assert.Equal(Precision.Float32, device.Info.Precisions[0]);
        Assert.Equal(CpuFeatures.BFloat16, device.Info.Precisions.Contains(Precision.BFloat16));
        Assert.Equal(CpuFeatures.Int8, device.Info.Precisions.Contains(Precision.Int8));
        Assert.All(device.Info.Precisions, precision => PrecisionSupport.Require(device.Info, precision));
    }

    [Fact]
    public void A_portable_device_computes_in_float32_only()
    {
        DinoDevice device = devices.Open(TestDevice.IlgpuCpu);
        DinoException exception = Assert.Throws<DeviceException>(
            () => VitExecutor.Create(device, SyntheticWeights.Create(Small, 1), Precision.BFloat16));
        Assert.Contains("does not compute in bf16, only in fp32", exception.Message);
    }

    [Fact]
    public void Ampere_and_newer_compute_in_all_precisions()
    {
        DeviceInfo device = new()
        {
            Id = "cuda:0",
            Name = "a GPU",
            MemorySize = 1,
            Driver = "CUDA 12.4",
            Family = KernelFamily.Portable,
            Precisions = PrecisionSupport.All,
        };
        foreach (Precision precision in Enum.GetValues<Precision>())
            PrecisionSupport.Require(device, precision);
    }

    [Fact]
    public void A_model_with_other_sizes_is_refused()
    {
        TensorCoreExecutor.RequireSizes(Small with { HiddenSize = 384, MlpSize = 100, PatchSize = 14 }, Precision.BFloat16);
        DinoException exception = Assert.Throws<DeviceException>(() => TensorCoreExecutor.RequireSizes(Small, Precision.BFloat16));
        Assert.Contains("bf16", exception.Message);
        Assert.Contains("hidden size is a multiple of 32 (found 48)", exception.Message);
    }
}
