using System.Text.Json;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Classification;
using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Search;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>Cards that do not work, seeded one by one: what <c>auto</c> does, and what the user is told.</summary>
[Collection(PortableCollection.Name)]
public sealed class DeviceRefusalTests
{
    private const string Assembler = "ptxas application ptx input, line 9; fatal   : Unsupported .version 8.0; current version is '7.8'\n"
        + "ptxas fatal   : Ptx assembly aborted due to errors\n";

    private static readonly EmulatedCard Refusing =
        new() { Name = "refusing card", ModuleError = CudaDriver.InvalidPtx, ModuleLog = Assembler };
    private static readonly EmulatedCard Sound = new() { Name = "sound card" };

    private static readonly (string Name, EmulatedCard Card, string Reason, string Hint)[] Broken =
    [
        ("held by another process", new EmulatedCard { ContextError = CudaDriver.DeviceUnavailable },
            "CUDA-capable device(s) is/are busy or unavailable", "nvidia-smi shows which"),
        ("full", new EmulatedCard { ContextError = CudaDriver.OutOfMemory }, "out of memory", "nvidia-smi shows what uses it"),
        ("refused by the assembler", Refusing, "the driver refuses a kernel: ptxas application ptx input, line 9; fatal : "
            + "Unsupported .version 8.0; current version is '7.8'", "update the NVIDIA driver"),
        ("refused without a word", new EmulatedCard { ModuleError = CudaDriver.UnsupportedPtx },
            "the provided PTX was compiled with an unsupported toolchain", "update the NVIDIA driver"),
        ("of an unknown architecture", new EmulatedCard { ModuleError = CudaDriver.NoBinary },
            "no kernel image is available", "update the NVIDIA driver"),
        ("wrong", new EmulatedCard { ComputesWrongly = true }, "a small kernel computes a wrong number (expected ", "--device cpu"),
        ("failing", new EmulatedCard { FaultyTarget = "sm_80" }, "OutOfBounds: a seeded fault", "--device cpu"),
        ("too old", new EmulatedCard { Capability = (2, 1) }, "compute capability 3.0 or newer is needed, it has 2.1", "--device cpu"),
        ("lost", new EmulatedCard { QueryError = 999 }, "error 999", "--device cpu"),
    ];

    /// <summary>As <see cref="TinyModel"/>, of sizes that tensor cores take.</summary>
    private static readonly VitWeights Wide = SyntheticWeights.Create(TinyModel.Weights.Config with { HiddenSize = 64, MlpSize = 64 });

    public static TheoryData<string> Cases => [.. Broken.Select(each => each.Name)];

