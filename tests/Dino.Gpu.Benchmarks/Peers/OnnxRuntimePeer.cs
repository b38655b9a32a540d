using Dino.Gpu.Benchmarks.Onnx;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;
using Microsoft.ML.OnnxRuntime;

namespace Dino.Gpu.Benchmarks.Peers;

/// <summary>ONNX Runtime's CPU provider with every graph optimization, in float32 or dynamically quantized to int8.</summary>
internal sealed class OnnxRuntimePeer : IPeer
{
    private readonly InferenceSession _session;
    private readonly RunOptions _runOptions = new();
    private readonly VitConfig _config;
    private readonly bool _int8;
    private OrtValue? _input;
    private IDisposableReadOnlyCollection<OrtValue>? _results;

    public OnnxRuntimePeer(VitWeights weights, int threads, bool int8 = false)
    {
        using var options = new SessionOptions
        {
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
        };
        _config = weights.Config;
        _int8 = int8;
        _session = new InferenceSession(VitOnnxModel.Write(weights, int8), options);
    }

    public string Name => $"ONNX Runtime {typeof(InferenceSession).Assembly.GetName().Version?.ToString(3)}{(_int8 ? " int8" : "")}";

    public bool IsReduced => _int8;

    public void Prepare(IReadOnlyList<RgbImage> images)
    {
        int side = _config.TrainedImageSize;
        float[] planes = [.. images.SelectMany(PixelNormalization.Normalize)];
        _input?.Dispose();
        _input = OrtValue.CreateTensorValueFromMemory(planes, [images.Count, 3, side, side]);
    }

    public ReadOnlySpan<float> Run()
    {
        _results?.Dispose();
        _results = _session.Run(_runOptions, [VitOnnxModel.InputName], [_input!], [VitOnnxModel.OutputName]);
        return _results[0].GetTensorDataAsSpan<float>();
    }

    public void Dispose()
    {
        _results?.Dispose();
        _input?.Dispose();
        _runOptions.Dispose();
        _session.Dispose();
    }
}
