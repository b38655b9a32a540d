using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;

namespace Dino.Gpu.Benchmarks.Peers;

/// <summary>This library on the CPU device.</summary>
internal sealed class DinoPeer(VitWeights weights, int threads, bool allTokens, Precision precision = Precision.Float32) : IPeer
{
    private readonly DinoEncoder _encoder = DinoEncoder.Create(
        weights, new DinoOptions { Device = "cpu", Threads = threads, BatchSize = 64, Precision = precision });
    private IReadOnlyList<RgbImage> _images = [];

    public DinoEncoder Encoder => _encoder;

    /// <summary>What a run computes.</summary>
    public DinoOutputs Outputs => allTokens ? DinoOutputs.LastHiddenState : DinoOutputs.ClassToken;

    public Precision Precision => precision;

    public string Name =>
        $"Dino.Gpu{(precision == Precision.Float32 ? "" : " " + PrecisionSupport.NameOf(precision))}, "
        + (allTokens ? "all tokens" : "class token");

    public void Prepare(IReadOnlyList<RgbImage> images) => _images = images;

    public ReadOnlySpan<float> Run()
    {
        DinoOutput output = _encoder.ForwardPrepared(_images, Outputs);
        return (output.LastHiddenState ?? output.ClassToken)!.Data;
    }

    public void Dispose() => _encoder.Dispose();
}
