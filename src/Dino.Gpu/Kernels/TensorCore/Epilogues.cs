using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>
/// The operation that a product applies to result0 to result3 on their way to memory. They are sums of product and
/// bias, in two columns of two rows.
/// </summary>
internal interface ITensorEpilogue<TFormat>
    where TFormat : struct, ITensorFormat
{
    /// <summary>Bytes of an output value.</summary>
    static abstract int OutputSize { get; }

    /// <summary>Applies the operation to the results, before they are rounded.</summary>
    static abstract void Apply();

    /// <summary>Rounds the results and stages each pair at a byte of the tiles.</summary>
    static abstract void Stage(int first, int second);

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

    public static void Finish(int staged, int row) => CudaAsm.Emit(EpilogueText.AddStaged, staged, row);

    public static void FinishDense(int staged, int row) => CudaAsm.Emit(EpilogueText.AddStagedDense, staged, row);
}
