using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>What an instruction computes, for several lanes at once.</summary>
internal interface IUnary<T>
    where T : unmanaged
{
    static abstract Vector512<T> Apply(Vector512<T> a);
}

/// <summary>As <see cref="IUnary{T}"/>, of two values.</summary>
internal interface IBinary<T>
    where T : unmanaged
{
    static abstract Vector512<T> Apply(Vector512<T> a, Vector512<T> b);
}

/// <summary>As <see cref="IUnary{T}"/>, of three values.</summary>
internal interface ITernary<T>
    where T : unmanaged
{
    static abstract Vector512<T> Apply(Vector512<T> a, Vector512<T> b, Vector512<T> c);
}

internal readonly struct Add<T> : IBinary<T>
    where T : unmanaged
{
    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => a + b;
}

internal readonly struct Subtract<T> : IBinary<T>
    where T : unmanaged
{
    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => a - b;
}

internal readonly struct Multiply<T> : IBinary<T>
    where T : unmanaged
{
    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => a * b;
}

internal readonly struct Divide<T> : IBinary<T>
    where T : unmanaged
{
    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => a / b;
}

internal readonly struct And<T> : IBinary<T>
    where T : unmanaged
{
    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => a & b;
}

internal readonly struct Or<T> : IBinary<T>
    where T : unmanaged
{
    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => a | b;
}

internal readonly struct Xor<T> : IBinary<T>
    where T : unmanaged
{
    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => a ^ b;
}

/// <summary>The lesser; of a number and a NaN the number.</summary>
internal readonly struct Least<T> : IBinary<T>
    where T : unmanaged
{
    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => Vector512.MinNumber(a, b);
}

/// <summary>The greater; of a number and a NaN the number.</summary>
internal readonly struct Most<T> : IBinary<T>
    where T : unmanaged
{
    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => Vector512.MaxNumber(a, b);
}

internal readonly struct MultiplyAdd<T> : ITernary<T>
    where T : unmanaged
{
    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b, Vector512<T> c) => a * b + c;
}

