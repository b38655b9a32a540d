using Dino.Gpu.Devices;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Tests.Devices;

public sealed class DeviceTests
{
    [Fact]
    public void Catalog_ends_with_the_CPU_and_marks_one_choice()
    {
        IReadOnlyList<DeviceInfo> devices = DeviceCatalog.Enumerate();
        foreach (DeviceInfo info in devices)
            TestContext.Current.TestOutputHelper?.WriteLine(info.ToString());

        DeviceInfo cpu = devices[^1];
        Assert.Equal("cpu", cpu.Id);
        Assert.Null(cpu.Refusal);
        Assert.Equal(KernelFamily.Simd, cpu.Family);
        Assert.NotEmpty(cpu.Name);
        Assert.True(cpu.MemorySize > 0);
        Assert.Contains(".NET", cpu.Driver, StringComparison.Ordinal);
        Assert.Single(devices, info => info.IsAutomaticChoice);
        Assert.Null(devices.Single(info => info.IsAutomaticChoice).Refusal);
        Assert.Equal(devices.Count, devices.Select(info => info.Id).Distinct().Count());
        Assert.All(devices, info => Assert.DoesNotContain('\n', info.Refusal ?? ""));
    }

    [Fact]
    public void Auto_is_the_marked_device()
    {
        using DinoDevice device = DinoDevice.Open("auto");
        Assert.Equal(DeviceCatalog.Enumerate().Single(info => info.IsAutomaticChoice), device.Info);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    public void The_CPU_has_one_multiprocessor_per_thread(int threads)
    {
        using DinoDevice device = DinoDevice.Open("cpu", threads);
        Assert.Equal(threads, device.Accelerator.NumMultiprocessors);
        Assert.Equal(KernelFamily.Simd, device.Family);

        Action<Index1D, ArrayView<int>> kernel = device.Accelerator
            .LoadImplicitlyGroupedStreamKernel<Index1D, ArrayView<int>>(StoreIndex, 1);
        using MemoryBuffer1D<int, Stride1D.Dense> buffer = device.Accelerator.Allocate1D<int>(1000);
        kernel(1000, buffer.View);
        device.Accelerator.Synchronize();
        Assert.Equal(Enumerable.Range(1, 1000), buffer.GetAsArray1D());
    }

    [Fact]
    public void The_CPU_uses_every_core_by_default()
    {
        using DinoDevice device = DinoDevice.Open(" CPU ");
        Assert.Equal(Environment.ProcessorCount, device.Accelerator.NumMultiprocessors);
    }

    [Theory]
    [InlineData("")]
    [InlineData("gpu")]
    [InlineData("cpu:0")]
    [InlineData("cuda:")]
    [InlineData("cuda:-1")]
    [InlineData("cuda:0:1")]
    [InlineData("cuda:99")]
    [InlineData("opencl:99")]
    [InlineData("opencl:99999999999")]
    public void An_unknown_device_is_one_line_that_names_what_is_there(string spec)
    {
        DinoException exception = Assert.Throws<DeviceException>(() => DinoDevice.Open(spec));
        TestContext.Current.TestOutputHelper?.WriteLine(exception.Message);
        Assert.DoesNotContain('\n', exception.Message);
        Assert.Contains($"'{spec}'", exception.Message, StringComparison.Ordinal);
        Assert.Contains("cpu", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_refused_device_says_why()
    {
        DeviceInfo? refused = DeviceCatalog.Enumerate().FirstOrDefault(info => info.Refusal is not null);
        Assert.SkipWhen(refused is null, "every accelerator here can be used");
        DinoException exception = Assert.Throws<DeviceException>(() => DinoDevice.Open(refused!.Id));
        TestContext.Current.TestOutputHelper?.WriteLine(exception.Message);
        Assert.Contains(refused!.Refusal!, exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1_000_000)]
    public void The_CPU_refuses_absurd_thread_counts(int threads) =>
        Assert.Throws<DeviceException>(() => DinoDevice.Open("cpu", threads));

    private static void StoreIndex(Index1D index, ArrayView<int> output) => output[index] = index + 1;
}
