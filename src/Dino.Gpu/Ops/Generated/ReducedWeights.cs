using System.Runtime.InteropServices;
using Dino.Gpu.Kernels.Generated;
using Dino.Gpu.Kernels.Simd;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Ops.Generated;

/// <summary>The matrices of a model as <see cref="ReducedMatrix"/>, in memory of their own.</summary>
internal sealed unsafe class ReducedWeights : IDisposable
{
    private const int Alignment = 64;

    /// <summary>
    /// Hidden units of the MLP whose columns of Fc2 have scales of their own; <see cref="OutlierOrder"/> puts them first.
    /// </summary>
    internal const int OutlierGroup = AmxGenerator.StepUnit * 4;

    private readonly List<nint> _allocations = [];
    private readonly ReducedMatrix* _matrices;

    /// <summary>Converts a model, on all cores.</summary>
    /// <param name="weights">The model; not kept.</param>
    /// <param name="kind">The format of all matrices but the patch embedding's, which is bfloat16.</param>
    /// <param name="stepUnit">That of the <see cref="Tiles"/> that multiply them.</param>
    public ReducedWeights(VitWeights weights, TileKind kind, int stepUnit)
    {
        int hidden = weights.Config.HiddenSize;
        bool isGated = weights.Config.MlpKind == MlpKind.GatedSilu;
        _matrices = (ReducedMatrix*)Allocate((long)sizeof(ReducedMatrix) * (1 + ReducedPass.PerLayer * weights.Blocks.Count));
        int fc1Rows = isGated ? VitShape.GatedRows(weights.Config.MlpSize, Float16.Count) : weights.Config.MlpSize;
        var sources = new List<Source>
        {
            new(weights.PatchEmbedding, 0, hidden, ReducedPass.Index(Linear.PatchEmbedding, 0), TileKind.BFloat16),
        };
        for (int layer = 0; layer < weights.Blocks.Count; layer++)
        {
            BlockWeights block = weights.Blocks[layer];
            int key = ReducedPass.Index(Linear.KeyValue, layer);
            sources.Add(new(block.Qkv, 0, hidden, ReducedPass.Index(Linear.Query, layer), kind));
            sources.Add(new(block.Qkv, hidden, hidden, key, kind));
            sources.Add(new(block.Qkv, 2 * hidden, hidden, key + 1, kind));
            sources.Add(new(block.Projection, 0, hidden, ReducedPass.Index(Linear.Projection, layer), kind));
            sources.Add(new(block.Fc1, 0, fc1Rows, ReducedPass.Index(Linear.Fc1, layer), kind, IsGated: isGated));
            sources.Add(new(block.Fc2, 0, hidden, ReducedPass.Index(Linear.Fc2, layer), kind, OutlierGroup));
        }

        foreach (Source source in sources)
            _matrices[source.Index] = Reserve(source.Outputs, source.Linear.Inputs, source.Kind, stepUnit, source.FirstGroup);
        // A changed copy of a matrix lives no longer than its turn.
        Parallel.ForEach(sources, source => Fill(
            _matrices[source.Index],
            source.IsGated ? GatedLayer.Interleave(source.Linear, Float16.Count) : source.Linear,
            source.FirstOutput));
    }

    /// <summary>Converts one matrix: what kernels are tested and measured with.</summary>
    internal ReducedWeights(LinearWeights linear, TileKind kind, int stepUnit, int firstGroup)
    {
        _matrices = (ReducedMatrix*)Allocate(sizeof(ReducedMatrix));
        *_matrices = Reserve(linear.Outputs, linear.Inputs, kind, stepUnit, firstGroup);
        Fill(*_matrices, linear, 0);
    }

    /// <summary>In the order of <see cref="ReducedPass.Index"/>.</summary>
    public ReducedMatrix* Matrices => _matrices;

    public void Dispose()
    {
        foreach (nint allocation in _allocations)
            NativeMemory.AlignedFree((void*)allocation);
        _allocations.Clear();
    }

    /// <summary>A matrix as the model has it, and what becomes of it.</summary>
    private sealed record Source(
        LinearWeights Linear, int FirstOutput, int Outputs, int Index, TileKind Kind, int FirstGroup = 0, bool IsGated = false);

    private ReducedMatrix Reserve(int outputs, int inputs, TileKind kind, int stepUnit, int firstGroup)
    {
        var matrix = new ReducedMatrix { Kind = kind, Outputs = outputs, Inputs = inputs, StepUnit = stepUnit };
        matrix.Panels = Allocate(matrix.Size + 4096); // a prefetch runs ahead of the last panel
        if (kind == TileKind.Int8)
        {
            matrix.FirstGroup = firstGroup;
            long scales = (long)matrix.Groups * matrix.PaddedOutputs;
            matrix.Scale = (float*)Allocate(2 * scales * sizeof(float));
            matrix.ZeroSum = matrix.Scale + scales;
        }

        return matrix;
    }

    private byte* Allocate(long size)
    {
        void* memory = NativeMemory.AlignedAlloc((nuint)size, Alignment);
        NativeMemory.Clear(memory, (nuint)size);
        _allocations.Add((nint)memory);
        return (byte*)memory;
    }

    private static void Fill(ReducedMatrix matrix, LinearWeights linear, int firstOutput)
    {
        for (int output = 0; output < matrix.Outputs; output++)
        {
            for (int group = 0; group < matrix.Groups; group++)
            {
                (int block, int first, int count) = matrix.Group(group);
                ReadOnlySpan<float> source =
                    linear.Weight.AsSpan((firstOutput + output) * matrix.Inputs + block * Gemm.BlockSize + first, count);
                byte* panel = matrix.Start(output / TileGenerator.Width, block) + 4 * (output % TileGenerator.Width)
                    + (nint)(first / TileGenerator.StepLength(matrix.Kind)) * TileGenerator.StepBytes;
                if (matrix.Kind == TileKind.BFloat16)
                    Round(source, panel);
                else
                    Quantize(source, panel, group * matrix.PaddedOutputs + output, matrix);
            }
        }
    }

    private static void Round(ReadOnlySpan<float> source, byte* panel)
    {
        for (int k = 0; k < source.Length; k++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(source[k]);
            *(ushort*)(panel + k / 2 * TileGenerator.StepBytes + k % 2 * 2) = (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
        }
    }

    /// <summary>Signed bytes with the scale that leaves the smallest squared error.</summary>
    private static void Quantize(ReadOnlySpan<float> source, byte* panel, int place, in ReducedMatrix matrix)
    {
        float scale = ByteScale.Of(source);
        int sum = 0;
        for (int k = 0; k < source.Length; k++)
        {
            sbyte value = ByteScale.Quantize(source[k], scale);
            sum += value;
            *(sbyte*)(panel + k / 4 * TileGenerator.StepBytes + k % 4) = value;
        }

        matrix.Scale[place] = scale;
        matrix.ZeroSum[place] = scale * sum;
    }
}
