using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>What a product does to result0 to result3, which hold product and bias, on their way to memory.</summary>
internal interface ITensorEpilogue<TFormat>
    where TFormat : struct, ITensorFormat
{
    /// <summary>Bytes of an output value.</summary>
    static abstract int OutputSize { get; }

    /// <param name="address">Global address of four neighboring outputs.</param>
    static abstract void Finish(long address);
}

/// <summary>output = product + bias, in the format that the next product reads.</summary>
internal readonly struct StoreEpilogue<TFormat> : ITensorEpilogue<TFormat>
    where TFormat : struct, ITensorFormat
{
    public static int OutputSize => TFormat.ElementSize;

    public static void Finish(long address) => TFormat.StoreResults(address);
}

/// <summary>output = product + bias, in float32.</summary>
internal readonly struct StoreFloatEpilogue<TFormat> : ITensorEpilogue<TFormat>
    where TFormat : struct, ITensorFormat
{
    public static int OutputSize => sizeof(float);

    public static void Finish(long address) => CudaAsm.Emit(EpilogueText.StoreFloat32, address);
}

/// <summary>output = gelu(product + bias), in the format that the next product reads.</summary>
internal readonly struct GeluEpilogue<TFormat> : ITensorEpilogue<TFormat>
    where TFormat : struct, ITensorFormat
{
    public static int OutputSize => TFormat.ElementSize;

    public static void Finish(long address)
    {
        CudaAsm.Emit(EpilogueText.Gelu);
        TFormat.StoreResults(address);
    }
}

/// <summary>output = output + product + bias: the residual stream, in float32 whatever the format.</summary>
internal readonly struct AddEpilogue<TFormat> : ITensorEpilogue<TFormat>
    where TFormat : struct, ITensorFormat
{
    public static int OutputSize => sizeof(float);

    public static void Finish(long address)
    {
        CudaAsm.Emit(EpilogueText.AddOutput, address);
        CudaAsm.Emit(EpilogueText.StoreFloat32, address);
    }
}
