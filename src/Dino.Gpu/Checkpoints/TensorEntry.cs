using System.Runtime.InteropServices;
using Dino.Gpu.Files;

namespace Dino.Gpu.Checkpoints;

/// <summary>
/// A tensor as it lies in the file: a strided view of a run of elements. Construction checks every size against the
/// file,
/// so whoever holds one can read it and can allocate what it needs.
/// </summary>
internal sealed class TensorEntry
{
    /// <summary>Most sides of a tensor that is read.</summary>
    public const int MaxRank = 8;

    private const int ChunkBytes = 1 << 18;

    /// <summary>
    /// A strided view may cover this many elements beyond eight times its own, or reading it would cost more memory
    /// than it is worth.
    /// </summary>
    private const long SpareCover = 1 << 20;

    private readonly long[] _strides;

    /// <param name="file">Where it lies.</param>
    /// <param name="name">Its key in the checkpoint.</param>
    /// <param name="type">Type of an element.</param>
    /// <param name="shape">Sides.</param>
    /// <param name="strides">Elements from one index to the next, per side; null for row-major.</param>
    /// <param name="dataOffset">First byte of the storage in the file.</param>
    /// <param name="storageLength">Elements of the storage.</param>
    /// <param name="storageOffset">First element of the tensor in the storage.</param>
    /// <exception cref="DinoException">
    /// A size is negative, too large or reaches outside the storage or the file.
    /// </exception>
    public TensorEntry(
        CheckpointFile file,
        string name,
        ElementType type,
        long[] shape,
        long[]? strides,
        long dataOffset,
        long storageLength,
        long storageOffset)
    {
        string label = MessageText.Quote(name);
        if (shape.Length > MaxRank) throw file.Error($"tensor {label} has {shape.Length} dimensions, at most {MaxRank} are read");
        if (shape.Any(side => side < 0)) throw file.Error($"tensor {label} has a negative size: {MessageText.Shape(shape)}");

        ElementCount = 1;
        foreach (long side in shape)
        {
            if (side != 0 && ElementCount > Array.MaxLength / side)
                throw file.Error($"tensor {label} is absurdly large: {MessageText.Shape(shape)}");
            ElementCount *= side;
        }

        _strides = strides ?? RowMajor(shape);
        if (_strides.Length != shape.Length) throw file.Error($"tensor {label} has {shape.Length} sizes and {_strides.Length} strides");
        if (_strides.Any(stride => stride < 0) || storageOffset < 0) throw file.Error($"tensor {label} has a negative stride or offset");

        if (dataOffset < 0 || dataOffset > file.Length || storageLength < 0 || storageLength > (file.Length - dataOffset) / type.Size())
        {
            throw file.Error(
                $"tensor {label} lies outside the file: {storageLength} elements of {type.Name()} at byte {dataOffset}, "
                + $"the file has {file.Length}");
        }

        CoveredCount = 0;
        if (ElementCount > 0)
        {
            UInt128 last = (UInt128)storageOffset;
            for (int i = 0; i < shape.Length; i++) last += (UInt128)(shape[i] - 1) * (UInt128)_strides[i];
            if (last >= (UInt128)storageLength)
                throw file.Error($"tensor {label} reaches outside its storage: it needs element {last}, the storage has {storageLength}");
            CoveredCount = (long)(last - (UInt128)storageOffset) + 1;
        }

        // A stride of zero (torch's expand) makes a few bytes look like any number of elements.
        if (ElementCount > storageLength)
            throw file.Error($"tensor {label} {MessageText.Shape(shape)} has more elements than its storage, which has {storageLength}");

        File = file;
        Name = name;
        Type = type;
        Shape = shape;
        FirstByte = dataOffset + storageOffset * type.Size();
    }

    /// <summary>Where it lies, which is not the checkpoint itself where that has several files.</summary>
    public CheckpointFile File { get; }

    public string Name { get; }

