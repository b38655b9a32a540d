using Dino.Gpu.Imaging;
using Dino.Gpu.Model;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Tests.Support;

/// <summary>
/// The operations of a ViT in double precision, loops and nothing else: what every kernel family is tested against.
/// Arrays are row-major; the float overloads widen their input.
/// </summary>
internal static class Reference
{
    public static double[] Widen(float[] values) => Array.ConvertAll(values, value => (double)value);

    public static double[] Linear(float[] input, float[] weight, float[] bias, int rows, int inputs, int outputs) =>
        Linear(Widen(input), weight, bias, rows, inputs, outputs);

    /// <summary>y[r, o] = sum_i input[r, i] * weight[o, i] + bias[o].</summary>
    public static double[] Linear(double[] input, float[] weight, float[] bias, int rows, int inputs, int outputs)
    {
        double[] result = new double[rows * outputs];
        double[] wide = Widen(weight);
        Parallel.For(0, rows, row =>
        {
            ReadOnlySpan<double> x = input.AsSpan(row * inputs, inputs);
            for (int output = 0; output < outputs; output++)
            {
                ReadOnlySpan<double> w = wide.AsSpan(output * inputs, inputs);
                double sum = bias[output];
                for (int i = 0; i < x.Length; i++)
                    sum += x[i] * w[i];
                result[row * outputs + output] = sum;
            }
        });
        return result;
    }

    public static double[] LayerNorm(float[] input, float[] weight, float[] bias, double epsilon, int rows, int columns) =>
        LayerNorm(Widen(input), weight, bias, epsilon, rows, columns);

    /// <summary>y = (x - mean) / sqrt(variance + epsilon) * weight + bias over each row.</summary>
    public static double[] LayerNorm(double[] input, float[] weight, float[] bias, double epsilon, int rows, int columns)
    {
        double[] result = new double[rows * columns];
        for (int row = 0; row < rows; row++)
        {
            double sum = 0;
            for (int column = 0; column < columns; column++)
                sum += input[row * columns + column];
            double mean = sum / columns;
            double squares = 0;
            for (int column = 0; column < columns; column++)
                squares += Math.Pow(input[row * columns + column] - mean, 2);
            double scale = 1 / Math.Sqrt(squares / columns + epsilon);
            for (int column = 0; column < columns; column++)
                result[row * columns + column] = (input[row * columns + column] - mean) * scale * weight[column] + bias[column];
        }

        return result;
    }

    public static double[] Softmax(float[] input, int rows, int columns) => Softmax(Widen(input), rows, columns);

    /// <summary>y = exp(x) / sum(exp(x)) over each row.</summary>
    public static double[] Softmax(double[] input, int rows, int columns)
    {
        double[] result = new double[rows * columns];
        for (int row = 0; row < rows; row++)
        {
            double max = double.NegativeInfinity;
            for (int column = 0; column < columns; column++)
                max = Math.Max(max, input[row * columns + column]);
            double sum = 0;
            for (int column = 0; column < columns; column++)
                sum += result[row * columns + column] = Math.Exp(input[row * columns + column] - max);
            for (int column = 0; column < columns; column++)
                result[row * columns + column] /= sum;
        }

        return result;
    }

    /// <summary>x * Phi(x), the exact form; 0.5 * x * erfc(-x / sqrt 2) keeps the digits of the left tail.</summary>
    public static double Gelu(double x) => 0.5 * x * Erfc(-x / Math.Sqrt(2));

    public static double Erf(double x) => Math.Abs(x) < 2 ? ErfSeries(x) : x > 0 ? 1 - ErfcFraction(x) : ErfcFraction(-x) - 1;

    public static double Erfc(double x) => x > 2 ? ErfcFraction(x) : 1 - Erf(x);

