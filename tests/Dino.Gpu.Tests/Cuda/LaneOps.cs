using System.Numerics;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>What an instruction computes, for one lane. Inputs and output are 32 or 64 bits wide.</summary>
internal interface ILane<TIn, TOut>
    where TIn : unmanaged
    where TOut : unmanaged
{
    static abstract TOut Apply(TIn a, TIn b, TIn c);
}

/// <summary>Instructions that need no speed, lane by lane.</summary>
internal sealed unsafe class Lane<TIn, TOut, TFunction>(Reg target, Reg a, Reg b, Reg c) : PtxOp
    where TIn : unmanaged
    where TOut : unmanaged
    where TFunction : struct, ILane<TIn, TOut>
{
    public override void Run(Warp warp, uint lanes)
    {
        warp.Require(lanes, a);
        warp.Require(lanes, b);
        warp.Require(lanes, c);
        TOut* to = warp.Values<TOut>(target);
        TIn* first = warp.Values<TIn>(a);
        TIn* second = warp.Values<TIn>(b);
        TIn* third = warp.Values<TIn>(c);
        for (uint left = lanes; left != 0; left &= left - 1)
        {
            int lane = BitOperations.TrailingZeroCount(left);
            to[lane] = TFunction.Apply(first[lane], second[lane], third[lane]);
        }

        warp.Defined[target.Index] |= lanes;
    }
}

