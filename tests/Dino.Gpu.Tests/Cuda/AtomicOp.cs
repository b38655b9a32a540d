using System.Numerics;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// Reads, changes and writes 32 bits at once (<c>atom</c>, and <c>red</c>, which returns nothing). It is ordered with
/// every read and every other atomic operation; a plain store beside it is a race.
/// </summary>
/// <param name="function">What is written, of what was there, the operand and the second operand.</param>
/// <param name="space">Where.</param>
/// <param name="place">The addresses.</param>
/// <param name="target">For what was there before; index -1 for none.</param>
/// <param name="operand">The first operand.</param>
/// <param name="second">The value that a comparison lets in; the first operand again where there is none.</param>
internal sealed unsafe class AtomicOp(
    Func<uint, uint, uint, uint> function, MemorySpace space, Place place, Reg target, Reg operand, Reg second) : PtxOp
{
    /// <summary>What an operation of a type computes; null for one that is not known.</summary>
    public static Func<uint, uint, uint, uint>? Function(string operation, string type) => (operation, type) switch
    {
        ("add", "s32" or "u32") => (old, value, _) => old + value,
        ("add", "f32") => (old, value, _) => Bits(Single(old) + Single(value)),
        ("min", "s32") => (old, value, _) => (uint)Math.Min((int)old, (int)value),
        ("max", "s32") => (old, value, _) => (uint)Math.Max((int)old, (int)value),
        ("min", "u32") => (old, value, _) => Math.Min(old, value),
        ("max", "u32") => (old, value, _) => Math.Max(old, value),
        ("and", "b32") => (old, value, _) => old & value,
        ("or", "b32") => (old, value, _) => old | value,
        ("xor", "b32") => (old, value, _) => old ^ value,
        ("exch", "b32") => (_, value, _) => value,
        ("cas", "b32") => (old, expected, value) => old == expected ? value : old,
        _ => null,
    };

    public override void Run(Warp warp, uint lanes)
    {
        place.Read(warp, lanes);
        warp.Require(lanes, operand);
        warp.Require(lanes, second);
        for (uint left = lanes; left != 0; left &= left - 1)
        {
            int lane = BitOperations.TrailingZeroCount(left);
            byte* at = Access.Read(warp, lane, space, warp.Addresses[lane], sizeof(uint), out bool defined);
            if (!defined)
                warp.Fail(FaultKind.Uninitialized, 1u << lane, "an atomic operation on memory that nothing has written");

            // Groups run on several threads of the host.
            uint old, now;
            do
            {
                old = Volatile.Read(ref *(uint*)at);
                now = function(old, warp.Values<uint>(operand)[lane], warp.Values<uint>(second)[lane]);
            }
            while (Interlocked.CompareExchange(ref *(uint*)at, now, old) != old);
            if (target.Index >= 0)
                warp.Values<uint>(target)[lane] = old;
        }

        if (target.Index >= 0)
            warp.Defined[target.Index] |= lanes;
    }

    private static float Single(uint bits) => BitConverter.UInt32BitsToSingle(bits);

    private static uint Bits(float value) => BitConverter.SingleToUInt32Bits(value);
}
