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

    /// <summary>Applies the operation to the results, before they are rounded.</summary>
    static abstract void Apply();

    /// <summary>Rounds the results and stages each pair at a byte of the tiles.</summary>
    static abstract void Stage(int first, int second);

    /// <summary>Loads what the results are scaled with on their way out.</summary>
    /// <param name="gains">Global address of the gains of the columns that the lane stores.</param>
    /// <param name="columns">Columns from the lane's first to the last of the output; none are left at 0.</param>
    static abstract void Begin(long gains, int columns);

    /// <summary>Takes staged results to a row of those that <see cref="EpilogueText.SetOutput"/> has set.</summary>
    /// <param name="staged">The byte of the tiles where 16 bytes of staged results begin.</param>
    /// <param name="row">Number of the row, counted from the lane's first.</param>
    static abstract void Finish(int staged, int row);

    /// <summary>As <see cref="Finish"/>, where no row of the output is left out between two others.</summary>
    static abstract void FinishDense(int staged, int row);
}

/// <summary>output = product + bias, in the format that the next product reads.</summary>
internal readonly struct StoreEpilogue<TFormat> : ITensorEpilogue<TFormat>
    where TFormat : struct, ITensorFormat
{
    public static int OutputSize => TFormat.ElementSize;

    public static void Apply()
    {
    }

    public static void Stage(int first, int second) => TFormat.StageResults(first, second);

    public static void Begin(long gains, int columns)
    {
    }

    public static void Finish(int staged, int row) => CudaAsm.Emit(EpilogueText.StoreStaged, staged, row);

    public static void FinishDense(int staged, int row) => CudaAsm.Emit(EpilogueText.StoreStagedDense, staged, row);
}

/// <summary>output = product + bias, in float32.</summary>
internal readonly struct StoreFloatEpilogue<TFormat> : ITensorEpilogue<TFormat>
    where TFormat : struct, ITensorFormat
{
    public static int OutputSize => sizeof(float);

    public static void Apply()
    {
    }

    public static void Stage(int first, int second) => CudaAsm.Emit(EpilogueText.StageFloat32, first, second);

    public static void Begin(long gains, int columns)
    {
    }

    public static void Finish(int staged, int row) => CudaAsm.Emit(EpilogueText.StoreStaged, staged, row);

    public static void FinishDense(int staged, int row) => CudaAsm.Emit(EpilogueText.StoreStagedDense, staged, row);
}

/// <summary>output = gelu(product + bias), in the format that the next product reads.</summary>
internal readonly struct GeluEpilogue<TFormat> : ITensorEpilogue<TFormat>
    where TFormat : struct, ITensorFormat
{
    public static int OutputSize => TFormat.ElementSize;

    public static void Apply() => CudaAsm.Emit(EpilogueText.Gelu);

    public static void Stage(int first, int second) => TFormat.StageResults(first, second);

    public static void Begin(long gains, int columns)
    {
    }

    public static void Finish(int staged, int row) => CudaAsm.Emit(EpilogueText.StoreStaged, staged, row);

    public static void FinishDense(int staged, int row) => CudaAsm.Emit(EpilogueText.StoreStagedDense, staged, row);
}

/// <summary>output = output + product + bias: the residual stream, in float32 for every format.</summary>
internal readonly struct AddEpilogue<TFormat> : ITensorEpilogue<TFormat>
    where TFormat : struct, ITensorFormat
{
    public static int OutputSize => sizeof(float);

    public static void Apply()
    {
    }

    public static void Stage(int first, int second) => CudaAsm.Emit(EpilogueText.StageFloat32, first, second);

    public static void Begin(long gains, int columns)
    {
    }

    public static void Finish(int staged, int row) => CudaAsm.Emit(EpilogueText.AddStaged, staged, row);

    public static void FinishDense(int staged, int row) => CudaAsm.Emit(EpilogueText.AddStagedDense, staged, row);
}

/// <summary>
/// output = output + gain * (product + bias): LayerScale. The gains lie behind the bias. Folded into a weight in
/// float16, a small one would lose most of its digits.
/// </summary>
internal readonly struct AddScaledEpilogue<TFormat> : ITensorEpilogue<TFormat>
    where TFormat : struct, ITensorFormat
{
    public static int OutputSize => sizeof(float);

    public static void Apply()
    {
    }

    public static void Stage(int first, int second) => CudaAsm.Emit(EpilogueText.StageFloat32, first, second);

    public static void Begin(long gains, int columns) => CudaAsm.Emit(EpilogueText.LoadGains, gains, columns);

    public static void Finish(int staged, int row) => CudaAsm.Emit(EpilogueText.AddScaledStaged, staged, row);

    public static void FinishDense(int staged, int row) => CudaAsm.Emit(EpilogueText.AddScaledStagedDense, staged, row);
}

/// <summary>
/// output = silu(gate) * up, in the format that the next product reads. Gate and up are neighboring columns of the
/// product.
/// </summary>
internal readonly struct GatedEpilogue<TFormat> : ITensorEpilogue<TFormat>
    where TFormat : struct, ITensorFormat
{
    public static int OutputSize => TFormat.ElementSize / 2;

    public static void Apply() => CudaAsm.Emit(EpilogueText.Gated);

    public static void Stage(int first, int second) => TFormat.StageGated(first, second);

    public static void Begin(long gains, int columns)
    {
    }

    public static void Finish(int staged, int row) => CudaAsm.Emit(EpilogueText.StoreStaged, staged, row);

    public static void FinishDense(int staged, int row) => CudaAsm.Emit(EpilogueText.StoreStagedDense, staged, row);
}