    /// <summary>
    /// softmax(q k^T / sqrt(head size)) for one image: (heads, tokens, tokens) from qkv (tokens, 3 * hidden).
    /// </summary>
    public static double[] AttentionProbabilities(double[] qkv, int tokens, int heads, int headSize)
    {
        int hidden = heads * headSize;
        double[] scores = new double[heads * tokens * tokens];
        Parallel.For(0, heads * tokens, row =>
        {
            int head = row / tokens;
            int query = row % tokens * 3 * hidden + head * headSize;
            for (int token = 0; token < tokens; token++)
            {
                int key = token * 3 * hidden + hidden + head * headSize;
                double sum = 0;
                for (int i = 0; i < headSize; i++)
                    sum += qkv[query + i] * qkv[key + i];
                scores[row * tokens + token] = sum / Math.Sqrt(headSize);
            }
        });
        return Softmax(scores, heads * tokens, tokens);
    }

    public static double[] Attention(float[] qkv, int tokens, int heads, int headSize) =>
        Attention(Widen(qkv), AttentionProbabilities(Widen(qkv), tokens, heads, headSize), tokens, heads, headSize);

    /// <summary>probabilities @ v for one image: (tokens, hidden), heads side by side.</summary>
    public static double[] Attention(double[] qkv, double[] probabilities, int tokens, int heads, int headSize)
    {
        int hidden = heads * headSize;
        double[] context = new double[tokens * hidden];
        for (int head = 0; head < heads; head++)
        {
            for (int query = 0; query < tokens; query++)
            {
                for (int token = 0; token < tokens; token++)
                {
                    double probability = probabilities[(head * tokens + query) * tokens + token];
                    int value = token * 3 * hidden + 2 * hidden + head * headSize;
                    for (int i = 0; i < headSize; i++)
                        context[query * hidden + head * headSize + i] += probability * qkv[value + i];
                }
            }
        }

        return context;
    }

    /// <summary>(height, width, 3) of one picture, normalized and rounded to float as the model's input is.</summary>
    public static double[] Normalize(ReadOnlySpan<byte> pixels)
    {
        float[] table = PixelNormalization.CreateTable();
        double[] values = new double[pixels.Length];
        for (int i = 0; i < values.Length; i++)
            values[i] = table[i % 3 * 256 + pixels[i]];
        return values;
    }

    /// <summary>
    /// torch's <c>interpolate(values, scale_factor=scale, mode="bilinear", align_corners=False)</c>, which samples 1 /
    /// scale apart because the factor was given: (height, width, 3) to (floor(height * scale), floor(width * scale),
    /// 3).
    /// </summary>
    public static double[] Interpolate(double[] values, int width, int height, double scale)
    {
        int newWidth = (int)Math.Floor(width * scale);
        int newHeight = (int)Math.Floor(height * scale);
        double[] result = new double[newWidth * newHeight * 3];
        for (int y = 0; y < newHeight; y++)
        {
            (int top, int bottom, double down) = Between(y, height);
            for (int x = 0; x < newWidth; x++)
            {
                (int left, int right, double across) = Between(x, width);
                for (int channel = 0; channel < 3; channel++)
                {
                    double Value(int row, int column) => values[(row * width + column) * 3 + channel];
                    result[(y * newWidth + x) * 3 + channel] =
                        (1 - down) * ((1 - across) * Value(top, left) + across * Value(top, right))
                            + down * ((1 - across) * Value(bottom, left) + across * Value(bottom, right));
                }
            }
        }

        return result;

        (int, int, double) Between(int position, int size)
        {
            double source = Math.Max((position + 0.5) / scale - 0.5, 0);
            int first = Math.Min((int)source, size - 1);
            return (first, Math.Min(first + 1, size - 1), source - first);
        }
    }

    /// <summary>(patches, 3 * patch * patch) of one input, (height, width, 3), columns (channel, y, x).</summary>
    public static double[] Unfold(double[] values, int width, int height, int patchSize)
    {
        int gridWidth = width / patchSize;
        int gridHeight = height / patchSize;
        double[] patches = new double[gridWidth * gridHeight * 3 * patchSize * patchSize];
        int index = 0;
        for (int patch = 0; patch < gridWidth * gridHeight; patch++)
        {
            for (int channel = 0; channel < 3; channel++)
            {
                for (int y = patch / gridWidth * patchSize; y < (patch / gridWidth + 1) * patchSize; y++)
                {
                    for (int x = patch % gridWidth * patchSize; x < (patch % gridWidth + 1) * patchSize; x++)
                        patches[index++] = values[(y * width + x) * 3 + channel];
                }
            }
        }

        return patches;
    }

