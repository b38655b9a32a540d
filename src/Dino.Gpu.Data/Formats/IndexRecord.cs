using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>What an index keeps of a row besides its vector. A row without an embedding is never in an index.</summary>
internal static class IndexRecord
{
    private const int NoText = -1;

    /// <summary>Appends a row's record.</summary>
    /// <param name="row">The row.</param>
    /// <param name="columns">Of the index.</param>
    /// <param name="bytes">The records so far.</param>
    public static void Write(RowInfo row, IReadOnlyList<CarriedColumn> columns, ArrayBufferWriter<byte> bytes)
    {
        WriteText(row.Path, bytes);
        WriteInteger(row.Row, bytes);
        WriteInteger(row.Width ?? -1L, bytes);
        WriteInteger(row.Height ?? -1L, bytes);
        WriteText(row.Sha256, bytes);
        for (int i = 0; i < columns.Count; i++)
        {
            object? cell = row.Columns.ElementAtOrDefault(i);
            if (columns[i].Type == ColumnType.Text)
            {
                WriteText((string?)cell, bytes);
                continue;
            }

            bytes.GetSpan(1)[0] = (byte)(cell is null ? 0 : 1);
            bytes.Advance(1);
            if (cell is not null)
                WriteInteger(Bits(cell, columns[i].Type), bytes);
        }
    }

    /// <summary>Reads a row's record.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static RowInfo Read(ReadOnlySpan<byte> bytes, IReadOnlyList<CarriedColumn> columns)
    {
        string path = ReadText(ref bytes) ?? "";
        var row = new RowInfo
        {
            Path = path,
            Row = ReadInteger(ref bytes),
            Width = Size(ReadInteger(ref bytes)),
            Height = Size(ReadInteger(ref bytes)),
            Sha256 = ReadText(ref bytes),
        };
        if (columns.Count == 0)
            return bytes.IsEmpty ? row : throw Damaged();
        object?[] cells = new object?[columns.Count];
        for (int i = 0; i < cells.Length; i++)
        {
            if (columns[i].Type == ColumnType.Text)
                cells[i] = ReadText(ref bytes);
            else if (Take(ref bytes, 1)[0] != 0)
                cells[i] = Cell(ReadInteger(ref bytes), columns[i].Type);
        }

        return bytes.IsEmpty ? row with { Columns = cells } : throw Damaged();
    }

    private static long Bits(object cell, ColumnType type) => type == ColumnType.Number
        ? BitConverter.DoubleToInt64Bits(Convert.ToDouble(cell, CultureInfo.InvariantCulture))
        : Convert.ToInt64(cell, CultureInfo.InvariantCulture);

    private static object Cell(long bits, ColumnType type) =>
        type == ColumnType.Number ? BitConverter.Int64BitsToDouble(bits) : type == ColumnType.Boolean ? bits != 0 : bits;

    private static int? Size(long size) => size is >= 0 and <= int.MaxValue ? (int)size : null;

    private static void WriteText(string? text, ArrayBufferWriter<byte> bytes)
    {
        int length = text is null ? NoText : Encoding.UTF8.GetByteCount(text);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.GetSpan(sizeof(int)), length);
        bytes.Advance(sizeof(int));
        if (length > 0)
            bytes.Advance(Encoding.UTF8.GetBytes(text, bytes.GetSpan(length)));
    }

    private static void WriteInteger(long value, ArrayBufferWriter<byte> bytes)
    {
        BinaryPrimitives.WriteInt64LittleEndian(bytes.GetSpan(sizeof(long)), value);
        bytes.Advance(sizeof(long));
    }

    private static string? ReadText(ref ReadOnlySpan<byte> bytes)
    {
        int length = BinaryPrimitives.ReadInt32LittleEndian(Take(ref bytes, sizeof(int)));
        return length == NoText ? null : Encoding.UTF8.GetString(Take(ref bytes, length));
    }

    private static long ReadInteger(ref ReadOnlySpan<byte> bytes) =>
        BinaryPrimitives.ReadInt64LittleEndian(Take(ref bytes, sizeof(long)));

    private static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> bytes, int length)
    {
        if (length < 0 || length > bytes.Length)
            throw Damaged();
        ReadOnlySpan<byte> taken = bytes[..length];
        bytes = bytes[length..];
        return taken;
    }

    private static InvalidDataException Damaged() => new("a row of the index is damaged");
}
