namespace Dino.Gpu.Kernels.Portable;

/// <summary>
/// What a matrix product does to a value before it is stored, so that no other kernel has to read it again.
/// </summary>
internal interface IEpilogue
{
    /// <param name="value">Product and bias.</param>
    /// <param name="previous">What the output holds; read only where <see cref="ReadsOutput"/> says so.</param>
    static abstract float Apply(float value, float previous);

    /// <summary>Whether the old output is needed.</summary>
    static abstract bool ReadsOutput { get; }
}

/// <summary>output = product + bias.</summary>
internal readonly struct StoreEpilogue : IEpilogue
{
    public static bool ReadsOutput => false;

    public static float Apply(float value, float previous) => value;
}

/// <summary>output = gelu(product + bias).</summary>
internal readonly struct GeluEpilogue : IEpilogue
{
    public static bool ReadsOutput => false;

    public static float Apply(float value, float previous) => ScalarMath.Gelu(value);
}

/// <summary>output = output + (product + bias).</summary>
internal readonly struct AddEpilogue : IEpilogue
{
    public static bool ReadsOutput => true;

    public static float Apply(float value, float previous) => previous + value;
}
