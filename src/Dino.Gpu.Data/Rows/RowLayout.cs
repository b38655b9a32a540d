using Dino.Gpu.Features;

namespace Dino.Gpu.Data.Rows;

/// <summary>The shape of one image's row, and how it is taken from a forward pass.</summary>
internal sealed class RowLayout
{
    private readonly OutputKind _kind;
    private readonly bool _normalize;
    private readonly int _hidden;
    private readonly int _patches;
    private readonly int _registers;

    /// <param name="kind">What is written.</param>
    /// <param name="normalize">Whether every vector written is scaled to length 1 (L2).</param>
    /// <param name="hidden">Values of one token.</param>
    /// <param name="gridHeight">Patches from top to bottom.</param>
    /// <param name="gridWidth">Patches from left to right.</param>
    /// <param name="registers">Register tokens.</param>
    public RowLayout(OutputKind kind, bool normalize, int hidden, int gridHeight, int gridWidth, int registers = 0)
    {
        _kind = kind;
        _normalize = normalize;
        _hidden = hidden;
        _patches = gridHeight * gridWidth;
        _registers = registers;
        Shape = kind.Pooling is { } pooling ? [pooling.Length(hidden)]
            : kind.Grid ? [gridHeight, gridWidth, hidden]
            : kind.Registers ? [registers, hidden]
            : [1 + registers + _patches, hidden];
        Length = Shape.Aggregate(1, (product, side) => product * side);
    }

    /// <summary>The rows of a model.</summary>
    /// <param name="output">What is written, by its name.</param>
    /// <param name="normalize">Whether every vector is scaled to length 1.</param>
    /// <param name="encoders">The model.</param>
    /// <exception cref="DinoException">
    /// The model has fewer blocks than the output takes, or a scale leaves no patch.
    /// </exception>
    public static RowLayout Of(string output, bool normalize, DinoEncoderGroup encoders)
    {
        OutputKind kind = OutputKind.Parse(output)!;
        if (kind.Pooling?.LastBlocks > encoders.Config.LayerCount)
            throw new DinoException($"--output {output}: this model has {encoders.Config.LayerCount} blocks");
        if (kind.Registers && encoders.Config.RegisterCount == 0)
            throw new DinoException($"--output {output}: this model has no register tokens");
        if (kind.Scales is { } scales)
            encoders.CheckScales(scales);
        return new RowLayout(
            kind, normalize, encoders.Config.HiddenSize, encoders.GridHeight, encoders.GridWidth, encoders.Config.RegisterCount);
    }

    /// <summary>(pooled values), (tokens, hidden), (registers, hidden) or (grid height, grid width, hidden).</summary>
    public int[] Shape { get; }

    /// <summary>Values of a row.</summary>
    public int Length { get; }

    /// <summary>What the forward pass has to return. Class tokens alone are cheaper.</summary>
    public DinoOutputs Needed => _kind.Pooling?.Outputs ?? DinoOutputs.LastHiddenState;

    /// <summary>The layers that it has to return.</summary>
    public DinoLayers Layers => _kind.Pooling?.Layers ?? new DinoLayers();

    /// <summary>Scales of the input that the class token is averaged over; null for the input as it is.</summary>
    public IReadOnlyList<double>? Scales => _kind.Scales;

    /// <summary>Copies the row of one image of a batch.</summary>
    /// <param name="output">A forward pass that returned <see cref="Needed"/> of <see cref="Layers"/>.</param>
    /// <param name="image">Index in the batch.</param>
    /// <param name="row">(<see cref="Length"/>)</param>
    /// <exception cref="DinoException">A value is not finite: that is no fault of the image.</exception>
    public void Copy(DinoOutput output, int image, Span<float> row)
    {
        if (_kind.Pooling is { } pooling)
        {
            pooling.Apply(output, image, row);
        }
        else
        {
            int tokens = 1 + _registers + _patches;
            ReadOnlySpan<float> all = output.LastHiddenState!.Data.AsSpan(image * tokens * _hidden, tokens * _hidden);
            int first = _kind.Grid ? 1 + _registers : _kind.Registers ? 1 : 0;
            all.Slice(first * _hidden, row.Length).CopyTo(row);
        }

        foreach (float value in row)
        {
            if (!float.IsFinite(value))
                throw new DinoException(
                    "the model made a value that is no finite number of a good image",
                    "compute with --precision fp32, and check the checkpoint: 'dino weights info' and its SHA-256");
        }

        if (_normalize)
            NormalizeVectors(row);
    }

    /// <summary>Scales each token of a grid by itself, and a pooled row as one vector.</summary>
    private void NormalizeVectors(Span<float> row)
    {
        int size = Shape[^1];
        for (int start = 0; start < row.Length; start += size)
            UnitVector.Scale(row.Slice(start, size));
    }
}
