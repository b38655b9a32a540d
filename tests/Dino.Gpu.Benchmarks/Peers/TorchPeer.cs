#if WITH_TORCH
using System.Runtime.InteropServices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Dino.Gpu.Benchmarks.Peers;

/// <summary>
/// libtorch through TorchSharp: the operators of Hugging Face's <c>ViTModel</c> with scaled-dot-product attention, in
/// inference mode, in float32 or with everything in bfloat16.
/// </summary>
internal sealed class TorchPeer : IPeer
{
    private readonly VitConfig _config;
    private readonly ScalarType _type;
    private readonly Tensor _classToken, _positions, _patchWeight, _patchBias;
    private readonly Affine _norm;
    private readonly List<(Affine Norm1, Affine Qkv, Affine Projection, Affine Norm2, Affine Fc1, Affine Fc2)> _blocks = [];
    private Tensor? _input;
    private float[] _output = [];

    public TorchPeer(VitWeights weights, int threads, bool bfloat16 = false)
    {
        set_num_threads(threads);
        _config = weights.Config;
        _type = bfloat16 ? ScalarType.BFloat16 : ScalarType.Float32;
        int hidden = _config.HiddenSize;
        _classToken = Of(weights.ClassToken).reshape(1, 1, hidden);
        _positions = Of(weights.Positions).reshape(1, -1, hidden);
        _patchWeight = Of(weights.PatchEmbedding.Weight).reshape(hidden, 3, _config.PatchSize, _config.PatchSize);
        _patchBias = Of(weights.PatchEmbedding.Bias);
        _norm = Of(weights.Norm);
        foreach (BlockWeights block in weights.Blocks)
            _blocks.Add((Of(block.Norm1), Of(block.Qkv), Of(block.Projection), Of(block.Norm2), Of(block.Fc1), Of(block.Fc2)));
    }

    public string Name => $"TorchSharp {typeof(torch).Assembly.GetName().Version?.ToString(3)}{(IsReduced ? " bf16" : "")}";

    public bool IsReduced => _type != ScalarType.Float32;

    public void Prepare(IReadOnlyList<RgbImage> images)
    {
        _input?.Dispose();
        float[] planes = [.. images.SelectMany(PixelNormalization.Normalize)];
        _input = Of(planes).reshape(images.Count, 3, _config.TrainedImageSize, _config.TrainedImageSize);
    }

    public ReadOnlySpan<float> Run()
    {
        using var inference = inference_mode();
        using DisposeScope scope = NewDisposeScope();
        long batch = _input!.shape[0];
        Tensor x = conv2d(_input, _patchWeight, _patchBias, [_config.PatchSize, _config.PatchSize]).flatten(2).transpose(1, 2);
        x = cat([_classToken.expand(batch, 1, -1), x], 1) + _positions;
        foreach (var block in _blocks)
        {
            Tensor qkv = linear(Norm(x, block.Norm1), block.Qkv.Weight, block.Qkv.Bias);
            Tensor[] parts = qkv.reshape(batch, -1, 3, _config.HeadCount, _config.HeadSize).permute(2, 0, 3, 1, 4).unbind(0);
            Tensor context =
                scaled_dot_product_attention(parts[0], parts[1], parts[2]).transpose(1, 2).reshape(batch, -1, _config.HiddenSize);
            x = x + linear(context, block.Projection.Weight, block.Projection.Bias);
            Tensor y = gelu(linear(Norm(x, block.Norm2), block.Fc1.Weight, block.Fc1.Bias));
            x = x + linear(y, block.Fc2.Weight, block.Fc2.Bias);
        }

        Tensor result = Norm(x, _norm).to(ScalarType.Float32).contiguous();
        if (_output.Length != result.numel())
            _output = new float[result.numel()];
        MemoryMarshal.Cast<byte, float>(result.bytes).CopyTo(_output);
        return _output;
    }

    public void Dispose() => _input?.Dispose();

    private Tensor Of(float[] values) => tensor(values).to(_type);

    private Affine Of(LinearWeights linear) => new(Of(linear.Weight).reshape(linear.Outputs, linear.Inputs), Of(linear.Bias));

    private Affine Of(NormWeights norm) => new(Of(norm.Weight), Of(norm.Bias));

    private Tensor Norm(Tensor x, Affine norm) => layer_norm(x, [_config.HiddenSize], norm.Weight, norm.Bias, _config.LayerNormEpsilon);

    private sealed record Affine(Tensor Weight, Tensor Bias);
}
#endif
