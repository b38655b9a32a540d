using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>
/// Four floats that are read and written at once. ILGPU emits one 16-byte instruction if it can prove the alignment. It
/// knows that views which are kernel parameters start aligned, and it aligns shared memory to the size of the allocated
/// element. So both must be indexed as views of quads from their very start, not through a sub-view.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Quad
{
    public float X, Y, Z, W;

    public Quad(float x, float y, float z, float w)
    {
        X = x;
        Y = y;
        Z = z;
        W = w;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad Of(float value) => new(value, value, value, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad Add(Quad a, Quad b) => new(a.X + b.X, a.Y + b.Y, a.Z + b.Z, a.W + b.W);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad Multiply(Quad a, Quad b) => new(a.X * b.X, a.Y * b.Y, a.Z * b.Z, a.W * b.W);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad Max(Quad a, Quad b) => new(
        MaxReduction.Combine(a.X, b.X), MaxReduction.Combine(a.Y, b.Y), MaxReduction.Combine(a.Z, b.Z), MaxReduction.Combine(a.W, b.W));

    /// <summary>exp(a - b)</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad ExpOfDifference(Quad a, Quad b) => new(
        ScalarMath.Exp(a.X - b.X), ScalarMath.Exp(a.Y - b.Y), ScalarMath.Exp(a.Z - b.Z), ScalarMath.Exp(a.W - b.W));

    /// <summary>
    /// Loads values index to index + 3 of a view. Values from <paramref name="count"/> on are zero and are not read.
    /// </summary>
    /// <param name="values">The view.</param>
    /// <param name="quads">The same view, cast.</param>
    /// <param name="index">The index of the first value; a multiple of 4 if <paramref name="aligned"/>.</param>
    /// <param name="count">
    /// How many values there are. If <paramref name="aligned"/>, it is at least 4 or at most 0.
    /// </param>
    /// <param name="aligned">
    /// Whether 16-byte accesses are allowed. It is the same for a whole launch, so threads do not diverge.
    /// </param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad Load(ArrayView<float> values, ArrayView<Quad> quads, long index, int count, bool aligned)
    {
        Quad loaded = default;
        if (count > 0)
        {
            if (aligned)
            {
                loaded = quads[index >> 2];
            }
            else
            {
                loaded.X = values[index];
                if (count > 1)
                    loaded.Y = values[index + 1];
                if (count > 2)
                    loaded.Z = values[index + 2];
                if (count > 3)
                    loaded.W = values[index + 3];
            }
        }

        return loaded;
    }

    /// <summary>Stores the values that <see cref="Load"/> would read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(ArrayView<float> values, ArrayView<Quad> quads, long index, int count, bool aligned, Quad stored)
    {
        if (count <= 0)
            return;
        if (aligned)
        {
            quads[index >> 2] = stored;
            return;
        }

        values[index] = stored.X;
        if (count > 1)
            values[index + 1] = stored.Y;
        if (count > 2)
            values[index + 2] = stored.Z;
        if (count > 3)
            values[index + 3] = stored.W;
    }
}
