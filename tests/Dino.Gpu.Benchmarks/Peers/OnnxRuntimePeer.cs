using Dino.Gpu.Benchmarks.Onnx;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;
using Microsoft.ML.OnnxRuntime;

namespace Dino.Gpu.Benchmarks.Peers;

/// <summary>ONNX Runtime's CPU provider with every graph optimisation.</summary>
internal sealed class OnnxRuntimePeer : IPeer
{
    private readonly InferenceSession _session;
    private readonly RunOptions _runOptions = new();
    private readonly VitConfig _config;
    private OrtValue? _input;
    private IDisposableReadOnlyCollection<OrtValue>? _results;

    public OnnxRuntimePeer(VitWeights weights, int threads)
    {
        using var options = new SessionOptions
        {
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
        };
        _config = weights.Config;
        _session = new InferenceSession(VitOnnxModel.Write(weights), options);
    }

    public string Name => $"ONNX Runtime {typeof(InferenceSession).Assembly.GetName().Version?.ToString(3)}";

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
