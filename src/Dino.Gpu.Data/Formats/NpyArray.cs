using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>A <c>.npy</c> array, read from its first element to its last.</summary>
internal sealed class NpyArray : IDisposable
{
    private const int MaxTextBytes = 1 << 24;

    private readonly Stream _stream;
    private readonly NpyHeader _header;
    private readonly int _size;
    private byte[] _buffer = [];

    /// <param name="stream">The stream, at the start of the array; disposed with it.</param>
    /// <param name="length">Bytes from there to the end.</param>
    /// <exception cref="InvalidDataException">
    /// The array is broken, or of a type that no file of embeddings has.
    /// </exception>
    public NpyArray(Stream stream, long length)
        : this(stream, NpyHeader.Read(stream), length)
    {
    }

    /// <param name="stream">The stream, at the first element; disposed with it.</param>
    /// <param name="header">What was read of it.</param>
    /// <param name="length">Bytes from the start of the header to the end.</param>
    /// <inheritdoc cref="NpyArray(Stream, long)" path="/exception"/>
    public NpyArray(Stream stream, NpyHeader header, long length)
    {
        _stream = stream;
        _header = header;
        _size = ElementSize(_header.Type);
        if (_header.FortranOrder && _header.Shape.Length > 1)
            throw new InvalidDataException("the array is in Fortran order: save it with np.ascontiguousarray");
        UInt128 bytes = (UInt128)_size;
        foreach (long side in _header.Shape)
        {
            if (side < 0 || bytes > long.MaxValue)
                throw new InvalidDataException("the array claims an absurd shape");
            bytes *= (UInt128)side;
        }

        if (bytes + (UInt128)_header.Length > (UInt128)length)
        {
            throw new InvalidDataException(
                $"truncated: the array claims {bytes} bytes after a header of {_header.Length}, the file has {length}");
        }
    }

    /// <summary>The sides of the array.</summary>
    public long[] Shape => _header.Shape;

    public string Type => _header.Type;

    /// <summary>Shape of a row of floating-point values.</summary>
    /// <exception cref="InvalidDataException">The array has no such rows.</exception>
    public int[] RowShape()
    {
        if (Type is not ("<f4" or "<f2" or "<f8"))
            throw new InvalidDataException($"the array is of {Type}, expected float32, float16 or float64, little-endian");
        if (Shape.Length < 2 || !RowSchema.IsReadable(Shape.Skip(1)))
            throw new InvalidDataException($"the array has the shape ({string.Join(", ", Shape)}), expected (rows, values)");
        return [.. Shape.Skip(1).Select(side => (int)side)];
    }

    /// <summary>The type of the column that this array is; null if it is no column.</summary>
    public ColumnType? ColumnType => Shape.Length != 1 ? null : Type[1] switch
    {
        _ when IsDigits => Rows.ColumnType.Text,
        'U' => Rows.ColumnType.Text,
        'i' or 'u' => Rows.ColumnType.Integer,
        'f' => Rows.ColumnType.Number,
        _ => Rows.ColumnType.Boolean,
    };

    /// <summary>
    /// Whether integers are read as text, because some are larger than a 64-bit column holds (<see cref="HasLarge"/>).
    /// </summary>
    public bool IsDigits { get; set; }

    /// <summary>
    /// Reads a column of unsigned 64-bit integers to see whether some are 2^63 or more. Nothing can be read after it.
    /// </summary>
    public bool HasLarge()
    {
        for (long row = 0; row < Shape[0]; row++)
        {
            if (BinaryPrimitives.ReadUInt64LittleEndian(Next(1)) > long.MaxValue)
                return true;
        }

        return false;
    }

    /// <summary>Reads floating-point values.</summary>
    public void Read(Span<float> values)
    {
        switch (Type)
        {
            case "<f4":
                _stream.ReadExactly(MemoryMarshal.AsBytes(values));
                break;
            case "<f2":
                ReadOnlySpan<Half> halves = MemoryMarshal.Cast<byte, Half>(Next(values.Length));
                for (int i = 0; i < values.Length; i++)
                    values[i] = (float)halves[i];
                break;
            default:
                ReadOnlySpan<double> doubles = MemoryMarshal.Cast<byte, double>(Next(values.Length));
                for (int i = 0; i < values.Length; i++)
                    values[i] = (float)doubles[i];
                break;
        }
    }

    /// <summary>Bytes of an element.</summary>
    public int ElementLength => _size;

    /// <summary>Reads to the end of the stream, where a member of an archive is checked.</summary>
    /// <exception cref="InvalidDataException">
    /// More than 64 KiB follow the array, or the member is damaged.
    /// </exception>
    public void Finish()
    {
        const int MostBehind = 1 << 16;
        byte[] rest = new byte[MostBehind];
        if (_stream.ReadAtLeast(rest, rest.Length, throwOnEndOfStream: false) == rest.Length)
            throw new InvalidDataException("more bytes follow an array than it claims");
    }

    /// <summary>Reads one element: string, long, double (null for NaN) or bool.</summary>
    public object? ReadCell()
    {
        ReadOnlySpan<byte> bytes = Next(1);
        return Type[1] switch
        {
            'U' => Text(bytes),
            'b' => bytes[0] != 0,
            'f' => (_size switch
            {
                2 => (double)BinaryPrimitives.ReadHalfLittleEndian(bytes),
                4 => BinaryPrimitives.ReadSingleLittleEndian(bytes),
                _ => BinaryPrimitives.ReadDoubleLittleEndian(bytes),
            }) is var number && double.IsNaN(number) ? null : number,
            'i' => _size switch
            {
                1 => (long)(sbyte)bytes[0],
                2 => BinaryPrimitives.ReadInt16LittleEndian(bytes),
                4 => BinaryPrimitives.ReadInt32LittleEndian(bytes),
                _ => BinaryPrimitives.ReadInt64LittleEndian(bytes),
            },
            _ => _size switch
            {
                1 => (long)bytes[0],
                2 => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
                4 => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
                _ when IsDigits => BinaryPrimitives.ReadUInt64LittleEndian(bytes).ToString(CultureInfo.InvariantCulture),
                _ => checked((long)BinaryPrimitives.ReadUInt64LittleEndian(bytes)),
            },
        };
    }

    public void Dispose() => _stream.Dispose();

    private ReadOnlySpan<byte> Next(int count)
    {
        int bytes = checked(count * _size);
        if (_buffer.Length < bytes)
            _buffer = new byte[bytes];
        _stream.ReadExactly(_buffer, 0, bytes);
        return _buffer.AsSpan(0, bytes);
    }

    /// <summary>Decodes a text of four bytes per code point, with zeros after the last.</summary>
    private static string Text(ReadOnlySpan<byte> letters)
    {
        int length = letters.Length;
        while (length >= 4 && BinaryPrimitives.ReadInt32LittleEndian(letters[(length - 4)..]) == 0)
            length -= 4;
        return Encoding.UTF32.GetString(letters[..length]);
    }

    private static int ElementSize(string type)
    {
        int size = 0;
        bool known = type.Length >= 3 && int.TryParse(type.AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out size);
        return type switch
        {
            "|b1" or "|i1" or "|u1" => 1,
            "<f2" or "<f4" or "<f8" or "<i2" or "<i4" or "<i8" or "<u2" or "<u4" or "<u8" => size,
            ['<', 'U', ..] when known && size is >= 0 and <= MaxTextBytes / 4 => size * 4,
            _ => throw new InvalidDataException($"arrays of type {type} are not read (little-endian numbers and text are)"),
        };
    }
}
