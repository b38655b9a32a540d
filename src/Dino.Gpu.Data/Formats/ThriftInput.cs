namespace Dino.Gpu.Data.Formats;

/// <summary>
/// Reads Thrift's compact protocol, in which Parquet keeps its descriptions. It is stricter than the library, so that
/// both see the same: fields in order, numbers and lists within their bounds, no maps.
/// <see href="https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md"/>
/// </summary>
/// <param name="stream">The file; its position moves.</param>
/// <param name="start">Where the first structure begins.</param>
/// <param name="end">Where the bytes end.</param>
internal sealed class ThriftInput(Stream stream, long start, long end)
{
    private const int Deepest = 32;

    private readonly byte[] _buffer = new byte[1 << 10];
    private long _bufferStart = start;
    private int _count;
    private int _next;

    /// <summary>The wire types of fields and elements.</summary>
    public enum Kind
    {
        Stop = 0,
        True = 1,
        False = 2,
        Byte = 3,
        Short = 4,
        Int = 5,
        Long = 6,
        Double = 7,
        Binary = 8,
        List = 9,
        Set = 10,
        Structure = 12,
    }

    /// <summary>Where the next byte lies in the file.</summary>
    public long Position => _bufferStart + _next;

    /// <summary>Reads the head of the next field.</summary>
    /// <param name="id">The number of the field before, 0 for none; becomes that of this one.</param>
    /// <returns><see cref="Kind.Stop"/> at the end of the structure.</returns>
    /// <exception cref="InvalidDataException">The description is damaged.</exception>
    public Kind Field(ref int id)
    {
        byte head = Byte();
        if (head == 0)
            return Kind.Stop;
        long next = head >> 4 != 0 ? id + (head >> 4) : Long();
        var kind = (Kind)(head & 15);
        if (next <= id || next > short.MaxValue || kind == Kind.Stop)
            throw new InvalidDataException("a description has fields out of order");
        id = (int)next;
        return kind;
    }

    /// <summary>Reads a signed integer of at most 64 bits.</summary>
    /// <exception cref="InvalidDataException">The description is damaged.</exception>
    public long Long()
    {
        ulong bits = Unsigned();
        return (long)(bits >> 1) ^ -(long)(bits & 1);
    }

    /// <summary>Reads a signed integer of at most 32 bits.</summary>
    /// <exception cref="InvalidDataException">The description is damaged.</exception>
    public int Int() => Long() is var value and >= int.MinValue and <= int.MaxValue
        ? (int)value
        : throw new InvalidDataException("a description has a number of more than 32 bits");

    /// <summary>Reads the head of a list.</summary>
    /// <returns>The number of its elements, and what they are.</returns>
    /// <exception cref="InvalidDataException">It claims more elements than there are bytes.</exception>
    public (int Count, Kind Element) List()
    {
        byte head = Byte();
        ulong count = head >> 4 == 15 ? Unsigned() : (ulong)(head >> 4);
        if (count > (ulong)Math.Min(int.MaxValue, end - Position))
            throw new InvalidDataException($"a description claims a list of {count} elements");
        return ((int)count, (Kind)(head & 15));
    }

    /// <summary>Reads the head of a list whose elements are of this kind, as the library takes for granted.</summary>
    /// <exception cref="InvalidDataException">It is another list.</exception>
    public int List(Kind element) => List() is var (count, found) && (found == element || count == 0)
        ? count
        : throw new InvalidDataException("a description has a list of something else");

    /// <summary>Reads text.</summary>
    /// <exception cref="InvalidDataException">It is longer than what is left.</exception>
    public byte[] Binary()
    {
        byte[] text = new byte[Length()];
        for (int i = 0; i < text.Length; i++)
            text[i] = Byte();
        return text;
    }

    /// <summary>Goes to the end of a value.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    public void Skip(Kind kind) => Skip(kind, 0);

    private void Skip(Kind kind, int depth)
    {
        if (depth > Deepest)
            throw new InvalidDataException("a description is nested too deep");
        switch (kind)
        {
            case Kind.True or Kind.False:
                break; // in the head of the field
            case Kind.Byte:
                Byte();
                break;
            case Kind.Short or Kind.Int or Kind.Long:
                Unsigned();
                break;
            case Kind.Double:
                Seek(sizeof(double));
                break;
            case Kind.Binary:
                Seek(Length());
                break;
            case Kind.List or Kind.Set:
                (int count, Kind element) = List();
                for (int i = 0; i < count; i++)
                    Skip(element is Kind.True or Kind.False ? Kind.Byte : element, depth + 1);
                break;
            case Kind.Structure:
                int id = 0;
                while (Field(ref id) is not Kind.Stop and var field)
                    Skip(field, depth + 1);
                break;
            default:
                throw new InvalidDataException("a description has a value of no type");
        }
    }

    private int Length()
    {
        ulong length = Unsigned();
        return length <= (ulong)Math.Min(int.MaxValue, end - Position)
            ? (int)length
            : throw new InvalidDataException("a description claims a text that is longer than the file");
    }

    private ulong Unsigned()
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte bits = Byte();
            value |= (ulong)(bits & 127) << shift;
            if (bits < 128)
                return value;
        }

        throw new InvalidDataException("a description has a number without an end");
    }

    private byte Byte()
    {
        if (_next == _count)
        {
            Seek(0);
            stream.Position = _bufferStart;
            _count = (int)Math.Min(stream.Read(_buffer), Math.Max(0, end - _bufferStart));
            if (_count == 0)
                throw new InvalidDataException("a description ends too early");
        }

        return _buffer[_next++];
    }

    private void Seek(int bytes)
    {
        if (bytes < _count - _next)
            _next += bytes;
        else
            (_bufferStart, _next, _count) = (Position + bytes, 0, 0);
    }
}
