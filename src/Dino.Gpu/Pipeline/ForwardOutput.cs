namespace Dino.Gpu.Pipeline;

/// <summary>Host memory that a forward pass fills. Arrays that the request does not ask for are empty.</summary>
internal sealed class ForwardOutput
{
    private ForwardOutput(float[] tokens, float[] hiddenStates, float[] attentions)
    {
        Tokens = tokens;
        HiddenStates = hiddenStates;
        Attentions = attentions;
    }

    /// <summary>After the final norm: (batch, tokens, hidden) with every token, (batch, hidden) with the class token alone.</summary>
    public float[] Tokens { get; }

    /// <summary>(layers + 1, batch, tokens, hidden), before the final norm.</summary>
    public float[] HiddenStates { get; }

    /// <summary>(kept layers in ascending order, batch, heads, rows kept, tokens), every row or the class token's; rows sum to 1.</summary>
    public float[] Attentions { get; }

    /// <summary>Allocates what <paramref name="request"/> asks for.</summary>
    /// <exception cref="DinoException">An output would be longer than an array can be.</exception>
    public static ForwardOutput Allocate(in VitShape shape, in ForwardRequest request)
    {
        long batch = request.Batch;
        long tokenRows = request.AllTokens != 0 ? batch * shape.TokenCount : batch;
        long hiddenRows = request.HiddenStates != 0 ? (shape.LayerCount + 1) * batch * shape.TokenCount : 0;
        long attentionRows = request.AttentionLayerCount * batch * shape.HeadCount * request.AttentionRowCount(shape.TokenCount);
        return new ForwardOutput(
            Allocate(tokenRows, shape.HiddenSize, "tokens"),
            Allocate(hiddenRows, shape.HiddenSize, "hidden states"),
            Allocate(attentionRows, shape.TokenCount, "attention probabilities"));
    }

    /// <summary>Copies the outputs of a part of the images to their place in this one's.</summary>
    /// <param name="part">Outputs of <paramref name="count"/> images.</param>
    /// <param name="shape">The model at this input size.</param>
    /// <param name="attentionLayers">Layers whose attention is kept.</param>
    /// <param name="images">Images in this output.</param>
    /// <param name="first">Place of the part's first image.</param>
    /// <param name="count">Images in the part.</param>
    public void Insert(ForwardOutput part, in VitShape shape, int attentionLayers, int images, int first, int count)
    {
        Insert(part.Tokens, Tokens, images, first, count);
        for (int layer = 0; HiddenStates.Length > 0 && layer <= shape.LayerCount; layer++)
            Insert(Slice(part.HiddenStates, layer, shape.LayerCount + 1), Slice(HiddenStates, layer, shape.LayerCount + 1), images, first, count);
        for (int layer = 0; layer < attentionLayers; layer++)
            Insert(Slice(part.Attentions, layer, attentionLayers), Slice(Attentions, layer, attentionLayers), images, first, count);
    }

    private static void Insert(ReadOnlySpan<float> part, Span<float> all, int images, int first, int count) =>
        part.CopyTo(all.Slice(all.Length / images * first, all.Length / images * count));

    private static Span<float> Slice(float[] values, int index, int count) =>
        values.AsSpan(values.Length / count * index, values.Length / count);

    private static float[] Allocate(long rows, int columns, string what) => rows * columns <= Array.MaxLength
        ? new float[rows * columns]
        : throw new DinoException($"The {what} asked for take {rows} x {columns} values, more than an array can hold; ask for fewer images or layers at once.");
}