    /// <summary>
    /// RoPE of DINOv3's vision_transformer.py: queries and keys of the patches, as rotate_half has it. The angles are
    /// 2 pi * coordinate / period, y before x, and once more for the other half of a head.
    /// </summary>
    /// <param name="qkv">(tokens, 3 * hidden)</param>
    /// <param name="periods">(head size / 4)</param>
    /// <param name="shape">The model at this input size.</param>
    public static double[] Rotate(double[] qkv, float[] periods, VitShape shape)
    {
        double[] rotated = [.. qkv];
        int size = shape.HeadSize;
        for (int patch = 0; patch < shape.PatchCount; patch++)
        {
            double y = 2 * ((patch / shape.GridWidth + 0.5) / shape.GridHeight) - 1;
            double x = 2 * ((patch % shape.GridWidth + 0.5) / shape.GridWidth) - 1;
            double[] angles =
            [
                .. periods.Select(period => 2 * Math.PI * y / period), .. periods.Select(period => 2 * Math.PI * x / period),
            ];
            angles = [.. angles, .. angles];
            for (int head = 0; head < 2 * shape.HeadCount; head++) // of queries, then of keys
            {
                int first = (shape.PrefixTokenCount + patch) * 3 * shape.HiddenSize + head * size;
                for (int i = 0; i < size; i++)
                {
                    double other = i < size / 2 ? -qkv[first + size / 2 + i] : qkv[first + i - size / 2];
                    rotated[first + i] = qkv[first + i] * Math.Cos(angles[i]) + other * Math.Sin(angles[i]);
                }
            }
        }

        return rotated;
    }

    /// <summary>x / (1 + e^-x)</summary>
    public static double Silu(double x) => x / (1 + Math.Exp(-x));

    /// <summary>
    /// The whole model on one picture of the shape's input size, or of the size that it has at a scale of the picture;
    /// positions are (1 + patches, hidden), the table at its grid, and none for a model with RoPE.
    /// </summary>
    public static ReferenceOutput Forward(
        VitWeights weights, ReadOnlySpan<byte> pixels, float[] positions, VitShape shape, double scale = 1)
    {
        int tokens = shape.TokenCount;
        int hidden = shape.HiddenSize;
        double epsilon = weights.Config.LayerNormEpsilon;
        double[] input = Interpolate(Normalize(pixels), shape.PictureWidth, shape.PictureHeight, scale);
        double[] patches = Unfold(input, shape.InputWidth, shape.InputHeight, shape.PatchSize);
        double[] embedded = Apply(patches, weights.PatchEmbedding, shape.PatchCount);
        double[] patchesAndClass = [.. Widen(weights.ClassToken), .. embedded];
        if (positions.Length > 0)
            patchesAndClass = Add(patchesAndClass, Widen(positions));
        double[] x = [.. patchesAndClass[..hidden], .. Widen(weights.Registers), .. patchesAndClass[hidden..]];

        var hiddenStates = new List<double[]> { x };
        var qkvs = new List<double[]>();
        var rotated = new List<double[]>();
        var attentions = new List<double[]>();
        foreach (BlockWeights block in weights.Blocks)
        {
            double[] y = LayerNorm(x, block.Norm1.Weight, block.Norm1.Bias, epsilon, tokens, hidden);
            double[] qkv = Apply(y, block.Qkv, tokens);
            qkvs.Add(qkv);
            qkv = weights.RotaryPeriods.Length > 0 ? Rotate(qkv, weights.RotaryPeriods, shape) : qkv;
            rotated.Add(qkv);
            double[] probabilities = AttentionProbabilities(qkv, tokens, shape.HeadCount, shape.HeadSize);
            attentions.Add(probabilities);
            y = Apply(Attention(qkv, probabilities, tokens, shape.HeadCount, shape.HeadSize), block.Projection, tokens);
            x = Add(x, Scale(y, block.LayerScale1));
            y = LayerNorm(x, block.Norm2.Weight, block.Norm2.Bias, epsilon, tokens, hidden);
            y = Apply(y, block.Fc1, tokens);
            y = weights.Config.MlpKind == MlpKind.GatedSilu ? Gate(y, shape.MlpSize) : Array.ConvertAll(y, Gelu);
            x = Add(x, Scale(Apply(y, block.Fc2, tokens), block.LayerScale2));
            hiddenStates.Add(x);
        }

        return new ReferenceOutput(
            hiddenStates,
            qkvs,
            rotated,
            attentions,
            LayerNorm(x, weights.Norm.Weight, weights.Norm.Bias, epsilon, tokens, hidden));
    }

