using Dino.Gpu.Ops.Device;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Pipeline;

/// <summary>
/// Translates between the outputs that a caller wants and the parts that a pass keeps: makes the request, and later the
/// output.
/// </summary>
/// <param name="shape">The model at this input size.</param>
/// <param name="outputs">The outputs to return.</param>
/// <param name="layers">The layers to return them of.</param>
internal sealed class OutputSelection(VitShape shape, DinoOutputs outputs, DinoLayers layers)
{
    /// <summary>The outputs that are made of every token.</summary>
    private const DinoOutputs PartsOfTokens = DinoOutputs.LastHiddenState | DinoOutputs.PatchGrid | DinoOutputs.Registers;

    /// <summary>Every output: the bits up to the last one's.</summary>
    private const DinoOutputs All = DinoOutputs.RotatedKeys | DinoOutputs.RotatedKeys - 1;

    private readonly DinoOutputs _outputs = (outputs & ~All) == 0
        ? outputs
        : throw new ArgumentOutOfRangeException(nameof(outputs), outputs, "There is no such output.");

    /// <exception cref="ArgumentOutOfRangeException">There is no such layer.</exception>
    public ForwardRequest Request(int images) =>
        new(images, Has(PartsOfTokens), hiddenStates: false, attentionLayers: 0)
        {
            HiddenStates = Mask(DinoOutputs.HiddenStates, layers.HiddenStates, shape.LayerCount + 1, "hidden states"),
            IntermediateLayers = Mask(DinoOutputs.IntermediateLayers, layers.IntermediateLayers, shape.LayerCount),
            ClassTokenLayers = Mask(DinoOutputs.LayerClassTokens, layers.ClassTokens, shape.LayerCount),
            QueryLayers = Mask(DinoOutputs.Queries, layers.Queries, shape.LayerCount),
            KeyLayers = Mask(DinoOutputs.Keys, layers.Keys, shape.LayerCount),
            ValueLayers = Mask(DinoOutputs.Values, layers.Values, shape.LayerCount),
            RotatedQueryLayers = Mask(DinoOutputs.RotatedQueries, layers.RotatedQueries, shape.LayerCount),
            RotatedKeyLayers = Mask(DinoOutputs.RotatedKeys, layers.RotatedKeys, shape.LayerCount),
            AttentionLayers = Mask(DinoOutputs.Attentions | DinoOutputs.ClassAttentions, layers.Attentions, shape.LayerCount),
            Rollout = Has(DinoOutputs.AttentionRollout) ? 1 : 0,
            ClassAttentionOnly = Has(DinoOutputs.ClassAttentions) && !Has(DinoOutputs.Attentions) ? 1 : 0,
        };


