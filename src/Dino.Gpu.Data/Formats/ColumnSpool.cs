using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// A column beside the values, kept in a temporary file until the values are written. It comes after them in the file,
/// and its NumPy type depends on all of its cells: the longest text, and whether any is missing.
/// </summary>
internal sealed class ColumnSpool : IDisposable
{
    private const int MostDigits = 20; // of an integer, with its sign
    private const int NumberBytes = 9; // 8 for the value, 1 to say that it is missing

    private readonly SpoolFile _spool;
    private readonly Kind _kind;
    private bool _missing;
    private bool _isExact = true; // whether float64 holds every integer so far
    private int _longest = 1; // code points; NumPy has no empty text type

    private ColumnSpool(AtomicFile output, string name, Kind kind)
    {
        Name = name;
        _kind = kind;
        _spool = output.CreateSpool();
    }

    private enum Kind
    {
        Text,
        Int32,
        Int64,
        Double,
        Boolean,
    }

    public string Name { get; }

    public long Rows { get; private set; }

    /// <summary>
    /// NumPy's type. As in pandas, numbers and truth values become float64 if some are missing, and these are NaN.
    /// Integers that would lose digits become text instead, and the missing ones are ''.
    /// </summary>
    public string NumpyType => _kind switch
    {
        Kind.Text => $"<U{_longest}",
        Kind.Int32 => "<i4",
        Kind.Int64 when IsDigits => $"<U{MostDigits}",
        _ when _missing || _kind == Kind.Double => "<f8",
        Kind.Int64 => "<i8",
        _ => "|b1",
    };

    public static ColumnSpool OfText(AtomicFile output, string name) => new(output, name, Kind.Text);

    public static ColumnSpool OfInt32(AtomicFile output, string name) => new(output, name, Kind.Int32);

    public static ColumnSpool OfInt64(AtomicFile output, string name) => new(output, name, Kind.Int64);

    public static ColumnSpool Of(AtomicFile output, CarriedColumn column) => new(output, column.Name, column.Type switch
    {
        ColumnType.Text => Kind.Text,
        ColumnType.Integer => Kind.Int64,
        ColumnType.Number => Kind.Double,
        _ => Kind.Boolean,
    });

    /// <param name="value">A value of the column's type, or null. A missing text becomes ''.</param>
    public void Add(object? value)
    {
        Rows++;
        if (_kind == Kind.Text)
        {
            AddText((string?)value ?? "");
            return;
        }

        Span<byte> record = stackalloc byte[NumberBytes];
        BinaryPrimitives.WriteInt64LittleEndian(record, value switch
        {
            null => 0,
            int number => number,
            long number => number,
            bool truth => truth ? 1 : 0,
            double number => BitConverter.DoubleToInt64Bits(number),
            _ => throw new ArgumentException($"Column {Name} cannot hold a {value.GetType()}."),
        });
        record[8] = value is null ? (byte)1 : (byte)0;
        _missing |= value is null;
        _isExact &= value is not long integer || ColumnTypes.IsExact(integer);
        _spool.Write(record);
    }

    /// <summary>Writes the elements of a NumPy array of <see cref="NumpyType"/>, in pieces.</summary>
    public void CopyTo(Action<ReadOnlySpan<byte>> write)
    {
        _spool.Rewind();
        using var pieces = new MemoryStream(1 << 16);
        Span<byte> number = stackalloc byte[NumberBytes];
        byte[] letters = new byte[sizeof(int) * (_kind == Kind.Text ? _longest : MostDigits)];
        byte[] text = new byte[_longest * 4];
        for (long row = 0; row < Rows; row++)
        {
            if (_kind == Kind.Text)
            {
                _spool.ReadExactly(number[..4]);
                int length = BinaryPrimitives.ReadInt32LittleEndian(number);
                _spool.ReadExactly(text.AsSpan(0, length));
                Array.Clear(letters);
                Encoding.UTF32.GetBytes(Encoding.UTF8.GetString(text, 0, length), letters);
                pieces.Write(letters);
            }
            else
            {
                _spool.ReadExactly(number);
                pieces.Write(IsDigits ? Digits(number, letters) : Element(number));
            }

            if (pieces.Length >= 1 << 16 || row == Rows - 1)
            {
                write(pieces.GetBuffer().AsSpan(0, (int)pieces.Length));
                pieces.SetLength(0);
            }
        }
    }

    public void Dispose() => _spool.Dispose();

    private void AddText(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text); // half a surrogate pair becomes U+FFFD
        _longest = Math.Max(_longest, Letters(bytes));
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
        _spool.Write(length);
        _spool.Write(bytes);
    }

    /// <summary>Counts code points of UTF-8: all bytes except those that continue one.</summary>
    private static int Letters(ReadOnlySpan<byte> text)
    {
        int letters = 0;
        foreach (byte value in text)
            letters += (value & 0xC0) == 0x80 ? 0 : 1;
        return letters;
    }

    private bool IsDigits => _kind == Kind.Int64 && _missing && !_isExact;

    /// <summary>An integer as text; nothing if it is missing.</summary>
    private static ReadOnlySpan<byte> Digits(ReadOnlySpan<byte> record, byte[] letters)
    {
        Array.Clear(letters);
        if (record[8] == 0)
            Encoding.UTF32.GetBytes(BinaryPrimitives.ReadInt64LittleEndian(record).ToString(CultureInfo.InvariantCulture), letters);
        return letters;
    }

    /// <summary>Turns a record into an element of <see cref="NumpyType"/>, in place.</summary>
    private Span<byte> Element(Span<byte> record)
    {
        long value = BinaryPrimitives.ReadInt64LittleEndian(record);
        switch (_kind)
        {
            case Kind.Int32:
                return record[..4];
            case Kind.Double:
            case Kind.Int64 or Kind.Boolean when _missing:
                double number = record[8] != 0 ? double.NaN : _kind == Kind.Double ? BitConverter.Int64BitsToDouble(value) : value;
                BinaryPrimitives.WriteDoubleLittleEndian(record, number);
                return record[..8];
            case Kind.Int64:
                return record[..8];
            default:
                return record[..1];
        }
    }
}
