namespace Dino.Gpu.Kernels.Simd;

/// <summary>
/// A register of float32 lanes. The kernels are written once against this interface. The JIT specializes them for each
/// width and the wrappers vanish: the register tile was measured at the machine's FMA peak.
/// </summary>
internal unsafe interface IFloatVector<TSelf>
    where TSelf : unmanaged, IFloatVector<TSelf>
{
    /// <summary>Lanes.</summary>
    static abstract int Count { get; }

    /// <summary>
    /// Rows of the largest register tile. Its rows * 2 accumulators, two weight vectors and a broadcast must fit the
    /// register file: 32 registers with AVX-512, 16 with AVX2 and SSE.
    /// </summary>
    static abstract int TileRows { get; }

    static abstract TSelf Zero { get; }

    static abstract TSelf Create(float value);

    static abstract TSelf Load(float* source);

    static abstract void Store(TSelf value, float* destination);

    /// <summary>a * b + c, with one rounding if the machine has the instruction.</summary>
    static abstract TSelf MultiplyAdd(TSelf a, TSelf b, TSelf c);

    static abstract TSelf operator +(TSelf a, TSelf b);

    static abstract TSelf operator -(TSelf a, TSelf b);

    static abstract TSelf operator *(TSelf a, TSelf b);

    static abstract TSelf operator /(TSelf a, TSelf b);

    static abstract TSelf Max(TSelf a, TSelf b);

    static abstract TSelf Min(TSelf a, TSelf b);

    /// <summary>Nearest integers, ties to even.</summary>
    static abstract TSelf Round(TSelf value);

    /// <summary>
    /// value * 2^n, for values from 1/2 to 2 and integers n up to 126 that are held as floats. For n below -125 the
    /// result may be anything up to 2^-124.
    /// </summary>
    static abstract TSelf Scale(TSelf value, TSelf n);

    /// <summary>
    /// <paramref name="value"/> in the first <paramref name="count"/> lanes, <paramref name="other"/> in the rest.
    /// </summary>
    static abstract TSelf SelectFirst(int count, TSelf value, TSelf other);

    /// <summary>One bit for each lane, the first lane lowest: whether a is greater than b.</summary>
    static abstract uint GreaterLanes(TSelf a, TSelf b);

    /// <summary>Sum of all lanes.</summary>
    static abstract float Sum(TSelf value);

    /// <summary>Largest lane.</summary>
    static abstract float MaxLane(TSelf value);
}
