namespace Dino.Gpu.Kernels.Simd;

/// <summary>The vectors of a panel that a tile computes, as a type: the JIT compiles a tile for each.</summary>
internal interface IPanelVectors
{
    static abstract bool HasSecond { get; }
}

/// <summary>Only the first: the last panel of a matrix with few columns in it.</summary>
internal readonly struct OneVector : IPanelVectors { public static bool HasSecond => false; }

internal readonly struct TwoVectors : IPanelVectors { public static bool HasSecond => true; }