    /// <summary>
    /// The class token's row of the attention rollout, (tokens), the way it is defined: the whole matrix (A + I) / 2 of
    /// each layer, A the mean over the heads of (heads, tokens, tokens), multiplied from the first layer on.
    /// </summary>
    public static double[] Rollout(IReadOnlyList<double[]> attentions, int tokens)
    {
        double[]? product = null;
        foreach (double[] attention in attentions)
        {
            int heads = attention.Length / tokens / tokens;
            double[] mixed = new double[tokens * tokens];
            for (int i = 0; i < mixed.Length; i++)
            {
                double sum = 0;
                for (int head = 0; head < heads; head++)
                    sum += attention[head * mixed.Length + i];
                mixed[i] = (sum / heads + (i / tokens == i % tokens ? 1 : 0)) / 2;
            }

            double[]? before = product;
            double[] next = new double[mixed.Length];
            Parallel.For(0, tokens, row =>
            {
                for (int k = 0; k < tokens; k++)
                {
                    for (int column = 0; column < tokens && before is not null; column++)
                        next[row * tokens + column] += mixed[row * tokens + k] * before[k * tokens + column];
                }
            });
            product = before is null ? mixed : next;
        }

        return product![..tokens];
    }

    private static double[] Apply(double[] input, LinearWeights linear, int rows) =>
        Linear(input, linear.Weight, linear.Bias, rows, linear.Inputs, linear.Outputs);

    /// <summary>(rows, mlp): silu(gate) * up of (rows, 2 * mlp), the gate's columns first.</summary>
    private static double[] Gate(double[] y, int mlp) =>
        [.. y.Chunk(2 * mlp).SelectMany(row => Enumerable.Range(0, mlp).Select(i => Silu(row[i]) * row[mlp + i]))];

    private static double[] Scale(double[] y, float[]? gains) =>
        gains is null ? y : [.. y.Select((value, i) => value * gains[i % gains.Length])];

    private static double[] Add(double[] x, double[] y) => [.. x.Zip(y, (a, b) => a + b)];

    /// <summary>erf(x) = 2 / sqrt(pi) * sum (-1)^n x^(2n+1) / (n! (2n+1)), good to a few ulp up to |x| = 2.</summary>
    private static double ErfSeries(double x)
    {
        double power = x;
        double sum = x;
        for (int n = 1; n < 60; n++)
        {
            power *= -x * x / n;
            sum += power / (2 * n + 1);
        }

        return 2 / Math.Sqrt(Math.PI) * sum;
    }

    /// <summary>
    /// erfc(x) = exp(-x^2) / sqrt(pi) / (x + (1/2) / (x + 1 / (x + (3/2) / (x + ...)))), from x = 2 up.
    /// </summary>
    private static double ErfcFraction(double x)
    {
        double tail = x;
        for (int n = 200; n >= 1; n--)
            tail = x + n / 2.0 / tail;
        return Math.Exp(-x * x) / Math.Sqrt(Math.PI) / tail;
    }
}

/// <summary>One picture's forward pass in double precision.</summary>
/// <param name="HiddenStates">layers + 1 times (tokens, hidden), before the final norm.</param>
/// <param name="Qkvs">layers times (tokens, 3 * hidden), before RoPE.</param>
/// <param name="Rotated">The same after RoPE.</param>
/// <param name="Attentions">layers times (heads, tokens, tokens).</param>
/// <param name="Tokens">(tokens, hidden), after the final norm.</param>
internal sealed record ReferenceOutput(
    IReadOnlyList<double[]> HiddenStates, IReadOnlyList<double[]> Qkvs, IReadOnlyList<double[]> Rotated,
    IReadOnlyList<double[]> Attentions, double[] Tokens);