/// <summary>The functions, named as the instructions are.</summary>
internal static class LaneFunctions
{
    internal readonly struct ShlB32 : ILane<uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c) => b > 31 ? 0 : a << (int)b;
    }

    internal readonly struct ShrU32 : ILane<uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c) => b > 31 ? 0 : a >> (int)b;
    }

    internal readonly struct ShrS32 : ILane<int, int>
    {
        public static int Apply(int a, int b, int c) => a >> (int)Math.Min((uint)b, 31);
    }

    internal readonly struct ShlB64 : ILane<ulong, ulong>
    {
        public static ulong Apply(ulong a, ulong b, ulong c) => (uint)b > 63 ? 0 : a << (int)b;
    }

    internal readonly struct ShrU64 : ILane<ulong, ulong>
    {
        public static ulong Apply(ulong a, ulong b, ulong c) => (uint)b > 63 ? 0 : a >> (int)b;
    }

    internal readonly struct ShrS64 : ILane<ulong, ulong>
    {
        public static ulong Apply(ulong a, ulong b, ulong c) => (ulong)((long)a >> (int)Math.Min((uint)b, 63));
    }

    /// <summary>By zero all bits are set, as cards do.</summary>
    internal readonly struct DivS32 : ILane<int, int>
    {
        public static int Apply(int a, int b, int c) => b == 0 ? -1 : (int)((long)a / b);
    }

    internal readonly struct DivU32 : ILane<uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c) => b == 0 ? uint.MaxValue : a / b;
    }

    internal readonly struct RemS32 : ILane<int, int>
    {
        public static int Apply(int a, int b, int c) => b == 0 ? a : (int)((long)a % b);
    }

    internal readonly struct RemU32 : ILane<uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c) => b == 0 ? a : a % b;
    }

    internal readonly struct DivS64 : ILane<long, long>
    {
        public static long Apply(long a, long b, long c) => b == 0 ? -1 : b == -1 ? -a : a / b;
    }

    internal readonly struct RemS64 : ILane<long, long>
    {
        public static long Apply(long a, long b, long c) => b == 0 ? a : b == -1 ? 0 : a % b;
    }

    internal readonly struct DivU64 : ILane<ulong, ulong>
    {
        public static ulong Apply(ulong a, ulong b, ulong c) => b == 0 ? ulong.MaxValue : a / b;
    }

    internal readonly struct RemU64 : ILane<ulong, ulong>
    {
        public static ulong Apply(ulong a, ulong b, ulong c) => b == 0 ? a : a % b;
    }

    internal readonly struct MulHiS32 : ILane<int, int>
    {
        public static int Apply(int a, int b, int c) => (int)(((long)a * b) >> 32);
    }

    internal readonly struct MulHiU32 : ILane<uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c) => (uint)(((ulong)a * b) >> 32);
    }

    internal readonly struct PopC : ILane<uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c) => (uint)BitOperations.PopCount(a);
    }

    internal readonly struct Clz : ILane<uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c) => (uint)BitOperations.LeadingZeroCount(a);
    }

    internal readonly struct BfeU32 : ILane<uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c)
        {
            int start = (int)(b & 0xff), length = (int)(c & 0xff);
            return start > 31 || length == 0 ? 0 : (uint)((a >> start) & ((1UL << Math.Min(length, 32)) - 1));
        }
    }

    internal readonly struct PrmtB32 : ILane<uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c)
        {
            ulong bytes = a | ((ulong)b << 32);
            uint result = 0;
            for (int i = 0; i < 4; i++)
            {
                int selector = (int)(c >> (4 * i)) & 0xf;
                uint value = (uint)(bytes >> (8 * (selector & 7))) & 0xff;
                if ((selector & 8) != 0)
                    value = (value & 0x80) != 0 ? 0xffu : 0;
                result |= value << (8 * i);
            }

            return result;
        }
    }

    internal readonly struct CvtB32B64 : ILane<ulong, uint>
    {
        public static uint Apply(ulong a, ulong b, ulong c) => (uint)a;
    }

    internal readonly struct CvtU8 : ILane<uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c) => (byte)a;
    }

    internal readonly struct CvtS8 : ILane<uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c) => (uint)(sbyte)a;
    }

    internal readonly struct CvtU16 : ILane<uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c) => (ushort)a;
    }

    internal readonly struct CvtS16 : ILane<uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c) => (uint)(short)a;
    }

    internal readonly struct CvtF32S32 : ILane<int, float>
    {
        public static float Apply(int a, int b, int c) => a;
    }

    internal readonly struct CvtF32U32 : ILane<uint, float>
    {
        public static float Apply(uint a, uint b, uint c) => a;
    }

    internal readonly struct CvtF32S64 : ILane<long, float>
    {
        public static float Apply(long a, long b, long c) => a;
    }

    internal readonly struct CvtF32U64 : ILane<ulong, float>
    {
        public static float Apply(ulong a, ulong b, ulong c) => a;
    }

    /// <summary>Towards zero; what does not fit becomes the nearest that does, NaN 0.</summary>
    internal readonly struct CvtRziS32F32 : ILane<float, int>
    {
        public static int Apply(float a, float b, float c) => float.IsNaN(a) ? 0
            : (int)Math.Clamp((double)MathF.Truncate(a), int.MinValue, int.MaxValue);
    }

    internal readonly struct CvtRziU32F32 : ILane<float, uint>
    {
        public static uint Apply(float a, float b, float c) => float.IsNaN(a) ? 0
            : (uint)Math.Clamp((double)MathF.Truncate(a), 0, uint.MaxValue);
    }

    internal readonly struct CvtRniS32F32 : ILane<float, int>
    {
        public static int Apply(float a, float b, float c) => float.IsNaN(a) ? 0
            : (int)Math.Clamp(Math.Round((double)a), int.MinValue, int.MaxValue);
    }

    internal readonly struct CvtRnF16F32 : ILane<float, uint>
    {
        public static uint Apply(float a, float b, float c) => Formats16.Half(a);
    }

    internal readonly struct CvtF32F16 : ILane<uint, float>
    {
        public static float Apply(uint a, uint b, uint c) => (float)BitConverter.UInt16BitsToHalf((ushort)a);
    }

    internal readonly struct CvtRnBf16F32 : ILane<float, uint>
    {
        public static uint Apply(float a, float b, float c) => Formats16.Brain(a);
    }

    /// <summary>The first source becomes the upper half.</summary>
    internal readonly struct CvtRnF16x2F32 : ILane<float, uint>
    {
        public static uint Apply(float a, float b, float c) => (Formats16.Half(a) << 16) | Formats16.Half(b);
    }

    /// <summary>The first source becomes the upper half.</summary>
    internal readonly struct CvtRnBf16x2F32 : ILane<float, uint>
    {
        public static uint Apply(float a, float b, float c) => (Formats16.Brain(a) << 16) | Formats16.Brain(b);
    }

    /// <summary>To nearest, ties away from zero.</summary>
    internal readonly struct CvtRnaTf32F32 : ILane<uint, uint>
    {
        public static uint Apply(uint a, uint b, uint c) => (a + 0x1000u) & ~0x1fffu;
    }

    internal readonly struct Ex2Approx : ILane<float, float>
    {
        public static float Apply(float a, float b, float c) => (float)Math.Pow(2, a);
    }

    internal readonly struct Ex2ApproxFtz : ILane<float, float>
    {
        public static float Apply(float a, float b, float c) => Formats16.Flush((float)Math.Pow(2, Formats16.Flush(a)));
    }

    internal readonly struct Lg2Approx : ILane<float, float>
    {
        public static float Apply(float a, float b, float c) => (float)Math.Log2(a);
    }

    internal readonly struct RsqrtApprox : ILane<float, float>
    {
        public static float Apply(float a, float b, float c) => (float)(1 / Math.Sqrt(a));
    }

    internal readonly struct RcpApproxFtz : ILane<float, float>
    {
        public static float Apply(float a, float b, float c) => Formats16.Flush(1 / Formats16.Flush(a));
    }
}

