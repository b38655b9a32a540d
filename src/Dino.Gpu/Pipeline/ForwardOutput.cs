namespace Dino.Gpu.Pipeline;

/// <summary>Host memory that a forward pass fills. Arrays that the request does not ask for are empty.</summary>
internal sealed class ForwardOutput
{
    /// <summary>After the final norm: (batch, tokens, hidden) with every token, (batch, hidden) with the class token alone.</summary>
    public required float[] Tokens { get; init; }

    /// <summary>(layers + 1, batch, tokens, hidden), before the final norm.</summary>
    public required float[] HiddenStates { get; init; }

    /// <summary>(kept layers in ascending order, batch, heads, tokens, tokens); rows sum to 1.</summary>
    public required float[] Attentions { get; init; }

    /// <summary>Allocates what <paramref name="request"/> asks for.</summary>
    public static ForwardOutput Allocate(in VitShape shape, in ForwardRequest request)
    {
        long tokenRows = request.AllTokens != 0 ? (long)request.Batch * shape.TokenCount : request.Batch;
        long hidden = request.HiddenStates != 0 ? (shape.LayerCount + 1L) * request.Batch * shape.TokenCount * shape.HiddenSize : 0;
        long attention = (long)request.AttentionLayerCount * request.Batch * shape.HeadCount * shape.TokenCount * shape.TokenCount;
        return new ForwardOutput
        {
            Tokens = new float[tokenRows * shape.HiddenSize],
            HiddenStates = new float[hidden],
            Attentions = new float[attention],
        };
    }
}
