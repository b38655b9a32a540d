using System.Runtime.Intrinsics;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>What is known of the bytes of an access, a byte each: no call for the sizes that instructions have.</summary>
internal static unsafe class ByteStates
{
    private const uint Four = 0x01010101;
    private const ulong Each = 0x0101010101010101;

    /// <summary>Whether every byte has this state.</summary>
    public static bool AreAll(byte* states, long size, byte state) => size switch
    {
        4 => *(uint*)states == state * Four,
        8 => *(ulong*)states == state * Each,
        16 => Vector128.Load(states) == Vector128.Create(state),
        32 => Vector256.Load(states) == Vector256.Create(state),
        64 => Vector512.Load(states) == Vector512.Create(state),
        _ => new ReadOnlySpan<byte>(states, (int)size).IndexOfAnyExcept(state) < 0,
    };

    /// <summary>Whether a byte has a bit of this state.</summary>
    public static bool AnyHas(byte* states, long size, byte bit) => size switch
    {
        4 => (*(uint*)states & (bit * Four)) != 0,
        8 => (*(ulong*)states & (bit * Each)) != 0,
        16 => (Vector128.Load(states) & Vector128.Create(bit)) != Vector128<byte>.Zero,
        32 => (Vector256.Load(states) & Vector256.Create(bit)) != Vector256<byte>.Zero,
        64 => (Vector512.Load(states) & Vector512.Create(bit)) != Vector512<byte>.Zero,
        _ => AnyOfManyHas(states, size, bit),
    };

    public static void Fill(byte* states, long size, byte state)
    {
        switch (size)
        {
            case 4:
                *(uint*)states = state * Four;
                break;
            case 8:
                *(ulong*)states = state * Each;
                break;
            case 16:
                Vector128.Create(state).Store(states);
                break;
            default:
                new Span<byte>(states, (int)size).Fill(state);
                break;
        }
    }

    private static bool AnyOfManyHas(byte* states, long size, byte bit)
    {
        for (long i = 0; i < size; i++)
        {
            if ((states[i] & bit) != 0)
                return true;
        }

        return false;
    }
}