    /// <summary>
    /// What was not freed of a lost card is found by the garbage collector, on a thread where an exception ends the process.
    /// </summary>
    [Fact]
    public void A_lost_card_leaves_nothing_that_fails_later()
    {
        RequireEmulator();
        using IDisposable shown = CudaEmulator.Show(new EmulatedMachine { Cards = [new EmulatedCard { FaultyTarget = "sm_80" }] });
        Assert.Throws<DeviceException>(() => DinoDevice.Open("cuda:0"));
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    /// <summary>A card that does not work is passed over with one line, and named where it was asked for.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void A_broken_card_hides_no_other(string name)
    {
        RequireEmulator();
        (_, EmulatedCard card, string reason, string hint) = Broken.Single(each => each.Name == name);
        using IDisposable shown = CudaEmulator.Show(new EmulatedMachine { Cards = [card, Sound] });
        var told = new List<string>();
        using (DinoDevice device = DinoDevice.Open("auto", warning: told.Add))
            Assert.Equal(("cuda:1", "sound card", true), (device.Info.Id, device.Info.Name, device.Info.IsAutomaticChoice));
        string line = Assert.Single(told);
        Assert.StartsWith("cuda:0 (", line, StringComparison.Ordinal);
        Assert.Contains($") cannot be used: {reason}", line, StringComparison.Ordinal);
        Assert.EndsWith("; auto tries the next device", line, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', line);

        DinoException failure = Assert.Throws<DeviceException>(() => DinoDevice.Open("cuda"));
        Assert.Contains($") cannot be used: {reason}", failure.Message, StringComparison.Ordinal);
        Assert.Contains(hint, failure.Hint, StringComparison.Ordinal);
        Assert.InRange(failure.Message.Length, 1, 300);

        DeviceInfo[] listed = [.. DeviceCatalog.Enumerate().Where(info => info.Id.StartsWith("cuda", StringComparison.Ordinal))];
        Assert.Equal([false, true], listed.Select(info => info.IsAutomaticChoice));
        Assert.StartsWith(reason, listed[0].Refusal, StringComparison.Ordinal);
        Assert.Null(listed[1].Refusal);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Without_a_sound_card_the_CPU_is_taken(string name)
    {
        RequireEmulator();
        EmulatedCard card = Broken.Single(each => each.Name == name).Card;
        using IDisposable shown = CudaEmulator.Show(new EmulatedMachine { Cards = [card, card] });
        var told = new List<string>();
        using DinoDevice device = DinoDevice.Open("auto", threads: 1, warning: told.Add);
        Assert.Equal(("cpu", true), (device.Info.Id, device.Info.IsAutomaticChoice));
        Assert.Equal(["cuda:0", "cuda:1"], told.Select(line => line.Split(' ')[0]));
    }

    /// <summary>Turing's tensor cores lack bfloat16.</summary>
    [Fact]
    public void Auto_takes_a_card_that_computes_in_the_precision()
    {
        RequireEmulator();
        EmulatedCard turing = Sound with { Name = "Turing", Capability = (7, 5) };
        using IDisposable shown = CudaEmulator.Show(new EmulatedMachine { Cards = [turing, Sound] });
        var told = new List<string>();
        var options = new DinoOptions { Precision = Precision.BFloat16, Warning = told.Add };
        using (DinoEncoder encoder = DinoEncoder.Create(Wide, options))
            Assert.Equal("cuda:1", encoder.Device.Id);
        const string Lack = "cuda:0 (Turing) cannot be used: it does not compute in bf16, only in fp32; auto tries the next device";
        Assert.Equal(Lack, Assert.Single(told));

        told.Clear();
        using (DinoEncoder encoder = DinoEncoder.Create(Wide, options with { Precision = Precision.Float32 }))
            Assert.Equal(("cuda:0", 0), (encoder.Device.Id, told.Count));
        const string Named = "cuda:0 (Turing) does not compute in bf16, only in fp32";
        Assert.Equal(Named, Assert.Throws<DeviceException>(() => DinoEncoder.Create(Wide, options with { Device = "cuda" })).Message);
        using (DinoEncoderGroup group = DinoEncoderGroup.Create(Wide, options with { Device = "cuda:all" }))
            Assert.Equal("cuda:1", Assert.Single(group.Devices).Id);
        Assert.Equal($"{Named}; continuing without it", Assert.Single(told));
    }

    /// <summary>Whether a card can be used shows only when it is opened.</summary>
    [Fact]
    public void All_means_the_cards_that_open()
    {
        RequireEmulator();
        EmulatedCard held = Sound with { Name = "held card", ContextError = CudaDriver.DeviceUnavailable };
        var told = new List<string>();
        var options = new DinoOptions { Device = "cuda:all", Warning = told.Add };
        using (CudaEmulator.Show(new EmulatedMachine { Cards = [held, Sound] }))
        {
            using (DinoEncoderGroup group = DinoEncoderGroup.Create(TinyModel.Weights, options))
                Assert.Equal("cuda:1", Assert.Single(group.Devices).Id);
            string line = Assert.Single(told);
            Assert.StartsWith("cuda:0 (held card) cannot be used: CUDA-capable device(s) is/are busy", line, StringComparison.Ordinal);
            Assert.EndsWith("; continuing without it", line, StringComparison.Ordinal);

            // One that is named has to open.
            Assert.StartsWith("cuda:0 (held card) cannot be used", Assert.Throws<DeviceException>(
                () => DinoEncoderGroup.Create(TinyModel.Weights, options with { Device = "cuda:0,cuda:1" })).Message);
        }

        using IDisposable shown = CudaEmulator.Show(new EmulatedMachine { Cards = [held, held] });
        DeviceException failure = Assert.Throws<DeviceException>(() => DinoEncoderGroup.Create(TinyModel.Weights, options));
        Assert.StartsWith("cuda:0 (held card) cannot be used", failure.Message, StringComparison.Ordinal);
    }

    /// <summary>CUDA 10.0 came before Hopper, but with Turing.</summary>
    [Fact]
    public void A_driver_that_is_too_old_for_one_card_serves_the_other()
    {
        RequireEmulator();
        EmulatedCard turing = Sound with { Capability = (7, 5) };
        using IDisposable shown = CudaEmulator.Show(new EmulatedMachine { Cards = [Sound, turing], DriverVersion = 10000 });
        var told = new List<string>();
        using DinoDevice device = DinoDevice.Open("auto", warning: told.Add);
        Assert.Equal("cuda:1", device.Info.Id);
        Assert.Contains("no PTX version for this driver (CUDA 10.0)", Assert.Single(told), StringComparison.Ordinal);
    }

    /// <summary>As after an update of the driver, before the machine is started again.</summary>
    [Fact]
    public void A_driver_that_does_not_start_is_told()
    {
        RequireEmulator();
        Assert.Empty(DeviceCatalog.FindCuda()); // ILGPU starts the driver once for all tests
        using IDisposable shown = CudaEmulator.Show(new EmulatedMachine { Cards = [Sound], InitError = CudaDriver.DriverMismatch });
        var told = new List<string>();
        using DinoDevice device = DinoDevice.Open("auto", threads: 1, warning: told.Add);
        Assert.Equal("cpu", device.Info.Id);
        Assert.Contains("the CUDA driver does not start: system has unsupported display", Assert.Single(told), StringComparison.Ordinal);
        DinoException failure = Assert.Throws<DeviceException>(() => DinoDevice.Open("cuda:0"));
        Assert.Contains("(803)", failure.Message, StringComparison.Ordinal);
    }

    /// <summary>Kernels are compiled at first use: one that is refused then is told as well.</summary>
    [Fact]
    public void A_kernel_that_is_refused_later_is_told_in_the_words_of_the_driver()
    {
        RequireEmulator();
        using IDisposable shown = CudaEmulator.Show(new EmulatedMachine { Cards = [Refusing with { ModulesBefore = 3 }] });
        using (DinoEncoder encoder = DinoEncoder.Create(TinyModel.Weights, new DinoOptions { Device = "cuda" }))
            AssertRefused(Assert.Throws<DeviceException>(() => encoder.Embed([TinyModel.Picture(1)])));
        float[] vectors = [.. Enumerable.Range(0, 40).Select(i => (float)i)];
        using IDisposable second = CudaEmulator.Show(new EmulatedMachine { Cards = [Refusing with { ModulesBefore = 1 }] });
        AssertRefused(Assert.Throws<DeviceException>(() =>
            NearestNeighbors.Create(vectors, 4, new NearestNeighborsOptions { Device = "cuda" })));
        var probe = new LinearProbe([1, 2, 3, 4], [0], ["only"]);
        AssertRefused(Assert.Throws<DeviceException>(() => probe.Predict(vectors, "cuda")));

        static void AssertRefused(DinoException failure)
        {
            const string Expected = "cuda:0 (refusing card) failed: the driver refuses a kernel: ptxas";
            Assert.StartsWith(Expected, failure.Message, StringComparison.Ordinal);
            Assert.InRange(failure.Message.Length, 1, 300);
            Assert.StartsWith("update the NVIDIA driver", failure.Hint, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_command_says_in_one_line_what_auto_passes_over()
    {
        RequireEmulator();
        using var folder = new TemporaryFolder();
        using IDisposable shown = CudaEmulator.Show(new EmulatedMachine { Cards = [Refusing, Sound] });
        string[] embed = ["embed", GoldenData.Image("tiny_5x7.png"), "--weights", CliRunner.TinyWeights, "--quiet"];
        CliResult passed = await CliRunner.RunAsync([.. embed, "-o", folder.Path("auto.npy")]);
        Assert.Equal(0, passed.ExitCode);
        Assert.StartsWith("dino: warning: cuda:0 (refusing card) cannot be used: the driver refuses", Assert.Single(passed.ErrorLines));
        CliResult asked = await CliRunner.RunAsync([.. embed, "-o", folder.Path("cuda.npy"), "--device", "cuda"]);
        Assert.StartsWith("dino: error: cuda:0 (refusing card) cannot be used: the driver refuses a kernel: ptxas", asked.FatalLine());
        Assert.Contains("\nhint: update the NVIDIA driver", asked.FatalLine(), StringComparison.Ordinal);

        CliResult listed = await CliRunner.RunAsync("devices", "--json");
        JsonElement[] devices = [.. JsonDocument.Parse(listed.Output).RootElement.EnumerateArray()];
        Assert.Equal([(false, false), (true, true)], devices[..2].Select(device =>
            (device.GetProperty("usable").GetBoolean(), device.GetProperty("auto").GetBoolean())));

        CliResult compared = await CliRunner.RunAsync("dedup", folder.Path("auto.npy"));
        Assert.Equal(0, compared.ExitCode);
        Assert.Single(compared.ErrorLines, line => line.StartsWith("dino: warning: cuda:0 (refusing card)", StringComparison.Ordinal));
    }

    /// <summary>Host memory is locked and unlocked in its own device's context, whatever the thread last used.</summary>
    [Fact]
    public void Locked_memory_belongs_to_its_device()
    {
        RequireEmulator();
        using IDisposable shown = CudaEmulator.Show(2);
        using DinoDevice first = DinoDevice.Open("cuda:0");
        CudaContext context = CudaDriver.Current!;
        using DinoDevice second = DinoDevice.Open("cuda:1");
        CudaContext other = CudaDriver.Current!;
        using MemoryBuffer1D<float, Stride1D.Dense> values = first.Accelerator.Allocate1D<float>(100);
        using AcceleratorStream stream = first.Accelerator.CreateStream();
        var transfers = new PinnedTransfers(stream);
        second.Accelerator.Bind();
        transfers.Upload<float>(new float[100], values.View.AsContiguous());
        Assert.Equal((1, 0), (context.PinCount, other.PinCount));
        second.Accelerator.Bind();
        transfers.Dispose();
        Assert.Equal((0, 0), (context.PinCount, other.PinCount));
    }

    /// <summary>
    /// y and z of a grid take 65535 groups; a batch with more is several launches, or more layers of one. Seeded with
    /// three.
    /// </summary>
    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void More_groups_than_a_grid_takes_are_split(Precision precision)
    {
        const int Images = 13;
        const DinoOutputs Kept = DinoOutputs.LastHiddenState | DinoOutputs.Attentions;
        RequireEmulator();
        var options = new DinoOptions { Device = "cuda", Precision = precision, BatchSize = Images };
        RgbImage[] images = [.. Enumerable.Range(0, Images).Select(TinyModel.Picture)];
        DinoOutput expected, found;
        float[][] expectedEmbeddings, foundEmbeddings;
        using (CudaEmulator.Show())
            (expected, expectedEmbeddings) = Run();
        using (CudaEmulator.Show(new EmulatedMachine { Cards = [new EmulatedCard { MostGroups = 3 }] }))
            (found, foundEmbeddings) = Run();
        Assert.Equal(expected.LastHiddenState!.Data, found.LastHiddenState!.Data);
        Assert.Equal(expected.Attentions!.Data, found.Attentions!.Data);
        Assert.Equal(expectedEmbeddings, foundEmbeddings);

        (DinoOutput, float[][]) Run()
        {
            using DinoEncoder encoder = DinoEncoder.Create(Wide, options);
            return (encoder.Forward(images, Kept), encoder.Embed(images));
        }
    }

    private static void RequireEmulator() =>
        Assert.SkipUnless(CudaEmulator.IsUsed, "needs the emulated CUDA device: Linux, a C compiler, and no CUDA card");
}