    /// <summary>Makes the output from the parts that a pass for <see cref="Request"/> kept.</summary>
    public DinoOutput Output(ForwardOutput kept, in ForwardRequest request)
    {
        int images = request.Batch;
        float[]? classTokens = !Has(DinoOutputs.ClassToken)
            ? null
            : request.AllTokens != 0 ? PickRows(kept.Tokens, images, 0, 1) : kept.Tokens;
        float[]? patches = Has(DinoOutputs.PatchGrid) ? PickRows(kept.Tokens, images, shape.PrefixTokenCount, shape.PatchCount) : null;
        float[]? registers = Has(DinoOutputs.Registers) ? PickRows(kept.Tokens, images, 1, shape.RegisterCount) : null;
        float[]? classRows = Has(DinoOutputs.ClassAttentions) ? ClassRows(kept.Attentions, request) : null;
        var layout = new OutputLayout(shape, request);
        DinoTensor? TokenPart(DinoOutputs output, OutputPart part) =>
            Has(output) ? new DinoTensor(kept[part], layout.Slots(part), images, shape.TokenCount, shape.HiddenSize) : null;
        return new DinoOutput
        {
            ClassToken = classTokens is null ? null : new DinoTensor(classTokens, images, shape.HiddenSize),
            LastHiddenState = Has(DinoOutputs.LastHiddenState)
                ? new DinoTensor(kept.Tokens, images, shape.TokenCount, shape.HiddenSize) : null,
            RegisterCount = shape.RegisterCount,
            Registers = registers is null ? null : new DinoTensor(registers, images, shape.RegisterCount, shape.HiddenSize),
            PatchGrid = patches is null ? null : new DinoTensor(patches, images, shape.GridHeight, shape.GridWidth, shape.HiddenSize),
            HiddenStates = TokenPart(DinoOutputs.HiddenStates, OutputPart.HiddenStates),
            IntermediateLayers = TokenPart(DinoOutputs.IntermediateLayers, OutputPart.IntermediateLayers),
            LayerClassTokens = Has(DinoOutputs.LayerClassTokens)
                ? new DinoTensor(kept[OutputPart.ClassTokens], layout.Slots(OutputPart.ClassTokens), images, shape.HiddenSize) : null,
            Queries = TokenPart(DinoOutputs.Queries, OutputPart.Queries),
            Keys = TokenPart(DinoOutputs.Keys, OutputPart.Keys),
            Values = TokenPart(DinoOutputs.Values, OutputPart.Values),
            RotatedQueries = TokenPart(DinoOutputs.RotatedQueries, OutputPart.RotatedQueries),
            RotatedKeys = TokenPart(DinoOutputs.RotatedKeys, OutputPart.RotatedKeys),
            Attentions = Has(DinoOutputs.Attentions)
                ? new DinoTensor(
                    kept.Attentions, layout.Slots(OutputPart.Attentions), images, shape.HeadCount, shape.TokenCount, shape.TokenCount)
                : null,
            AttentionRollout = Has(DinoOutputs.AttentionRollout)
                ? new DinoTensor(kept[OutputPart.Rollout], images, shape.TokenCount) : null,
            ClassAttentions = classRows is null
                ? null : new DinoTensor(classRows, layout.Slots(OutputPart.Attentions), images, shape.HeadCount, shape.TokenCount),
        };
    }

    /// <summary>The number of a layer, counted from 0.</summary>
    /// <param name="layer">Counted from 0, or from the end if negative.</param>
    /// <param name="count">The number of layers, or of hidden states.</param>
    /// <param name="what"><c>layers</c> or <c>hidden states</c>, for the message.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no layer or state of this number.</exception>
    public static int Number(int layer, int count, string what = "layers")
    {
        int number = layer < 0 ? count + layer : layer;
        if (number < 0 || number >= count)
            throw new ArgumentOutOfRangeException(
                nameof(layer), layer, $"The model has {what} 0 to {count - 1}, or -1 to -{count} from the end.");
        return number;
    }

    private bool Has(DinoOutputs any) => (_outputs & any) != 0;

    private ulong Mask(DinoOutputs any, IReadOnlyList<int>? chosen, int count, string what = "layers")
    {
        ulong mask = 0;
        foreach (int layer in Has(any) ? chosen ?? [.. Enumerable.Range(0, count)] : [])
            mask |= 1UL << Number(layer, count, what);
        return mask;
    }

    /// <summary>
    /// (layers, images, heads, tokens): the class token's rows. If whole matrices were kept, picks row 0 of each.
    /// </summary>
    private float[] ClassRows(float[] attentions, in ForwardRequest request)
    {
        if (request.ClassAttentionOnly != 0)
            return attentions;
        int tokens = shape.TokenCount;
        var rows = new float[attentions.Length / tokens];
        for (int matrix = 0; matrix < rows.Length / tokens; matrix++)
            attentions.AsSpan(matrix * tokens * tokens, tokens).CopyTo(rows.AsSpan(matrix * tokens));
        return rows;
    }

    /// <summary>Picks the same rows of every image: (images, count, hidden) of (images, tokens, hidden).</summary>
    private float[] PickRows(float[] tokens, int images, int first, int count)
    {
        int hidden = shape.HiddenSize;
        var rows = new float[images * count * hidden];
        for (int image = 0; image < images; image++)
            tokens.AsSpan((image * shape.TokenCount + first) * hidden, count * hidden).CopyTo(rows.AsSpan(image * count * hidden));
        return rows;
    }
}
