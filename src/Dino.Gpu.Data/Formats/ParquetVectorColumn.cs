using System.Runtime.InteropServices;
using Dino.Gpu.Data.Rows;
using ParquetSharp;
using ParquetSharp.Schema;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// The embeddings of the row group that is being filled: one list of float or float16 per row, null for a failed image.
/// </summary>
internal sealed class ParquetVectorColumn
{
    // The level of a value in a list, and of a list that is null.
    private const short ValueLevel = 2;
    private const short NullListLevel = 0;

    private readonly FloatType _type;
    private readonly int _size; // bytes of a value
    private readonly byte[] _values; // (rows, row length), without those of failed images
    private readonly short[] _definitions;
    private readonly short[] _repetitions;
    private readonly FixedLenByteArray[] _pointers; // for float16, which the library takes as pointers to bytes
    private int _valueBytes;
    private int _levelCount; // values, and one for each failed image

    /// <param name="type">Type of a value.</param>
    /// <param name="rows">Most rows of a group.</param>
    /// <param name="length">Values of a row.</param>
    public ParquetVectorColumn(FloatType type, int rows, int length)
    {
        int count = checked(rows * length);
        _type = type;
        _size = type == FloatType.Float16 ? sizeof(short) : sizeof(float);
        _values = new byte[checked(count * _size)];
        _definitions = new short[count];
        _repetitions = new short[count];
        _pointers = new FixedLenByteArray[type == FloatType.Float16 ? count : 0];
    }

    /// <summary>The column in the file's schema; the caller disposes it.</summary>
    public Node Node()
    {
        using LogicalType logical = _type == FloatType.Float16 ? LogicalType.Float16() : LogicalType.None();
        using LogicalType list = LogicalType.List();
        using Node element = _type == FloatType.Float16
            ? new PrimitiveNode("element", Repetition.Required, logical, PhysicalType.FixedLenByteArray, _size)
            : new PrimitiveNode("element", Repetition.Required, logical, PhysicalType.Float);
        using Node elements = new GroupNode("list", Repetition.Repeated, [element]);
        return new GroupNode(RowSchema.EmbeddingColumn, Repetition.Optional, [elements], list);
    }

    /// <summary>Adds the next row.</summary>
    /// <param name="values">Little-endian values; empty for a failed image.</param>
    public void Add(ReadOnlySpan<byte> values)
    {
        values.CopyTo(_values.AsSpan(_valueBytes));
        _valueBytes += values.Length;
        int places = Math.Max(1, values.Length / _size);
        _definitions.AsSpan(_levelCount, places).Fill(values.IsEmpty ? NullListLevel : ValueLevel);
        _repetitions.AsSpan(_levelCount, places).Fill(1);
        _repetitions[_levelCount] = 0;
        _levelCount += places;
    }

    /// <summary>Writes the rows as a column of the group, and clears them.</summary>
    public unsafe void Write(ColumnWriter column)
    {
        ReadOnlySpan<short> definitions = _definitions.AsSpan(0, _levelCount);
        ReadOnlySpan<short> repetitions = _repetitions.AsSpan(0, _levelCount);
        if (_type == FloatType.Float32)
        {
            ReadOnlySpan<float> values = MemoryMarshal.Cast<byte, float>(_values.AsSpan(0, _valueBytes));
            ((ColumnWriter<float>)column).WriteBatch(_levelCount, definitions, repetitions, values);
        }
        else
        {
            fixed (byte* bytes = _values)
            {
                int count = _valueBytes / _size;
                for (int i = 0; i < count; i++)
                    _pointers[i] = new FixedLenByteArray((nint)(bytes + i * _size));
                ((ColumnWriter<FixedLenByteArray>)column).WriteBatch(_levelCount, definitions, repetitions, _pointers.AsSpan(0, count));
            }
        }

        (_valueBytes, _levelCount) = (0, 0);
    }
}