/// <summary>Rounding to the formats of 16 bits, and values below the normal ones.</summary>
internal static class Formats16
{
    public static uint Half(float value) => BitConverter.HalfToUInt16Bits((Half)value);

    public static uint Brain(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? 0x7fffu : (bits + 0x7fffu + (bits >> 16 & 1)) >> 16;
    }

    /// <summary>Zero, of the same sign, for a value below the normal ones.</summary>
    public static float Flush(float value) => float.IsSubnormal(value) ? MathF.CopySign(0, value) : value;
}

/// <summary>A shift of 64 bits: the distance has 32.</summary>
internal sealed unsafe class ShiftWideOp<TFunction>(Reg target, Reg a, Reg distance) : PtxOp
    where TFunction : struct, ILane<ulong, ulong>
{
    public override void Run(Warp warp, uint lanes)
    {
        warp.Require(lanes, a);
        warp.Require(lanes, distance);
        for (uint left = lanes; left != 0; left &= left - 1)
        {
            int lane = BitOperations.TrailingZeroCount(left);
            warp.Values<ulong>(target)[lane] = TFunction.Apply(warp.Values<ulong>(a)[lane], warp.Values<uint>(distance)[lane], 0);
        }

        warp.Defined[target.Index] |= lanes;
    }
}

/// <summary>a * b + c, of which a and b have 32 bits and c has 64.</summary>
internal sealed unsafe class MultiplyAddWideOp(Reg target, Reg a, Reg b, Reg c, bool signed) : PtxOp
{
    public override void Run(Warp warp, uint lanes)
    {
        warp.Require(lanes, a);
        warp.Require(lanes, b);
        warp.Require(lanes, c);
        for (uint left = lanes; left != 0; left &= left - 1)
        {
            int lane = BitOperations.TrailingZeroCount(left);
            long product = signed
                ? (long)warp.Values<int>(a)[lane] * warp.Values<int>(b)[lane]
                : (long)((ulong)warp.Values<uint>(a)[lane] * warp.Values<uint>(b)[lane]);
            warp.Values<long>(target)[lane] = product + warp.Values<long>(c)[lane];
        }

        warp.Defined[target.Index] |= lanes;
    }
}
