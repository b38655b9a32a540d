namespace Dino.Gpu.Tests.Kernels.TensorCore;

/// <summary>What the scalar instructions compute. Registers are kept as 64 bits; what an operation does not know is an error.</summary>
internal static class PtxArithmetic
{
    public static long Compute(PtxInstruction instruction, long a, long b, long c)
    {
        string[] operation = instruction.Operation;
        bool wide = operation[^1] is "s64" or "b64" or "u64";
        float x = BitConverter.Int32BitsToSingle((int)a);
        float y = BitConverter.Int32BitsToSingle((int)b);
        float z = BitConverter.Int32BitsToSingle((int)c);
        return string.Join('.', operation) switch
        {
            "mov.b32" or "mov.u32" or "mov.f32" => (int)a,
            "mov.b64" => a,
            "add.s32" or "add.u32" or "add.s64" => Narrow(a + b, wide),
            "sub.s32" or "sub.u32" or "sub.s64" => Narrow(a - b, wide),
            "mul.lo.s32" or "mul.lo.s64" => Narrow(a * b, wide),
            "div.s32" => (int)a / (int)b,
            "rem.s32" => (int)a % (int)b,
            "shl.b32" or "shl.b64" => Narrow(a << (int)b, wide),
            "shr.s32" => (int)a >> (int)b,
            "and.b32" => (int)(a & b),
            "or.b32" => (int)(a | b),
            "xor.b32" => (int)(a ^ b),
            "cvt.s64.s32" => (int)a,
            "cvta.to.global.u64" => a,
            "mad.lo.u64" => a * b + c,
            "mul.wide.u32" => (long)(uint)a * (uint)b,
            "add.u64" => a + b,
            "cvt.rn.f32.s32" => Bits((int)a),
            "div.rn.f32" => Bits(x / y),
            "sqrt.rn.f32" => Bits(MathF.Sqrt(x)),
            "rcp.rn.f32" => Bits(1f / x),
            "shr.u32" => (uint)a >> (int)b,
            "shr.u64" => (long)((ulong)a >> (int)b),
            "cvt.u64.u32" => (uint)a,
            "cvt.s32.s64" => (int)a,
            "mul.lo.u64" => a * b,
            "setp.lt.s32" => (int)a < (int)b ? 1 : 0,
            "setp.le.s32" => (int)a <= (int)b ? 1 : 0,
            "setp.gt.s32" => (int)a > (int)b ? 1 : 0,
            "setp.ge.s32" => (int)a >= (int)b ? 1 : 0,
            "setp.eq.s32" => (int)a == (int)b ? 1 : 0,
            "setp.ne.s32" => (int)a != (int)b ? 1 : 0,
            "setp.lt.u32" or "setp.lo.u32" => (uint)a < (uint)b ? 1 : 0,
            "setp.le.u32" or "setp.ls.u32" => (uint)a <= (uint)b ? 1 : 0,
            "setp.gt.u32" or "setp.hi.u32" => (uint)a > (uint)b ? 1 : 0,
            "setp.ge.u32" or "setp.hs.u32" => (uint)a >= (uint)b ? 1 : 0,
            "selp.b32" or "selp.f32" => c != 0 ? (int)a : (int)b,
            "selp.b64" => c != 0 ? a : b,
            "add.f32" => Bits(x + y),
            "sub.f32" => Bits(x - y),
            "mul.f32" => Bits(x * y),
            "max.f32" => Bits(float.IsNaN(x) ? y : float.IsNaN(y) ? x : Math.Max(x, y)),
            "abs.f32" => Bits(Math.Abs(x)),
            "neg.f32" => Bits(-x),
            "fma.rn.f32" => Bits((float)((double)x * y + z)),
            "rcp.approx.f32" or "rcp.approx.ftz.f32" => Bits(1f / x),
            "ex2.approx.f32" or "ex2.approx.ftz.f32" => Bits((float)Math.Pow(2, x)),
            // The first source becomes the upper half.
            "cvt.rn.bf16x2.f32" => (Brain(x) << 16) | Brain(y),
            "cvt.rn.f16x2.f32" => (BitConverter.HalfToUInt16Bits((System.Half)x) << 16) | BitConverter.HalfToUInt16Bits((System.Half)y),
            "cvt.rna.tf32.f32" => (int)(((uint)a + 0x1000u) & ~0x1fffu),
            _ => throw new NotSupportedException(instruction.Text),
        };
    }

    /// <summary>One of the two 16-bit values of a register.</summary>
    public static double Half(long register, int index, bool brain)
    {
        ushort bits = (ushort)(register >> (16 * index));
        return brain ? BitConverter.Int32BitsToSingle(bits << 16) : (double)BitConverter.UInt16BitsToHalf(bits);
    }

    /// <summary>A float32 as tensor cores take it: without the last 13 bits.</summary>
    public static double TensorFloat(long register) => BitConverter.Int32BitsToSingle((int)register & ~0x1fff);

    private static int Brain(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? 0x7fff : (int)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    }

    private static long Narrow(long value, bool wide) => wide ? value : (int)value;

    private static long Bits(float value) => BitConverter.SingleToInt32Bits(value);
}
