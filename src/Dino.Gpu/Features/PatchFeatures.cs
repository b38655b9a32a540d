namespace Dino.Gpu.Features;

/// <summary>One vector for each patch of a picture.</summary>
public sealed class PatchFeatures
{
    private readonly float[] _values;

    /// <summary>Wraps values without copying them.</summary>
    /// <param name="values">(grid height, grid width, channels)</param>
    /// <param name="gridHeight">Rows of patches.</param>
    /// <param name="gridWidth">Columns of patches.</param>
    /// <param name="channels">Values of a patch.</param>
    /// <exception cref="ArgumentException">A size is not positive, or their product is not the values' length.</exception>
    public PatchFeatures(float[] values, int gridHeight, int gridWidth, int channels)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(gridHeight);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(gridWidth);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(channels);
        Int128 length = (Int128)gridHeight * gridWidth * channels; // 2^64 must not become 0
        if (values.LongLength != length)
        {
            throw new ArgumentException(
                $"({gridHeight}, {gridWidth}, {channels}) takes {length} values, got {values.LongLength}.", nameof(values));
        }

        _values = values;
        GridHeight = gridHeight;
        GridWidth = gridWidth;
        Channels = channels;
    }

    /// <summary>Rows of patches.</summary>
    public int GridHeight { get; }

    /// <summary>Columns of patches.</summary>
    public int GridWidth { get; }

    /// <summary>Values of a patch: the hidden size.</summary>
    public int Channels { get; }

    /// <summary>(grid height, grid width, channels)</summary>
    public ReadOnlySpan<float> Values => _values;

    /// <summary>The vector of one patch.</summary>
    /// <returns>(channels)</returns>
    public ReadOnlySpan<float> this[int row, int column]
    {
        get
        {
            Arguments.ThrowIfNoIndex(row, GridHeight);
            Arguments.ThrowIfNoIndex(column, GridWidth);
            return _values.AsSpan((row * GridWidth + column) * Channels, Channels);
        }
    }

    /// <summary>The output of a forward pass that contains a feature.</summary>
    public static DinoOutputs OutputOf(PatchFeature feature) => feature switch
    {
        PatchFeature.Tokens => DinoOutputs.IntermediateLayers,
        PatchFeature.Residual => DinoOutputs.HiddenStates,
        PatchFeature.Queries => DinoOutputs.Queries,
        PatchFeature.Keys => DinoOutputs.Keys,
        PatchFeature.Values => DinoOutputs.Values,
        PatchFeature.RotatedQueries => DinoOutputs.RotatedQueries,
        PatchFeature.RotatedKeys => DinoOutputs.RotatedKeys,
        _ => throw new ArgumentOutOfRangeException(nameof(feature)),
    };

    /// <summary>
    /// Copies the patches of one picture from the output of a forward pass, without the class token and the registers.
    /// </summary>
    /// <param name="output">The output of a pass that returned <see cref="OutputOf"/>.</param>
    /// <param name="feature">The feature.</param>
    /// <param name="layer">Place of the layer among the layers that the pass returned.</param>
    /// <param name="image">The picture's number in the pass.</param>
    /// <param name="gridWidth">Columns of patches.</param>
    /// <exception cref="ArgumentException">The pass did not return the feature.</exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// There is no such layer or picture in the pass, or the grid is not that wide.
    /// </exception>
    public static PatchFeatures Of(DinoOutput output, PatchFeature feature, int layer, int image, int gridWidth)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(gridWidth);
        DinoTensor tokens = (feature switch
        {
            PatchFeature.Tokens => output.IntermediateLayers,
            PatchFeature.Residual => output.HiddenStates,
            PatchFeature.Queries => output.Queries,
            PatchFeature.Keys => output.Keys,
            PatchFeature.Values => output.Values,
            PatchFeature.RotatedQueries => output.RotatedQueries,
            PatchFeature.RotatedKeys => output.RotatedKeys,
            _ => throw new ArgumentOutOfRangeException(nameof(feature)),
        }) ?? throw new ArgumentException($"The pass did not return {OutputOf(feature)}.", nameof(output));
        (int images, int count, int channels) = (tokens.Shape[1], tokens.Shape[2], tokens.Shape[3]);
        Arguments.ThrowIfNoIndex(layer, tokens.Shape[0]);
        Arguments.ThrowIfNoIndex(image, images);
        int patches = count - output.PrefixTokenCount;
        if (patches % gridWidth != 0)
        {
            throw new ArgumentOutOfRangeException(
                nameof(gridWidth), gridWidth, $"Expected a divisor of the {patches} patches of a picture, since every row is as wide.");
        }

        int start = ((layer * images + image) * count + output.PrefixTokenCount) * channels;
        return new PatchFeatures(tokens.Data[start..(start + patches * channels)], patches / gridWidth, gridWidth, channels);
    }
}
