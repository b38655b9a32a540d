using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using SharpFuzz.Common;

namespace Dino.Gpu.Fuzz;

/// <summary>
/// The edges of instrumented code that an input takes, as SharpFuzz counts them: a byte for each pair of branches. An
/// input is new where it takes an edge for the first time, or in another magnitude of times.
/// </summary>
internal sealed unsafe class Coverage
{
    /// <summary>SharpFuzz's branches have numbers of 16 bits.</summary>
    private const int Size = 1 << 16;

    private static readonly byte[] Magnitudes = MakeMagnitudes();

    private readonly byte* _counts = (byte*)NativeMemory.AlignedAlloc(Size, 64);
    private readonly byte[] _seen = new byte[Size];

    /// <summary>Lets instrumented code count here, for the rest of the process.</summary>
    public Coverage()
    {
        Clear();
        Trace.SharedMem = _counts;
    }

    /// <summary>Edges that any input took.</summary>
    public int Edges => Size - _seen.AsSpan().Count((byte)0);

    /// <summary>Forgets the last input.</summary>
    public void Clear()
    {
        new Span<byte>(_counts, Size).Clear();
        Trace.PrevLocation = 0;
    }

    /// <summary>Whether the input did what none before did; remembers it.</summary>
    public bool IsNew()
    {
        bool isNew = false;
        for (int i = 0; i < Size; i += Vector256<byte>.Count)
        {
            if (Vector256.Load(_counts + i) == Vector256<byte>.Zero)
                continue;
            for (int edge = i; edge < i + Vector256<byte>.Count; edge++)
            {
                byte magnitude = Magnitudes[_counts[edge]];
                if ((_seen[edge] | magnitude) == _seen[edge])
                    continue;
                _seen[edge] |= magnitude;
                isNew = true;
            }
        }

        return isNew;
    }

    /// <summary>A bit for 1, 2, 3, 4 to 7, 8 to 15, 16 to 31, 32 to 127 and more times.</summary>
    private static byte[] MakeMagnitudes()
    {
        byte[] magnitudes = new byte[256];
        for (int count = 1; count < 256; count++)
        {
            magnitudes[count] = (byte)(1 << count switch
            {
                <= 3 => count - 1,
                <= 7 => 3,
                <= 15 => 4,
                <= 31 => 5,
                <= 127 => 6,
                _ => 7,
            });
        }

        return magnitudes;
    }
}
