namespace Dino.Gpu.Checkpoints;

/// <summary>
/// Types that a stored tensor can have, by their safetensors names. Only the floating-point ones can be weights.
/// </summary>
internal enum ElementType
{
    F32,
    F16,
    BF16,
    F64,
    I64,
    I32,
    I16,
    I8,
    U64,
    U32,
    U16,
    U8,
    Bool,
}

internal static class ElementTypes
{
    /// <summary>Bytes of one element.</summary>
    public static int Size(this ElementType type) => type switch
    {
        ElementType.F64 or ElementType.I64 or ElementType.U64 => 8,
        ElementType.F32 or ElementType.I32 or ElementType.U32 => 4,
        ElementType.F16 or ElementType.BF16 or ElementType.I16 or ElementType.U16 => 2,
        _ => 1,
    };

    public static bool IsFloatingPoint(this ElementType type) =>
        type is ElementType.F32 or ElementType.F16 or ElementType.BF16 or ElementType.F64;

    /// <summary>The name that safetensors uses and that people see.</summary>
    public static string Name(this ElementType type) => type == ElementType.Bool ? "BOOL" : type.ToString();

    /// <summary>A safetensors <c>dtype</c>; null if unknown.</summary>
    public static ElementType? FromSafetensors(string name) => name switch
    {
        "F32" => ElementType.F32,
        "F16" => ElementType.F16,
        "BF16" => ElementType.BF16,
        "F64" => ElementType.F64,
        "I64" => ElementType.I64,
        "I32" => ElementType.I32,
        "I16" => ElementType.I16,
        "I8" => ElementType.I8,
        "U64" => ElementType.U64,
        "U32" => ElementType.U32,
        "U16" => ElementType.U16,
        "U8" => ElementType.U8,
        "BOOL" => ElementType.Bool,
        _ => null,
    };

    /// <summary>A storage class of torch, such as <c>FloatStorage</c>; null if unknown.</summary>
    public static ElementType? FromTorchStorage(string name) => name switch
    {
        "FloatStorage" => ElementType.F32,
        "HalfStorage" => ElementType.F16,
        "BFloat16Storage" => ElementType.BF16,
        "DoubleStorage" => ElementType.F64,
        "LongStorage" => ElementType.I64,
        "IntStorage" => ElementType.I32,
        "ShortStorage" => ElementType.I16,
        "CharStorage" => ElementType.I8,
        "ByteStorage" or "UntypedStorage" => ElementType.U8,
        "BoolStorage" => ElementType.Bool,
        _ => null,
    };
}