    public ElementType Type { get; }

    public long[] Shape { get; }

    public long ElementCount { get; }

    /// <summary>Elements from the first to the last used, including those skipped.</summary>
    private long CoveredCount { get; }

    private long FirstByte { get; }

    /// <summary>Reads the tensor as float32 in row-major order.</summary>
    /// <param name="destination">ElementCount values.</param>
    public void Read(Span<float> destination)
    {
        if (IsRowMajor())
        {
            ReadRun(destination);
            return;
        }

        if (CoveredCount > 8 * ElementCount + SpareCover)
        {
            throw File.Error(
                $"tensor {MessageText.Quote(Name)} uses {ElementCount} elements spread over {CoveredCount}; save it contiguous");
        }
        float[] covered = GC.AllocateUninitializedArray<float>((int)CoveredCount);
        ReadRun(covered);
        Gather(covered, destination);
    }

    private static long[] RowMajor(long[] shape)
    {
        var strides = new long[shape.Length];
        long stride = 1;
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride *= Math.Max(shape[i], 1);
        }

        return strides;
    }

    /// <summary>Whether the elements follow each other; the stride of a side of length 1 does not matter.</summary>
    private bool IsRowMajor()
    {
        long expected = 1;
        for (int i = Shape.Length - 1; i >= 0; i--)
        {
            if (Shape[i] != 1 && _strides[i] != expected) return false;
            expected *= Shape[i];
        }

        return true;
    }

    /// <summary>Reads consecutive elements; float32 without a copy, the others through a small buffer.</summary>
    private void ReadRun(Span<float> destination)
    {
        if (Type == ElementType.F32)
        {
            File.Read(FirstByte, MemoryMarshal.AsBytes(destination), Name);
            return;
        }

        byte[] buffer = new byte[Math.Min(ChunkBytes, (long)destination.Length * Type.Size())];
        long position = FirstByte;
        while (destination.Length > 0)
        {
            int count = Math.Min(destination.Length, ChunkBytes / Type.Size());
            Span<byte> bytes = buffer.AsSpan(0, count * Type.Size());
            File.Read(position, bytes, Name);
            Convert(bytes, destination[..count]);
            position += bytes.Length;
            destination = destination[count..];
        }
    }

    private void Convert(ReadOnlySpan<byte> source, Span<float> destination)
    {
        switch (Type)
        {
            case ElementType.F16:
                ReadOnlySpan<Half> halves = MemoryMarshal.Cast<byte, Half>(source);
                for (int i = 0; i < destination.Length; i++) destination[i] = (float)halves[i];
                break;
            case ElementType.BF16:
                // The upper half of a float32.
                ReadOnlySpan<ushort> upper = MemoryMarshal.Cast<byte, ushort>(source);
                for (int i = 0; i < destination.Length; i++) destination[i] = BitConverter.UInt32BitsToSingle((uint)upper[i] << 16);
                break;
            case ElementType.F64:
                ReadOnlySpan<double> doubles = MemoryMarshal.Cast<byte, double>(source);
                for (int i = 0; i < destination.Length; i++) destination[i] = (float)doubles[i];
                break;
            default:
                throw new InvalidOperationException($"{Type} is not a floating-point type");
        }
    }

    /// <summary>
    /// Walks the destination in row-major order like an odometer, keeping the source position beside it.
    /// </summary>
    private void Gather(ReadOnlySpan<float> covered, Span<float> destination)
    {
        Span<long> index = stackalloc long[MaxRank];
        index.Clear();
        long position = 0;
        for (int i = 0; i < destination.Length; i++)
        {
            destination[i] = covered[(int)position];
            for (int side = Shape.Length - 1; side >= 0; side--)
            {
                position += _strides[side];
                if (++index[side] < Shape[side]) break;
                position -= _strides[side] * Shape[side];
                index[side] = 0;
            }
        }
    }
}
