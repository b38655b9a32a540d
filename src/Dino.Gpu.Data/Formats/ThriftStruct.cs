namespace Dino.Gpu.Data.Formats;

/// <summary>
/// A structure in Thrift's compact protocol, walked field by field with every length held against the bytes that are there.
/// <see href="https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md"/>
/// </summary>
/// <param name="bytes">From the structure's first byte on.</param>
internal ref struct ThriftStruct(ReadOnlySpan<byte> bytes)
{
    public const int True = 1;
    public const int False = 2;
    public const int Byte = 3;
    public const int Int64 = 6;
    public const int Double = 7;
    public const int Binary = 8;
    public const int List = 9;
    public const int Set = 10;
    public const int Map = 11;
    public const int Struct = 12;
    public const int Uuid = 13;

    /// <summary>Parquet's own structures are six deep.</summary>
    private const int MaxDepth = 32;

    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _depth;

    /// <summary>Bytes walked so far.</summary>
    public int Position { get; private set; }

    /// <summary>Number of the field that <see cref="NextField"/> came to.</summary>
    public int Field { get; private set; }

    /// <summary>Type of the field.</summary>
    public int Type { get; private set; }

    /// <summary>Enters a structure; its fields count from 0 again.</summary>
    /// <returns>What <see cref="Leave"/> takes.</returns>
    public int Enter()
    {
        if (++_depth > MaxDepth)
            throw new InvalidDataException("its metadata is nested absurdly deep");
        int outer = Field;
        Field = 0;
        return outer;
    }

    public void Leave(int outer)
    {
        _depth--;
        Field = outer;
    }

    /// <summary>Goes to the next field of the structure.</summary>
    /// <returns>False at its end.</returns>
    public bool NextField()
    {
        byte head = Next();
        if (head == 0)
            return false;
        Type = head & 15;
        Field = head >> 4 == 0 ? (int)Integer() : Field + (head >> 4);
        return true;
    }

    /// <summary>An integer of any size (zigzag).</summary>
    public long Integer()
    {
        ulong value = Unsigned();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    /// <summary>Begins a list or set.</summary>
    /// <returns>How many elements of which type; every one has a byte at least.</returns>
    public (int Count, int Type) BeginList()
    {
        byte head = Next();
        return (Length(head >> 4 == 15 ? Unsigned() : (ulong)head >> 4), head & 15);
    }

    /// <summary>Passes over a value.</summary>
    /// <param name="type">Of it.</param>
    /// <param name="isElement">Whether it is in a list, where truth values have a byte.</param>
    public void Skip(int type, bool isElement = false)
    {
        switch (type)
        {
            case True or False:
                Position += isElement ? Length(1) : 0;
                break;
            case Byte:
                Position += Length(1);
                break;
            case > Byte and <= Int64:
                Unsigned();
                break;
            case Double:
                Position += Length(8);
                break;
            case Binary:
                int length = Length(Unsigned()); // first: it moves the position
                Position += length;
                break;
            case List or Set:
                (int count, int element) = BeginList();
                int list = Enter();
                for (int i = 0; i < count; i++)
                    Skip(element, isElement: true);
                Leave(list);
                break;
            case Map:
                SkipMap();
                break;
            case Struct:
                int outer = Enter();
                while (NextField())
                    Skip(Type);
                Leave(outer);
                break;
            case Uuid:
                Position += Length(16);
                break;
            default:
                throw new InvalidDataException($"its metadata has a field of type {type}, which there is not");
        }
    }

    private void SkipMap()
    {
        int pairs = Length(Unsigned());
        if (pairs == 0)
            return;
        byte types = Next();
        int outer = Enter();
        for (int i = 0; i < pairs; i++)
        {
            Skip(types >> 4, isElement: true);
            Skip(types & 15, isElement: true);
        }

        Leave(outer);
    }

    /// <summary>A length that the bytes left can hold.</summary>
    private readonly int Length(ulong claimed) => claimed <= (ulong)(_bytes.Length - Position) ? (int)claimed : throw new EndOfStreamException();

    private byte Next() => Position < _bytes.Length ? _bytes[Position++] : throw new EndOfStreamException();

    private ulong Unsigned()
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte next = Next();
            value |= (ulong)(next & 127) << shift;
            if (next < 128)
                return value;
        }

        throw new InvalidDataException("its metadata has a number of more than 64 bits");
    }
}
