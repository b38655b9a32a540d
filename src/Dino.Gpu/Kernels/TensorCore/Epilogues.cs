using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>
/// The operation that a product applies to result0 to result3 on their way to memory. They are sums of product and
/// bias, in two columns of two rows. A gated product has gate and up in the two columns and stores one value for both.
/// </summary>
internal interface ITensorEpilogue<TFormat>
    where TFormat : struct, ITensorFormat
{
    /// <summary>Bytes of the output for each column of the product.</summary>
    static abstract int OutputSize { get; }

    /// <summary>
    /// Whether the results are added to the output, in float32. Then nothing is applied or staged: each lane adds its
    /// sums where they belong.
    /// </summary>
    static abstract bool AddsToOutput { get; }

    /// <summary>Whether each column has a gain, behind the bias, that what is added is multiplied by.</summary>
    static abstract bool HasGains { get; }

    /// <summary>Applies the operation to the results, before they are rounded.</summary>
    static abstract void Apply();

    /// <summary>Rounds the results and stages each pair at a byte of the tiles.</summary>
    static abstract void Stage(int first, int second);
}

/// <summary>output = product + bias, in the format that the next product reads.</summary>
internal readonly struct StoreEpilogue<TFormat> : ITensorEpilogue<TFormat>
    where TFormat : struct, ITensorFormat
{
    public static int OutputSize => TFormat.ElementSize;

    public static bool AddsToOutput => false;

    public static bool HasGains => false;

    public static void Apply()
    {
    }

    public static void Stage(int first, int second) => TFormat.StageResults(first, second);
}

/// <summary>output = product + bias, in float32.</summary>
internal readonly struct StoreFloatEpilogue<TFormat> : ITensorEpilogue<TFormat>
    where TFormat : struct, ITensorFormat
{
    public static int OutputSize => sizeof(float);

    public static bool AddsToOutput => false;

    public static bool HasGains => false;

    public static void Apply()
    {
    }

    public static void Stage(int first, int second) => CudaAsm.Emit(EpilogueText.StageFloat32, first, second);
}

/// <summary>output = gelu(product + bias), in the format that the next product reads.</summary>
internal readonly struct GeluEpilogue<TFormat> : ITensorEpilogue<TFormat>
    where TFormat : struct, ITensorFormat
{
    public static int OutputSize => TFormat.ElementSize;

    public static bool AddsToOutput => false;

    public static bool HasGains => false;

    public static void Apply() => CudaAsm.Emit(EpilogueText.Gelu);

    public static void Stage(int first, int second) => TFormat.StageResults(first, second);
}

/// <summary>output = output + product + bias: the residual stream, in float32 for every format.</summary>
internal readonly struct AddEpilogue<TFormat> : ITensorEpilogue<TFormat>
    where TFormat : struct, ITensorFormat
{
    public static int OutputSize => sizeof(float);

    public static bool AddsToOutput => true;

    public static bool HasGains => false;

    public static void Apply()
    {
    }

    public static void Stage(int first, int second)
    {
    }
}

/// <summary>
/// output = output + gain * (product + bias): LayerScale. The gains lie behind the bias. Folded into a weight in
/// float16, a small one would lose most of its digits.
/// </summary>
internal readonly struct AddScaledEpilogue<TFormat> : ITensorEpilogue<TFormat>
    where TFormat : struct, ITensorFormat
{
    public static int OutputSize => sizeof(float);

    public static bool AddsToOutput => true;

    public static bool HasGains => true;

    public static void Apply()
    {
    }

    public static void Stage(int first, int second)
    {
    }
}

/// <summary>
/// output = silu(gate) * up, in the format that the next product reads. Gate and up are neighboring columns of the
/// product.
/// </summary>
internal readonly struct GatedEpilogue<TFormat> : ITensorEpilogue<TFormat>
    where TFormat : struct, ITensorFormat
{
    public static int OutputSize => TFormat.ElementSize / 2;

    public static bool AddsToOutput => false;

    public static bool HasGains => false;

    public static void Apply() => CudaAsm.Emit(EpilogueText.Gated);

    public static void Stage(int first, int second) => TFormat.StageGated(first, second);
}
