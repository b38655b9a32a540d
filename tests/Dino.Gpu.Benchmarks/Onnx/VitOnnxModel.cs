using Dino.Gpu.Model;

namespace Dino.Gpu.Benchmarks.Onnx;

/// <summary>
/// A ViT as an ONNX model with the plain operators that a torch export of Hugging Face's <c>ViTModel</c> has: what
/// users of ONNX Runtime run. In int8 it is the graph that <c>onnxruntime.quantization.quantize_dynamic</c> makes of it
/// with <c>per_channel=True, op_types_to_quantize=["MatMul"]</c>: an activation is quantized once, with one scale and
/// zero point for the whole batch, and products with weights are those of bytes. Attention's own products stay in
/// float32. So does the convolution: ONNX Runtime has no kernel for the one that quantize_dynamic would make.
/// </summary>
internal sealed class VitOnnxModel
{
    public const string InputName = "pixel_values";
    public const string OutputName = "last_hidden_state";

    private readonly VitConfig _config;
    private readonly bool _int8;
    private readonly OnnxGraph _graph = new("vit");
    private readonly Dictionary<string, string[]> _quantized = [];

    private VitOnnxModel(VitConfig config, bool int8)
    {
        _config = config;
        _int8 = int8;
    }

    /// <summary>The file's bytes: input (batch, 3, side, side), output (batch, tokens, hidden).</summary>
    public static byte[] Write(VitWeights weights, bool int8 = false) => new VitOnnxModel(weights.Config, int8).Build(weights);

    private byte[] Build(VitWeights weights)
    {
        int side = _config.TrainedImageSize;
        int hidden = _config.HiddenSize;
        int patches = _config.TrainedGrid * _config.TrainedGrid;
        string pixels = _graph.Input(InputName, -1, 3, side, side);
        string kernel = _graph.Constant(weights.PatchEmbedding.Weight, hidden, 3, _config.PatchSize, _config.PatchSize);
        string bias = _graph.Constant(weights.PatchEmbedding.Bias, hidden);
        long[] square = [_config.PatchSize, _config.PatchSize];
        string x = _graph.Node(
            "Conv",
            [pixels, kernel, bias],
            new("kernel_shape", square),
            new("strides", square),
            new("pads", new long[4]),
            new("dilations", new long[] { 1, 1 }),
            new("group", 1L));
        x = _graph.Node("Reshape", [x, _graph.Constant(0, hidden, patches)]);
        x = _graph.Node("Transpose", [x], new OnnxAttribute("perm", new long[] { 0, 2, 1 }));
        string batch = _graph.Node("Gather", [_graph.Node("Shape", [pixels]), _graph.Constant([0])], new OnnxAttribute("axis", 0L));
        string classShape = _graph.Node("Concat", [batch, _graph.Constant(1, hidden)], new OnnxAttribute("axis", 0L));
        string classToken = _graph.Node("Expand", [_graph.Constant(weights.ClassToken, 1, 1, hidden), classShape]);
        x = _graph.Node("Concat", [classToken, x], new OnnxAttribute("axis", 1L));
        x = _graph.Node("Add", [x, _graph.Constant(weights.Positions, 1, patches + 1, hidden)]);
        foreach (BlockWeights block in weights.Blocks)
            x = Block(x, block);
        _graph.FinalNode("LayerNormalization", NormInputs(x, weights.Norm), OutputName, NormAttributes());
        _graph.Output(OutputName, -1, patches + 1, hidden);
        return _graph.ToModel();
    }

    private string Block(string x, BlockWeights block)
    {
        string y = _graph.Node("LayerNormalization", NormInputs(x, block.Norm1), NormAttributes());
        string query = Heads(Linear(y, Part(block.Qkv, 0)), transposeKey: false);
        string key = Heads(Linear(y, Part(block.Qkv, 1)), transposeKey: true);
        string value = Heads(Linear(y, Part(block.Qkv, 2)), transposeKey: false);
        string scores = _graph.Node("MatMul", [query, key]);
        scores = _graph.Node("Div", [scores, _graph.Constant([(float)Math.Sqrt(_config.HeadSize)])]);
        string probabilities = _graph.Node("Softmax", [scores], new OnnxAttribute("axis", -1L));
        string context = _graph.Node("MatMul", [probabilities, value]);
        context = _graph.Node("Transpose", [context], new OnnxAttribute("perm", new long[] { 0, 2, 1, 3 }));
        context = _graph.Node("Reshape", [context, _graph.Constant(0, 0, _config.HiddenSize)]);
        x = _graph.Node("Add", [Linear(context, block.Projection), x]);
        y = _graph.Node("LayerNormalization", NormInputs(x, block.Norm2), NormAttributes());
        y = Linear(Gelu(Linear(y, block.Fc1)), block.Fc2);
        return _graph.Node("Add", [y, x]);
    }

