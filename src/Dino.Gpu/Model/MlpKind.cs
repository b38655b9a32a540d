namespace Dino.Gpu.Model;

/// <summary>What the MLP of a block computes.</summary>
public enum MlpKind
{
    /// <summary><c>fc2(gelu(fc1(x)))</c>, with GELU by the error function.</summary>
    Gelu,

    /// <summary>
    /// <c>fc2(silu(gate(x)) * up(x))</c>: SwiGLU. Fc1 holds both, (2 * mlp, hidden), the rows of the gate first.
    /// </summary>
    GatedSilu,
}
