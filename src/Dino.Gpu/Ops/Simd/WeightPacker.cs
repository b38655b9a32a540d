using Dino.Gpu.Kernels.Simd;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Ops.Simd;

/// <summary>Copies a model into the order of <see cref="WeightLayout"/>, on all cores.</summary>
internal sealed unsafe class WeightPacker(float* destination, WeightLayout layout)
{
    public void Pack(VitWeights weights)
    {
        int hidden = weights.Config.HiddenSize;
        bool isGated = weights.Config.MlpKind == MlpKind.GatedSilu;
        Norms(weights.Norm, Norm.Final, 0, hidden);
        var matrices = new List<Source>
        {
            new(weights.PatchEmbedding, 0, hidden, layout.LinearStart(Linear.PatchEmbedding, 0)),
        };
        for (int layer = 0; layer < weights.Blocks.Count; layer++)
        {
            BlockWeights block = weights.Blocks[layer];
            Norms(block.Norm1, Norm.BeforeAttention, layer, hidden);
            Norms(block.Norm2, Norm.BeforeMlp, layer, hidden);
            long key = layout.LinearStart(Linear.KeyValue, layer);
            matrices.Add(new(block.Qkv, 0, hidden, layout.LinearStart(Linear.Query, layer)));
            matrices.Add(new(block.Qkv, hidden, hidden, key));
            matrices.Add(new(block.Qkv, 2 * hidden, hidden, key + layout.MatrixSize(hidden, hidden)));
            matrices.Add(new(block.Projection, 0, hidden, layout.LinearStart(Linear.Projection, layer), block.LayerScale1));
            matrices.Add(new(block.Fc1, 0, layout.Fc1Rows, layout.LinearStart(Linear.Fc1, layer), IsGated: isGated));
            matrices.Add(new(block.Fc2, 0, hidden, layout.LinearStart(Linear.Fc2, layer), block.LayerScale2));
        }

        // A changed copy of a matrix lives no longer than its turn.
        Parallel.ForEach(matrices, (matrix, _, index) =>
        {
            LinearWeights linear = matrix.IsGated
                ? GatedLayer.Interleave(matrix.Linear, layout.Width / 2)
                : matrix.Linear.ScaleRows(matrix.Gains);
            Matrix(linear, matrix.FirstOutput, matrix.Outputs, matrix.Start, index == 0 || layout.HasSections);
        });
    }

    /// <summary>A matrix as the model has it, and what is done before it is copied.</summary>
    /// <param name="Linear">The layer.</param>
    /// <param name="FirstOutput">The first of its rows that are taken.</param>
    /// <param name="Outputs">How many.</param>
    /// <param name="Start">Where they go.</param>
    /// <param name="Gains">Of the rows; null without LayerScale.</param>
    /// <param name="IsGated">Whether rows of the gate and the others take turns.</param>
    private sealed record Source(
        LinearWeights Linear, int FirstOutput, int Outputs, long Start, float[]? Gains = null, bool IsGated = false);

    private void Norms(NormWeights norm, Norm kind, int layer, int hidden)
    {
        long start = layout.NormWeight(kind, layer);
        Vector(norm.Weight, start);
        Vector(norm.Bias, start + WeightLayout.PaddedToBlocks(hidden));
    }

    private void Vector(ReadOnlySpan<float> values, long start)
    {
        var padded = new Span<float>(destination + start, (int)WeightLayout.PaddedToBlocks(values.Length));
        values.CopyTo(padded);
        padded[values.Length..].Clear();
    }

    /// <summary>
    /// Writes the bias, then the panels (inputs, width) of each block of outputs and block of inputs. Missing outputs
    /// are zero.
    /// </summary>
    private void Matrix(LinearWeights linear, int firstOutput, int outputs, long start, bool hasSections)
    {
        int inputs = linear.Inputs;
        int width = layout.Width;
        Vector(linear.Bias.AsSpan(firstOutput, outputs), start);
        if (!hasSections)
            return;
        float* panel = destination + start + WeightLayout.PaddedToBlocks(outputs);
        for (int outputBlock = 0; outputBlock < outputs; outputBlock += Gemm.BlockSize)
        {
            int lastOutput = Math.Min(outputs, outputBlock + Gemm.BlockSize);
            for (int inputBlock = 0; inputBlock < inputs; inputBlock += Gemm.BlockSize)
            {
                int count = Math.Min(Gemm.BlockSize, inputs - inputBlock);
                for (int output = outputBlock; output < lastOutput; output += width, panel += (nint)count * width)
                {
                    for (int column = 0; column < width; column++)
                    {
                        bool exists = output + column < lastOutput;
                        Column(linear.Weight, firstOutput + output + column, exists, inputs, inputBlock, count, panel + column, width);
                    }
                }
            }
        }
    }

    /// <summary>Writes the weights of one output to every width-th float.</summary>
    private static void Column(
        float[] weight, int output, bool exists, int inputs, int firstInput, int count, float* destination, int width)
    {
        if (!exists)
        {
            for (int i = 0; i < count; i++)
                destination[(nint)i * width] = 0f;
            return;
        }

        ReadOnlySpan<float> source = weight.AsSpan(output * inputs + firstInput, count);
        for (int i = 0; i < source.Length; i++)
            destination[(nint)i * width] = source[i];
    }
}
