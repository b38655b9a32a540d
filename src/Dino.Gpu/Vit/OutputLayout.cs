using System.Numerics;

namespace Dino.Gpu.Vit;

/// <summary>
/// The sizes of the parts that one pass keeps, and their places in one buffer that holds them all. Plain values: a
/// kernel takes it as a parameter.
/// </summary>
internal readonly struct OutputLayout
{
    private readonly VitShape _shape;
    private readonly ForwardRequest _request;

    public OutputLayout(in VitShape shape, in ForwardRequest request)
    {
        _shape = shape;
        _request = request;
    }

    /// <summary>Values of all parts together.</summary>
    public long TotalLength => Start(Parts);

    /// <summary>Number of parts.</summary>
    public static OutputPart Parts => OutputPart.Rollout + 1;

    /// <summary>Where queries, keys or values are in a row of Qkv: 0, 1 or 2.</summary>
    public static int QkvPart(OutputPart part) =>
        part >= OutputPart.RotatedQueries ? part - OutputPart.RotatedQueries : part - OutputPart.Queries;

    /// <summary>The number of layers that are kept of a part.</summary>
    public int Slots(OutputPart part) => part switch
    {
        OutputPart.Tokens => 1,
        OutputPart.Rollout => _request.Rollout,
        _ => BitOperations.PopCount(_request.Layers(part) & Below(IndexCount(part))),
    };

    /// <summary>The slot of a kept layer; for hidden states, of a kept state.</summary>
    public int Slot(OutputPart part, int index) => BitOperations.PopCount(_request.Layers(part) & Below(index));

    /// <summary>Values of one image in one slot.</summary>
    public long ImageLength(OutputPart part) => part switch
    {
        OutputPart.Tokens => (_request.AllTokens != 0 ? _shape.TokenCount : 1L) * _shape.HiddenSize,
        OutputPart.ClassTokens => _shape.HiddenSize,
        OutputPart.Rollout => _shape.TokenCount,
        OutputPart.Attentions => (long)_shape.HeadCount * _request.AttentionRowCount(_shape.TokenCount) * _shape.TokenCount,
        _ => (long)_shape.TokenCount * _shape.HiddenSize,
    };

    /// <summary>Values of one slot: of the whole batch.</summary>
    public long SlotLength(OutputPart part) => _request.Batch * ImageLength(part);

    /// <summary>Values of a part.</summary>
    public long Length(OutputPart part) => Slots(part) * SlotLength(part);

    /// <summary>The place of a part's first value. The parts follow each other.</summary>
    public long Start(OutputPart part)
    {
        long start = 0;
        for (OutputPart before = 0; before < part; before++)
            start += Length(before);
        return start;
    }

    private int IndexCount(OutputPart part) => part == OutputPart.HiddenStates ? _shape.LayerCount + 1 : _shape.LayerCount;

    private static ulong Below(int index) => index >= 64 ? ulong.MaxValue : (1UL << index) - 1;
}
