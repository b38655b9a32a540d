namespace Dino.Gpu.Kernels.Portable;

/// <summary>
/// The operation that a matrix product applies to a value before it stores it, so that no other kernel has to read the
/// value again. A gated product has its columns in pairs, gate and up, and stores one value for each pair.
/// </summary>
internal interface IEpilogue
{
    /// <param name="value">The product plus the bias.</param>
    /// <param name="previous">
    /// The old value of the output. It is read only if <see cref="ReadsOutput"/> is true. If <see cref="IsGated"/> is
    /// true, this is the other column of the pair.
    /// </param>
    static abstract float Apply(float value, float previous);

    /// <summary>Whether <see cref="Apply"/> needs the old output.</summary>
    static abstract bool ReadsOutput { get; }

    /// <summary>Whether a pair of columns becomes one value; <see cref="Apply"/> then takes gate and up.</summary>
    static abstract bool IsGated { get; }
}

/// <summary>output = product + bias.</summary>
internal readonly struct StoreEpilogue : IEpilogue
{
    public static bool ReadsOutput => false;

    public static bool IsGated => false;

    public static float Apply(float value, float previous) => value;
}

/// <summary>output = gelu(product + bias).</summary>
internal readonly struct GeluEpilogue : IEpilogue
{
    public static bool ReadsOutput => false;

    public static bool IsGated => false;

    public static float Apply(float value, float previous) => ScalarMath.Gelu(value);
}

/// <summary>output = output + (product + bias).</summary>
internal readonly struct AddEpilogue : IEpilogue
{
    public static bool ReadsOutput => true;

    public static bool IsGated => false;

    public static float Apply(float value, float previous) => previous + value;
}

/// <summary>output = silu(gate) * up, of the product plus bias in two neighboring columns.</summary>
internal readonly struct GatedEpilogue : IEpilogue
{
    public static bool ReadsOutput => false;

    public static bool IsGated => true;

    public static float Apply(float value, float previous) => ScalarMath.Silu(value) * previous;
}
