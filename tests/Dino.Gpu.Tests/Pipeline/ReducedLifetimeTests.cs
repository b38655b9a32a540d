using Dino.Gpu.Checkpoints;
using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Kernels.Generated;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Ops.Generated;
using Dino.Gpu.Tests.Support;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Tests.Pipeline;

/// <summary>
/// Machine code of ours beside the runtime: collections during passes, encoders side by side, disposal at any time, and
/// a system that refuses executable memory.
/// </summary>
public sealed class ReducedLifetimeTests(ITestOutputHelper log)
{
    private const string Mapping = "dino-kernels";

    /// <summary>Between collections in the short test: each stops the tests beside this one, too.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    /// <summary>
    /// The runtime stops threads by signals, whose frames hold the vector and tile registers. Two models share the
    /// processor meanwhile. The long test has whole models and thousands of collections of every generation.
    /// </summary>
    [Theory]
    [InlineData(nameof(TileKind.BFloat16), false)]
    [InlineData(nameof(TileKind.BFloat16), true)]
    [InlineData(nameof(TileKind.Int8), false)]
    [InlineData(nameof(TileKind.Int8), true)]
    public async Task Collections_during_passes_of_two_models_change_nothing(string kind, bool amx)
    {
        VitWeights weights = SyntheticWeights.Create(VitConfig.VitS16 with { LayerCount = LongTests.AreWanted ? 12 : 2 });
        using SimdModel first = SimdModel.Create(weights, Enum.Parse<TileKind>(kind), amx: amx);
        using SimdModel second = SimdModel.Create(weights, Enum.Parse<TileKind>(kind), amx: amx);
        int least = LongTests.AreWanted ? 5000 : 50;
        int collections = 0;
        int passes = 0;
        float[] expected = Pass(first);
        using var stop = new CancellationTokenSource();
        Task collector = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                int generation = LongTests.AreWanted ? collections % 3 : 0;
                GC.Collect(generation, GCCollectionMode.Forced, blocking: true, compacting: collections % 2 == 0);
                Interlocked.Increment(ref collections);
                if (!LongTests.AreWanted)
                    Thread.Sleep(Pause);
            }
        });
        await Task.WhenAll(new[] { first, second }.Select(model => Task.Run(() =>
        {
            for (int i = 0; i < 8 || Volatile.Read(ref collections) < least; i++)
            {
                Assert.Equal(expected, Pass(model));
                Interlocked.Increment(ref passes);
            }
        })));
        await stop.CancelAsync();
        await collector;
        log.WriteLine($"{kind}, AMX {amx}: {collections} collections during {passes} passes");
        Assert.InRange(collections, least, int.MaxValue);

        float[] Pass(SimdModel model)
        {
            var shape = new VitShape(weights.Config, 224, 224);
            var request = new ForwardRequest(5, allTokens: true, hiddenStates: false, 0);
            ForwardOutput output = ForwardOutput.Allocate(shape, request);
            byte[] pixels = [.. Enumerable.Range(0, 5).SelectMany(i => NoisePicture.Of(224, 224, i).Pixels)];
            model.Executor.Run(pixels, InputTables.Of(weights, shape), shape, request, output);
            return output.Tokens;
        }
    }

    /// <summary>A call under way ends with its result, later ones are refused; the code is freed after both.</summary>
    [Theory]
    [InlineData(Precision.BFloat16)]
    [InlineData(Precision.Int8)]
    public async Task Dispose_during_passes_waits_for_the_one_under_way(Precision precision)
    {
        Assert.SkipUnless(PrecisionSupport.Cpu.Contains(precision), $"this CPU does not compute in {precision}");
        VitWeights weights = SyntheticWeights.Create(VitConfig.VitS16 with { LayerCount = 1 });
        var options = new DinoOptions { Device = "cpu", Threads = 2, BatchSize = 8, Precision = precision };
        RgbImage[] images = [.. Enumerable.Range(0, 6).Select(i => NoisePicture.Of(224, 224, i))];
        using DinoEncoder reference = DinoEncoder.Create(weights, options);
        float[][] expected = reference.Embed(images);
        int refused = 0;
        int done = 0;
        for (int round = 0; round < (LongTests.AreWanted ? 100 : 8); round++)
        {
            DinoEncoder encoder = DinoEncoder.Create(weights, options);
            using var started = new CountdownEvent(3);
            Task[] callers = [.. Enumerable.Range(0, 3).Select(_ => Task.Run(() =>
            {
                started.Signal();
                try
                {
                    while (true)
                    {
                        Assert.Equal(expected, encoder.Embed(images));
                        Interlocked.Increment(ref done);
                    }
                }
                catch (ObjectDisposedException)
                {
                    Interlocked.Increment(ref refused);
                }
            }))];
            started.Wait(TestContext.Current.CancellationToken);
            // In every other round all callers are past their first pass.
            int before = Volatile.Read(ref done);
            while (round % 2 == 1 && Volatile.Read(ref done) < before + 3)
                await Task.Delay(1, TestContext.Current.CancellationToken);
            await Task.Delay(3 * round % 50, TestContext.Current.CancellationToken);
            encoder.Dispose();
            await Task.WhenAll(callers);
            Assert.Equal(3 * (round + 1), refused);
        }

        Assert.True(done >= 3, "no call was done");
        log.WriteLine($"{precision}: {done} calls done, {refused} refused");
    }

    [Fact]
    public void A_thousand_sets_of_tiles_leave_no_mapping()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs /proc/self/maps");
        SimdModel.Require(TileKind.Int8);
        for (int i = 0; i < 1000; i++)
        {
            new TileSet(TileKind.Int8, amx: false).Dispose();
            new TileSet(TileKind.BFloat16, amx: false).Dispose();
        }

        // Other tests may hold a few meanwhile.
        Assert.InRange(Mappings(), 0, 100);
    }

    /// <summary>Whole encoders, each with a pass, by the code of each precision.</summary>
    [Fact]
    public void A_thousand_encoders_leave_no_mapping_file_or_thread()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs /proc/self");
        LongTests.Require("takes minutes");
        SimdModel.Require(TileKind.Int8);
        SimdModel.Require(TileKind.BFloat16);
        Round(20); // what the runtime keeps for good
        (int mappings, int files, int threads) = (Mappings(), Count("fd"), Count("task"));
        Round(1000);
        log.WriteLine($"{Mappings() - mappings} mappings, {Count("fd") - files} files, {Count("task") - threads} threads more");
        Assert.InRange(Mappings() - mappings, int.MinValue, 100);
        Assert.InRange(Count("fd") - files, int.MinValue, 100);
        Assert.InRange(Count("task") - threads, int.MinValue, 100);

        static void Round(int count)
        {
            for (int i = 0; i < count; i++)
            {
                Precision precision = i % 2 == 0 ? Precision.Int8 : Precision.BFloat16;
                var options = new DinoOptions { Device = "cpu", Threads = 2, BatchSize = 1, Precision = precision };
                using DinoEncoder encoder = DinoEncoder.Create(TinyModel.Weights, options);
                encoder.Embed(TinyModel.Picture(i));
            }
        }

        static int Count(string folder) => Directory.EnumerateFileSystemEntries("/proc/self/" + folder).Count();
    }

    /// <summary>The second set of tiles is refused, and the first is given back.</summary>
    [Fact]
    public void Refused_executable_memory_is_one_line_and_leaves_nothing()
    {
        SimdModel.Require(TileKind.Int8);
        SimdModel.Require(TileKind.BFloat16);
        var given = new List<ExecutableMemory>();
        ExecutableMemory? Once(ReadOnlySpan<byte> code)
        {
            if (given.Count == 1)
                return null;
            given.Add(ExecutableMemory.Create(code));
            return given[0];
        }

        DeviceException refusal = Assert.Throws<DeviceException>(
            () => new ReducedModel(TinyModel.Weights, TileKind.Int8, bfloat16: true, amx: false, ways: [Once]));
        Assert.StartsWith("the system refuses executable memory, which bf16 and int8 on the CPU need: ", refusal.Message);
        Assert.DoesNotContain('\n', refusal.Message);
        Assert.Equal("use --precision fp32", refusal.Hint);
        Assert.Equal(0, Assert.Single(given).Address);
    }

    private static int Mappings() => File.ReadLines("/proc/self/maps").Count(line => line.Contains(Mapping, StringComparison.Ordinal));
}