/// <summary>Rounded once.</summary>
internal readonly struct FusedMultiplyAdd : ITernary<float>
{
    public static Vector512<float> Apply(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Vector512.FusedMultiplyAdd(a, b, c);
}

internal readonly struct Negate<T> : IUnary<T>
    where T : unmanaged
{
    public static Vector512<T> Apply(Vector512<T> a) => -a;
}

internal readonly struct Absolute<T> : IUnary<T>
    where T : unmanaged
{
    public static Vector512<T> Apply(Vector512<T> a) => Vector512.Abs(a);
}

internal readonly struct Complement<T> : IUnary<T>
    where T : unmanaged
{
    public static Vector512<T> Apply(Vector512<T> a) => ~a;
}

internal readonly struct SquareRoot : IUnary<float>
{
    public static Vector512<float> Apply(Vector512<float> a) => Vector512.Sqrt(a);
}

internal readonly struct Reciprocal : IUnary<float>
{
    public static Vector512<float> Apply(Vector512<float> a) => Vector512<float>.One / a;
}

internal readonly struct Less<T> : IBinary<T>
    where T : unmanaged
{
    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => Vector512.LessThan(a, b);
}

internal readonly struct LessOrEqual<T> : IBinary<T>
    where T : unmanaged
{
    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => Vector512.LessThanOrEqual(a, b);
}

internal readonly struct EqualTo<T> : IBinary<T>
    where T : unmanaged
{
    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => Vector512.Equals(a, b);
}

/// <summary>Neither less nor greater nor NaN.</summary>
internal readonly struct Different<T> : IBinary<T>
    where T : unmanaged
{
    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => Vector512.LessThan(a, b) | Vector512.GreaterThan(a, b);
}

/// <summary>Applies a function to every lane of a mask.</summary>
internal sealed unsafe class Unary<T, TFunction>(Reg target, Reg a) : PtxOp
    where T : unmanaged
    where TFunction : struct, IUnary<T>
{
    public override void Run(Warp warp, uint lanes)
    {
        warp.Require(lanes, a);
        T* to = warp.Values<T>(target);
        T* from = warp.Values<T>(a);
        for (int i = 0; i < Warp.Size; i += Vector512<T>.Count)
            Lanes.Store(to + i, TFunction.Apply(Vector512.LoadAligned(from + i)), lanes >> i);
        warp.Defined[target.Index] |= lanes;
    }
}

/// <summary>As <see cref="Unary{T, TFunction}"/>, of two registers.</summary>
internal sealed unsafe class Binary<T, TFunction>(Reg target, Reg a, Reg b) : PtxOp
    where T : unmanaged
    where TFunction : struct, IBinary<T>
{
    public override void Run(Warp warp, uint lanes)
    {
        warp.Require(lanes, a);
        warp.Require(lanes, b);
        T* to = warp.Values<T>(target);
        T* first = warp.Values<T>(a);
        T* second = warp.Values<T>(b);
        for (int i = 0; i < Warp.Size; i += Vector512<T>.Count)
            Lanes.Store(to + i, TFunction.Apply(Vector512.LoadAligned(first + i), Vector512.LoadAligned(second + i)), lanes >> i);
        warp.Defined[target.Index] |= lanes;
    }
}

/// <summary>As <see cref="Unary{T, TFunction}"/>, of three registers.</summary>
internal sealed unsafe class Ternary<T, TFunction>(Reg target, Reg a, Reg b, Reg c) : PtxOp
    where T : unmanaged
    where TFunction : struct, ITernary<T>
{
    public override void Run(Warp warp, uint lanes)
    {
        warp.Require(lanes, a);
        warp.Require(lanes, b);
        warp.Require(lanes, c);
        T* to = warp.Values<T>(target);
        T* first = warp.Values<T>(a);
        T* second = warp.Values<T>(b);
        T* third = warp.Values<T>(c);
        for (int i = 0; i < Warp.Size; i += Vector512<T>.Count)
        {
            Vector512<T> result =
                TFunction.Apply(Vector512.LoadAligned(first + i), Vector512.LoadAligned(second + i), Vector512.LoadAligned(third + i));
            Lanes.Store(to + i, result, lanes >> i);
        }

        warp.Defined[target.Index] |= lanes;
    }
}

/// <summary>A shift by a distance that the code names.</summary>
internal sealed unsafe class ShiftOp<T>(Reg target, Reg a, int distance, bool left) : PtxOp
    where T : unmanaged, System.Numerics.IBinaryInteger<T>
{
    public override void Run(Warp warp, uint lanes)
    {
        warp.Require(lanes, a);
        T* to = warp.Values<T>(target);
        T* from = warp.Values<T>(a);
        for (int i = 0; i < Warp.Size; i += Vector512<T>.Count)
        {
            Vector512<T> value = Vector512.LoadAligned(from + i);
            Lanes.Store(to + i, left ? value << distance : value >> distance, lanes >> i);
        }

        warp.Defined[target.Index] |= lanes;
    }
}

/// <summary>From 32 bits to 64.</summary>
internal sealed unsafe class WidenOp(Reg target, Reg a, bool signed) : PtxOp
{
    public override void Run(Warp warp, uint lanes)
    {
        warp.Require(lanes, a);
        long* to = warp.Values<long>(target);
        for (int i = 0; i < Warp.Size; i += Vector512<int>.Count)
        {
            (Vector512<long> low, Vector512<long> high) = Wide(warp, a, i, signed);
            Lanes.Store(to + i, low, lanes >> i);
            Lanes.Store(to + i + Vector512<long>.Count, high, lanes >> (i + Vector512<long>.Count));
        }

        warp.Defined[target.Index] |= lanes;
    }

    public static (Vector512<long> Low, Vector512<long> High) Wide(Warp warp, Reg register, int lane, bool signed)
    {
        if (signed)
            return Vector512.Widen(Vector512.LoadAligned(warp.Values<int>(register) + lane));
        (Vector512<ulong> low, Vector512<ulong> high) = Vector512.Widen(Vector512.LoadAligned(warp.Values<uint>(register) + lane));
        return (low.AsInt64(), high.AsInt64());
    }
}

/// <summary>The product of 32 bits by 32 bits, in 64.</summary>
internal sealed unsafe class MultiplyWideOp(Reg target, Reg a, Reg b, bool signed) : PtxOp
{
    public override void Run(Warp warp, uint lanes)
    {
        warp.Require(lanes, a);
        warp.Require(lanes, b);
        long* to = warp.Values<long>(target);
        for (int i = 0; i < Warp.Size; i += Vector512<int>.Count)
        {
            (Vector512<long> low, Vector512<long> high) = WidenOp.Wide(warp, a, i, signed);
            (Vector512<long> otherLow, Vector512<long> otherHigh) = WidenOp.Wide(warp, b, i, signed);
            Lanes.Store(to + i, low * otherLow, lanes >> i);
            Lanes.Store(to + i + Vector512<long>.Count, high * otherHigh, lanes >> (i + Vector512<long>.Count));
        }

        warp.Defined[target.Index] |= lanes;
    }
}

/// <summary>Compares two registers into a predicate.</summary>
/// <param name="target">The predicate.</param>
/// <param name="a">The left side.</param>
/// <param name="b">The right side.</param>
/// <param name="negated">Whether the opposite is asked for; of NaN that is true.</param>
internal sealed unsafe class Compare<T, TFunction>(Reg target, Reg a, Reg b, bool negated = false) : PtxOp
    where T : unmanaged
    where TFunction : struct, IBinary<T>
{
    public override void Run(Warp warp, uint lanes)
    {
        warp.Require(lanes, a);
        warp.Require(lanes, b);
        T* first = warp.Values<T>(a);
        T* second = warp.Values<T>(b);
        uint bits = 0;
        for (int i = 0; i < Warp.Size; i += Vector512<T>.Count)
        {
            Vector512<T> result = TFunction.Apply(Vector512.LoadAligned(first + i), Vector512.LoadAligned(second + i));
            bits |= (uint)Vector512.ExtractMostSignificantBits(result) << i;
        }

        if (negated)
            bits = ~bits;
        warp.Bits[target.Index] = (warp.Bits[target.Index] & ~lanes) | (bits & lanes);
        warp.Defined[target.Index] |= lanes;
    }
}

/// <summary>Copies a register; what is not defined stays so.</summary>
internal sealed unsafe class Move<T>(Reg target, Reg a) : PtxOp
    where T : unmanaged
{
    public override void Run(Warp warp, uint lanes)
    {
        T* to = warp.Values<T>(target);
        T* from = warp.Values<T>(a);
        for (int i = 0; i < Warp.Size; i += Vector512<T>.Count)
            Lanes.Store(to + i, Vector512.LoadAligned(from + i), lanes >> i);
        warp.Defined[target.Index] = (warp.Defined[target.Index] & ~lanes) | (warp.Defined[a.Index] & lanes);
    }
}

/// <summary>Copies one of two registers, as a predicate says; what is not defined stays so.</summary>
internal sealed unsafe class Select<T>(Reg target, Reg a, Reg b, Reg predicate) : PtxOp
    where T : unmanaged
{
    public override void Run(Warp warp, uint lanes)
    {
        warp.Require(lanes, predicate);
        uint chosen = warp.Bits[predicate.Index];
        T* to = warp.Values<T>(target);
        T* first = warp.Values<T>(a);
        T* second = warp.Values<T>(b);
        for (int i = 0; i < Warp.Size; i += Vector512<T>.Count)
        {
            Vector512<T> mask = Lanes.Mask<T>(chosen >> i);
            Lanes.Store(to + i, Vector512.ConditionalSelect(mask, Vector512.LoadAligned(first + i), Vector512.LoadAligned(second + i)),
                lanes >> i);
        }

        uint defined = (warp.Defined[a.Index] & chosen) | (warp.Defined[b.Index] & ~chosen);
        warp.Defined[target.Index] = (warp.Defined[target.Index] & ~lanes) | (defined & lanes);
    }
}

/// <summary>Logic of predicates.</summary>
internal sealed unsafe class PredicateOp(Reg target, Reg a, Reg b, Func<uint, uint, uint> function) : PtxOp
{
    public override void Run(Warp warp, uint lanes)
    {
        warp.Require(lanes, a);
        warp.Require(lanes, b);
        uint bits = function(warp.Bits[a.Index], warp.Bits[b.Index]);
        warp.Bits[target.Index] = (warp.Bits[target.Index] & ~lanes) | (bits & lanes);
        warp.Defined[target.Index] |= lanes;
    }
}

/// <summary>Masks of lanes as vectors.</summary>
internal static unsafe class Lanes
{
    private static readonly Vector512<uint> Bits32 = Vector512.Create([.. Enumerable.Range(0, 16).Select(i => 1u << i)]);
    private static readonly Vector512<ulong> Bits64 = Vector512.Create([.. Enumerable.Range(0, 8).Select(i => 1UL << i)]);

    /// <summary>All ones where the lane's bit is set.</summary>
    public static Vector512<T> Mask<T>(uint lanes)
        where T : unmanaged => sizeof(T) == 8
            ? Vector512.Equals(Vector512.Create((ulong)lanes) & Bits64, Bits64).As<ulong, T>()
            : Vector512.Equals(Vector512.Create(lanes) & Bits32, Bits32).As<uint, T>();

    /// <summary>Stores the lanes of a mask, whose lowest bit belongs to the first.</summary>
    public static void Store<T>(T* target, Vector512<T> value, uint lanes)
        where T : unmanaged
    {
        uint all = sizeof(T) == 8 ? 0xffu : 0xffffu;
        if ((lanes & all) == all)
            value.StoreAligned(target);
        else
            StoreSome(target, value, lanes);
    }

    /// <summary>Apart from <see cref="Store"/>, so that the value stays in a register where all lanes are stored, as most are.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void StoreSome<T>(T* target, Vector512<T> value, uint lanes)
        where T : unmanaged =>
        Vector512.ConditionalSelect(Mask<T>(lanes), value, Vector512.LoadAligned(target)).StoreAligned(target);
}