    private string Linear(string x, LinearWeights linear)
    {
        // A torch export keeps the weight transposed, (inputs, outputs).
        float[] transposed = new float[linear.Weight.Length];
        for (int output = 0; output < linear.Outputs; output++)
        {
            for (int input = 0; input < linear.Inputs; input++)
                transposed[input * linear.Outputs + output] = linear.Weight[output * linear.Inputs + input];
        }

        string product = _int8
            ? ByteProduct(x, transposed, linear)
            : _graph.Node("MatMul", [x, _graph.Constant(transposed, linear.Inputs, linear.Outputs)]);
        return _graph.Node("Add", [_graph.Constant(linear.Bias, linear.Outputs), product]);
    }

    private string ByteProduct(string x, float[] transposed, LinearWeights linear)
    {
        int outputs = linear.Outputs;
        var scales = new float[outputs];
        for (int i = 0; i < transposed.Length; i++)
            scales[i % outputs] = Math.Max(scales[i % outputs], Math.Abs(transposed[i]) / 127f);
        string[] quantized = Quantized(x);
        string bytes = _graph.ByteConstant(Bytes(transposed, place => scales[place % outputs]), linear.Inputs, outputs);
        string zeros = _graph.ByteConstant(new sbyte[outputs], outputs);
        string product = _graph.Node("MatMulInteger", [quantized[0], bytes, quantized[2], zeros]);
        return Scaled(product, quantized[1], _graph.Constant(scales, outputs));
    }

    /// <summary>Bytes, scale and zero point of an activation: one node for all products that read it.</summary>
    private string[] Quantized(string x) =>
        _quantized.TryGetValue(x, out string[]? known) ? known : _quantized[x] = _graph.Node("DynamicQuantizeLinear", [x], outputs: 3);

    private string Scaled(string product, string scale, string weightScale)
    {
        string sums = _graph.Node("Cast", [product], new OnnxAttribute("to", 1L));
        return _graph.Node("Mul", [sums, _graph.Node("Mul", [scale, weightScale])]);
    }

    private static sbyte[] Bytes(float[] weights, Func<int, float> scale) =>
        [.. weights.Select((weight, place) => (sbyte)Math.Clamp(MathF.Round(weight / scale(place)), -127f, 127f))];

    private string Heads(string x, bool transposeKey)
    {
        x = _graph.Node("Reshape", [x, _graph.Constant(0, 0, _config.HeadCount, _config.HeadSize)]);
        return _graph.Node("Transpose", [x], new OnnxAttribute("perm", transposeKey ? new long[] { 0, 2, 3, 1 } : [0, 2, 1, 3]));
    }

    private string Gelu(string x)
    {
        string erf = _graph.Node("Erf", [_graph.Node("Div", [x, _graph.Constant([(float)Math.Sqrt(2)])])]);
        string product = _graph.Node("Mul", [x, _graph.Node("Add", [erf, _graph.Constant([1f])])]);
        return _graph.Node("Mul", [product, _graph.Constant([0.5f])]);
    }

    private string[] NormInputs(string x, NormWeights norm) =>
        [x, _graph.Constant(norm.Weight, _config.HiddenSize), _graph.Constant(norm.Bias, _config.HiddenSize)];

    private OnnxAttribute[] NormAttributes() => [new("axis", -1L), new("epsilon", (float)_config.LayerNormEpsilon)];

    private LinearWeights Part(LinearWeights qkv, int part)
    {
        int hidden = _config.HiddenSize;
        return new LinearWeights(
            qkv.Weight.AsSpan(part * hidden * hidden, hidden * hidden).ToArray(),
            qkv.Bias.AsSpan(part * hidden, hidden).ToArray());
    }
}
