using System.Runtime.InteropServices;

namespace Dino.Gpu.Kernels.Generated;

/// <summary>
/// What a generated tile reads. One pointer to it is the whole argument list, so that calling conventions differ only in
/// the register that holds it.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct TileArguments
{
    /// <summary>(rows, k): activations as bfloat16 or unsigned bytes; the row stride is fixed in the code.</summary>
    public byte* A;

    /// <summary>(steps, 32, 4 bytes): a panel of weights, two bfloat16 or four signed bytes of k a column and step.</summary>
    public byte* B;

    /// <summary>(32)</summary>
    public float* Bias;

    /// <summary>(rows, 32), row stride fixed in the code.</summary>
    public float* C;

    /// <summary>Groups of k; a multiple of <see cref="Tiles.StepUnit"/>, at least that.</summary>
    public long Steps;

    /// <summary>Int8: (32), the scale of each column's weights.</summary>
    public float* Scale;

    /// <summary>Int8: (32), the sum of each column's weights times its scale.</summary>
    public float* ZeroSum;

    /// <summary>Int8: (rows), the scale of each row of A.</summary>
    public float* RowScale;

    /// <summary>Int8: (rows), the byte that means zero in each row of A.</summary>
    public float* RowZero;

    /// <summary>AMX: rows of C that are stored.</summary>
    public long Rows;

    /// <summary>AMX and <see cref="EmittedTiles"/>: (32, 32), room for the sums.</summary>
    public byte* Sums;

    /// <summary>Windows: room for xmm6 to xmm15, which belong to the caller there.</summary>
    public fixed byte Saved[160];
}
