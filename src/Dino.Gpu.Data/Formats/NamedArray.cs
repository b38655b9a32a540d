using System.Runtime.InteropServices;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Formats;

/// <summary>A float32 array with a name, in a file of its own or among others.</summary>
/// <param name="Name">Its name in the file.</param>
/// <param name="Shape">Outermost first, none 0.</param>
/// <param name="Values">Row-major.</param>
internal sealed record NamedArray(string Name, int[] Shape, ReadOnlyMemory<float> Values)
{
    /// <summary>Writes it as <c>.npy</c>.</summary>
    /// <exception cref="DinoException">The file cannot be written.</exception>
    public void WriteNpy(string path)
    {
        using var npy = new NpyWriter(path, Shape[1..]);
        int length = Values.Length / Shape[0];
        for (int row = 0; row < Shape[0]; row++)
            npy.WriteRow(Values.Span.Slice(row * length, length));
        npy.Complete();
    }

    /// <summary>Writes arrays as the tensors of one <c>.safetensors</c> file.</summary>
    /// <exception cref="DinoException">The file cannot be written.</exception>
    public static void WriteSafetensors(string path, IReadOnlyList<NamedArray> arrays)
    {
        using var file = new AtomicFile(path);
        file.Write(SafetensorsHeader.Write(
            arrays.Select(array => new SafetensorsTensor(array.Name, "F32", [.. array.Shape.Select(side => (long)side)])),
            [new("format", "dino.gpu")]));
        foreach (NamedArray array in arrays)
            file.Write(MemoryMarshal.AsBytes(array.Values.Span));
        file.Complete();
    }
}
