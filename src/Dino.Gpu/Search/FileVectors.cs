using System.Runtime.InteropServices;
using Dino.Gpu.Files;
using Dino.Gpu.Kernels.Simd;
using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.Search;

/// <summary>
/// Vectors in a file, read from the system's cache each time. Reading costs about a third more time than touching
/// mapped pages. But no page stays in the process, and a file that was cut short is an error and not the end of the
/// process.
/// </summary>
/// <param name="file">The file; not disposed.</param>
/// <param name="offset">Where the first vector begins.</param>
/// <param name="count">Vectors.</param>
/// <param name="dimension">Values of a vector.</param>
/// <param name="isHalf">Whether the values are float16, not float32.</param>
internal sealed class FileVectors(SafeFileHandle file, long offset, int count, int dimension, bool isHalf) : VectorBlock(count)
{
    public override void Read(int first, Span<float> destination)
    {
        if (!isHalf)
        {
            FileBytes.ReadExactly(file, offset + (long)first * dimension * sizeof(float), MemoryMarshal.AsBytes(destination));
            return;
        }

        // The halves lie in the upper part of the floats, which are filled from the lower end: none is overwritten
        // before it is read, because the loop loads sixteen of them before it stores these.
        Span<ushort> halves = MemoryMarshal.Cast<float, ushort>(destination)[destination.Length..];
        FileBytes.ReadExactly(file, offset + (long)first * dimension * sizeof(ushort), MemoryMarshal.AsBytes(halves));
        RowScores.Widen(halves, destination);
    }
}
