using Dino.Gpu.Vit;

namespace Dino.Gpu.Ops.Device;

/// <summary>Host memory that a forward pass fills. The array of an output that was not requested is empty.</summary>
internal sealed class ForwardOutput
{
    private readonly OutputLayout _layout;
    private readonly float[][] _parts = new float[(int)OutputLayout.Parts][];

    private ForwardOutput(OutputLayout layout)
    {
        _layout = layout;
        for (OutputPart part = 0; part < OutputLayout.Parts; part++)
        {
            long length = layout.Length(part);
            _parts[(int)part] = length <= Array.MaxLength
                ? new float[length]
                : throw new DinoException(
                    $"the {Name(part)} asked for take {length} values (at most {Array.MaxLength} fit an array)",
                    "ask for fewer images or layers at once");
        }
    }

    /// <summary>
    /// The tokens after the final norm: (batch, tokens, hidden) with every token, (batch, hidden) with the class token
    /// alone.
    /// </summary>
    public float[] Tokens => this[OutputPart.Tokens];

    /// <summary>(states in ascending order, batch, tokens, hidden), before the final norm.</summary>
    public float[] HiddenStates => this[OutputPart.HiddenStates];

    /// <summary>
    /// (layers in ascending order, batch, heads, rows kept, tokens): every row or the class token's. Each row sums to
    /// 1.
    /// </summary>
    public float[] Attentions => this[OutputPart.Attentions];

    /// <summary>(slots, batch, values of an image); see <see cref="OutputPart"/>.</summary>
    public float[] this[OutputPart part] => _parts[(int)part];

    /// <summary>Allocates the outputs of a request.</summary>
    /// <exception cref="DinoException">An output would be longer than an array can be.</exception>
    public static ForwardOutput Allocate(in VitShape shape, in ForwardRequest request) => new(new OutputLayout(shape, request));

    /// <summary>Copies the outputs of some of the images to their places in this output.</summary>
    /// <param name="some">The outputs of some of the images, for a request that is otherwise the same.</param>
    /// <param name="first">The place of their first image among all.</param>
    public void Insert(ForwardOutput some, int first)
    {
        for (OutputPart part = 0; part < OutputLayout.Parts; part++)
        {
            int count = (int)some._layout.SlotLength(part);
            for (int slot = 0; slot < _layout.Slots(part); slot++)
                some[part].AsSpan(slot * count, count).CopyTo(
                    this[part].AsSpan((int)(slot * _layout.SlotLength(part) + first * _layout.ImageLength(part))));
        }
    }

    private static string Name(OutputPart part) => part switch
    {
        OutputPart.HiddenStates => "hidden states",
        OutputPart.IntermediateLayers => "intermediate layers",
        OutputPart.ClassTokens => "class tokens",
        OutputPart.Attentions => "attention probabilities",
        OutputPart.Rollout => "attention rollouts",
        _ => part.ToString().ToLowerInvariant(),
    };
}
