namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>
/// The number of values of a head: a multiple of 16, and at most 256 bytes in the format, so that two tiles of keys and
/// values fit in shared memory.
/// </summary>
internal interface IHeadSize
{
    static abstract int Size { get; }
}

/// <summary>64 values, as in every DINO ViT.</summary>
internal readonly struct Head64 : IHeadSize
{
    public static int Size => 64;
}

internal readonly struct Head16 : IHeadSize
{
    public static int Size => 16;
}

internal readonly struct Head32 : IHeadSize
{
    public static int Size => 32;
}

internal readonly struct Head48 : IHeadSize
{
    public static int Size => 48;
}

internal readonly struct Head80 : IHeadSize
{
    public static int Size => 80;
}

internal readonly struct Head96 : IHeadSize
{
    public static int Size => 96;
}

internal readonly struct Head112 : IHeadSize
{
    public static int Size => 112;
}

internal readonly struct Head128 : IHeadSize
{
    public static int Size => 128;
}
