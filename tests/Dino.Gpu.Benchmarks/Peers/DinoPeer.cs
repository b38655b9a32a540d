using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Kernels.Generated;
using Dino.Gpu.Model;
using Dino.Gpu.Pipeline;

namespace Dino.Gpu.Benchmarks.Peers;

/// <summary>This library on the CPU device.</summary>
internal sealed class DinoPeer : IPeer
{
    private readonly DinoEncoder _encoder;
    private IReadOnlyList<RgbImage> _images = [];

    private DinoPeer(DinoEncoder encoder, DinoOutputs outputs, bool isReduced, string name)
    {
        _encoder = encoder;
        Outputs = outputs;
        IsReduced = isReduced;
        Name = name;
    }

    public DinoEncoder Encoder => _encoder;

    /// <summary>What a run computes.</summary>
    public DinoOutputs Outputs { get; }

    public bool IsReduced { get; }

    public string Name { get; }

    /// <summary>As a user gets it.</summary>
    public static DinoPeer Of(VitWeights weights, int threads, DinoOutputs outputs, Precision precision = Precision.Float32) => new(
        DinoEncoder.Create(weights, Options(threads, precision)),
        outputs,
        precision != Precision.Float32,
        $"Dino.Gpu{(precision == Precision.Float32 ? "" : " " + PrecisionSupport.NameOf(precision))}, "
            + (outputs == DinoOutputs.ClassToken ? "class token" : "all tokens"));

    /// <summary>With AVX-512 where the processor has AMX: what processors without it do.</summary>
    public static DinoPeer WithoutAmx(VitWeights weights, int threads, Precision precision)
    {
        TileKind kind = precision == Precision.Int8 ? TileKind.Int8 : TileKind.BFloat16;
        return new DinoPeer(
            DinoEncoder.Create(
                weights,
                Options(threads, precision),
                (device, model) => SimdExecutor.Create(device, model, kind, CpuFeatures.BFloat16, amx: false)),
            DinoOutputs.ClassToken,
            isReduced: true,
            $"Dino.Gpu {PrecisionSupport.NameOf(precision)} without AMX, class token");
    }

    public void Prepare(IReadOnlyList<RgbImage> images) => _images = images;

    public ReadOnlySpan<float> Run()
    {
        DinoOutput output = _encoder.ForwardPrepared(_images, Outputs);
        return (output.LastHiddenState ?? output.ClassToken)!.Data;
    }

    public void Dispose() => _encoder.Dispose();

    private static DinoOptions Options(int threads, Precision precision) =>
        new() { Device = "cpu", Threads = threads, BatchSize = 64, Precision = precision };
}
