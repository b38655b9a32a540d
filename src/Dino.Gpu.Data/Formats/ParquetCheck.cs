using System.Buffers.Binary;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// Holds what a Parquet file claims of itself against its length before the library reads it, which believes every claim: a flipped bit in a footer makes it
/// loop for minutes or ask for gigabytes. Values are not looked at. <see href="https://github.com/apache/parquet-format"/>
/// </summary>
internal sealed class ParquetCheck
{
    private const int MaxFooter = 1 << 28;
    private const int MaxPageHeader = 1 << 24; // with the least and the largest value of its page, twice, which may be texts of a million letters
    private const int PageHeaderGuess = 1 << 10;

    /// <summary>What a row group may claim whatever its size, for runs of equal or missing values take no room: a million rows is what Arrow writes by default.</summary>
    private const long FreeRows = 1 << 20;

    /// <summary>Values that a byte of a page may stand for beyond that.</summary>
    private const long ValuesPerByte = 64;

    /// <summary>Type of a page that holds the values which the others number.</summary>
    public const int DictionaryPage = 2;

    private readonly Stream _stream;
    private readonly long _end; // of the columns

    private ParquetCheck(Stream stream, long end)
    {
        _stream = stream;
        _end = end;
    }

    /// <summary>Checks a file and leaves the stream at its start.</summary>
    /// <exception cref="InvalidDataException">It is none, or claims what it cannot hold.</exception>
    /// <exception cref="EndOfStreamException">It is truncated.</exception>
    public static void Run(Stream stream)
    {
        long length = stream.Length;
        Span<byte> tail = stackalloc byte[8];
        if (length < 12)
            throw new InvalidDataException("not a Parquet file, or truncated");
        stream.Position = 0;
        stream.ReadExactly(tail[..4]);
        bool starts = tail[..4].SequenceEqual("PAR1"u8);
        stream.Position = length - 8;
        stream.ReadExactly(tail);
        if (!starts || !tail[4..].SequenceEqual("PAR1"u8))
            throw new InvalidDataException(starts ? "truncated: it does not end in PAR1, as Parquet files do" : "not a Parquet file: it does not start with PAR1");
        int footer = BinaryPrimitives.ReadInt32LittleEndian(tail);
        if (footer < 1 || footer > Math.Min(MaxFooter, length - 12))
            throw new InvalidDataException($"its footer claims {footer} bytes");
        var check = new ParquetCheck(stream, length - 8 - footer);
        byte[] bytes = new byte[footer];
        stream.Position = check._end;
        stream.ReadExactly(bytes);
        check.File(bytes);
        stream.Position = 0;
    }

    /// <summary>FileMetaData: 4 is the row groups.</summary>
    private void File(ReadOnlySpan<byte> footer)
    {
        var thrift = new ThriftStruct(footer);
        int outer = thrift.Enter();
        while (thrift.NextField())
        {
            if (thrift.Field != 4 || thrift.Type != ThriftStruct.List)
            {
                thrift.Skip(thrift.Type);
                continue;
            }

            (int count, int type) = thrift.BeginList();
            for (int i = 0; i < count; i++)
            {
                if (type == ThriftStruct.Struct)
                    RowGroup(ref thrift);
                else
                    thrift.Skip(type, isElement: true);
            }
        }

        thrift.Leave(outer);
    }

    /// <summary>RowGroup: 1 is the columns, 3 the number of rows.</summary>
    private void RowGroup(ref ThriftStruct thrift)
    {
        var columns = new List<Column>();
        long rows = -1;
        int outer = thrift.Enter();
        while (thrift.NextField())
        {
            if (thrift.Field == 1 && thrift.Type == ThriftStruct.List)
            {
                (int count, int type) = thrift.BeginList();
                for (int i = 0; i < count; i++)
                {
                    if (type == ThriftStruct.Struct)
                        columns.Add(ColumnChunk(ref thrift));
                    else
                        thrift.Skip(type, isElement: true);
                }
            }
            else if (thrift.Field == 3 && thrift.Type == ThriftStruct.Int64)
            {
                rows = thrift.Integer();
            }
            else
            {
                thrift.Skip(thrift.Type);
            }
        }

        thrift.Leave(outer);
        long allowed = FreeRows + ValuesPerByte * columns.Sum(column => column.Length);
        if (rows < 0 || rows > Math.Min(allowed, Array.MaxLength))
            throw new InvalidDataException($"a row group claims {rows} rows");
        foreach (Column column in columns)
            Pages(column);
    }

    /// <summary>ColumnChunk: 3 is its ColumnMetaData.</summary>
    private Column ColumnChunk(ref ThriftStruct thrift)
    {
        var column = new Column();
        int outer = thrift.Enter();
        while (thrift.NextField())
        {
            if (thrift.Field == 3 && thrift.Type == ThriftStruct.Struct)
                ColumnMetaData(ref thrift, column);
            else
                thrift.Skip(thrift.Type);
        }

        thrift.Leave(outer);
        if (column.Start < 4 || column.Length < 0 || column.Length > _end - column.Start)
            throw new InvalidDataException($"a column claims {column.Length} bytes from {column.Start} on, of a file of {_stream.Length}");
        if (column.Values < 0 || column.Values > Math.Min(Array.MaxLength, 16 * FreeRows + ValuesPerByte * column.Length))
            throw new InvalidDataException($"a column of {column.Length} bytes claims {column.Values} values");
        return column;
    }

    /// <summary>ColumnMetaData: 4 is the compression, 5 the number of values, 7 its bytes in the file, 9 and 11 where the data and the dictionary start.</summary>
    private static void ColumnMetaData(ref ThriftStruct thrift, Column column)
    {
        int outer = thrift.Enter();
        while (thrift.NextField())
        {
            if (thrift.Type is not (> ThriftStruct.Byte and <= ThriftStruct.Int64))
            {
                thrift.Skip(thrift.Type);
                continue;
            }

            long value = thrift.Integer();
            switch (thrift.Field)
            {
                case 4:
                    column.Codec = value;
                    break;
                case 5:
                    column.Values = value;
                    break;
                case 7:
                    column.Length = value;
                    break;
                case 9:
                    column.DataStart = value;
                    break;
                case 11:
                    column.DictionaryStart = value;
                    break;
            }
        }

        thrift.Leave(outer);
    }

    /// <summary>The headers of a column's pages: what the library allocates by.</summary>
    private void Pages(Column column)
    {
        long position = column.Start;
        long end = column.Start + column.Length;
        long values = 0;
        while (position < end && values < column.Values)
        {
            (Page page, int headerLength) = ReadHeader(_stream, position, end);
            position += headerLength;
            if (page.Compressed < 0 || page.Compressed > end - position || page.Uncompressed < 0 || page.Uncompressed > column.MostUnpacked(page.Compressed))
                throw new InvalidDataException($"a page claims {page.Compressed} bytes that unpack to {page.Uncompressed}, and its column has {end - position}");
            if (page.Levels < 0 || page.Levels > page.Compressed || page.Values < 0 || page.Values > FreeRows + ValuesPerByte * page.Uncompressed)
                throw new InvalidDataException($"a page of {page.Compressed} bytes claims {page.Values} values");
            if (column.Codec == Column.Snappy && page.IsCompressed)
                Snappy(position + page.Levels, page.Compressed - page.Levels, page.Uncompressed - page.Levels);
            if (page.Type != DictionaryPage)
                values += page.Values;
            position += page.Compressed;
        }

        if (values != column.Values)
            throw new InvalidDataException($"a column claims {column.Values} values and its pages {values}");
    }

    /// <summary>The header of the page at a position.</summary>
    /// <param name="stream">The file.</param>
    /// <param name="position">Where the header starts.</param>
    /// <param name="end">Where the column ends.</param>
    public static (Page Page, int Length) ReadHeader(Stream stream, long position, long end)
    {
        byte[] bytes = new byte[(int)Math.Min(PageHeaderGuess, end - position)];
        while (true)
        {
            stream.Position = position;
            stream.ReadExactly(bytes);
            try
            {
                var thrift = new ThriftStruct(bytes);
                Page page = PageHeader(ref thrift);
                return (page, thrift.Position);
            }
            catch (EndOfStreamException) when (bytes.Length < Math.Min(MaxPageHeader, end - position))
            {
                bytes = new byte[(int)Math.Min(8L * bytes.Length, Math.Min(MaxPageHeader, end - position))];
            }
        }
    }

    /// <summary>PageHeader: 1 is the type, 2 and 3 its bytes; 5, 7 and 8 have the number of values and the encoding, 8 the bytes of its levels too, which are not compressed.</summary>
    private static Page PageHeader(ref ThriftStruct thrift)
    {
        var page = new Page();
        int outer = thrift.Enter();
        while (thrift.NextField())
        {
            int field = thrift.Field;
            if (field is >= 1 and <= 3 && thrift.Type is > ThriftStruct.Byte and <= ThriftStruct.Int64)
            {
                long value = thrift.Integer();
                page = field switch { 1 => page with { Type = value }, 2 => page with { Uncompressed = value }, _ => page with { Compressed = value } };
            }
            else if (field is 5 or 7 or 8 && thrift.Type == ThriftStruct.Struct)
            {
                page = ValuesOf(ref thrift, page, isVersion2: field == 8);
            }
            else
            {
                thrift.Skip(thrift.Type);
            }
        }

        thrift.Leave(outer);
        return page;
    }

    private static Page ValuesOf(ref ThriftStruct thrift, Page page, bool isVersion2)
    {
        int outer = thrift.Enter();
        while (thrift.NextField())
        {
            if (isVersion2 && thrift.Field == 7 && thrift.Type == ThriftStruct.False)
                page = page with { IsCompressed = false };
            if (thrift.Type is not (> ThriftStruct.Byte and <= ThriftStruct.Int64))
            {
                thrift.Skip(thrift.Type);
                continue;
            }

            long value = thrift.Integer();
            if (thrift.Field == 1)
                page = page with { Values = value };
            else if (thrift.Field == (isVersion2 ? 4 : 2))
                page = page with { Encoding = value };
            else if (isVersion2 && thrift.Field is 5 or 6)
                page = page with { Levels = value < 0 ? -1 : page.Levels + value };
        }

        thrift.Leave(outer);
        return page;
    }

    /// <summary>A Snappy block begins with the length that it unpacks to.</summary>
    private void Snappy(long position, long length, long expected)
    {
        Span<byte> bytes = stackalloc byte[(int)Math.Min(5, length)];
        _stream.Position = position;
        _stream.ReadExactly(bytes);
        long unpacked = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            unpacked |= (long)(bytes[i] & 127) << (7 * i);
            if (bytes[i] < 128)
                break;
        }

        if (unpacked > Math.Max(0, expected))
            throw new InvalidDataException($"a page claims to unpack to {expected} bytes, and its compressed block to {unpacked}");
    }

    /// <summary>What a column chunk claims.</summary>
    private sealed class Column
    {
        public const long Snappy = 1;

        public long Codec { get; set; }

        public long Values { get; set; }

        public long Length { get; set; }

        public long DataStart { get; set; }

        public long? DictionaryStart { get; set; }

        public long Start => DictionaryStart is { } dictionary and > 0 ? Math.Min(dictionary, DataStart) : DataStart;

        /// <summary>
        /// The most that a page can unpack to. Snappy makes 64 bytes of 3 and gzip 1032 of one; the others have no such bound, and writers end a page at a megabyte or few.
        /// </summary>
        public long MostUnpacked(long compressed) => Codec switch
        {
            0 => compressed,
            Snappy => 22 * compressed,
            _ => Math.Max(1032 * compressed, 1 << 26),
        };
    }

    /// <summary>What a page's header claims.</summary>
    public readonly record struct Page(long Type, long Uncompressed, long Compressed, long Values, long Levels, bool IsCompressed, long Encoding)
    {
        public Page()
            : this(0, 0, 0, 0, 0, true, 0)
        {
        }

        /// <summary>Whether its values are numbers of those in the dictionary page: PLAIN_DICTIONARY or RLE_DICTIONARY.</summary>
        public bool UsesDictionary => Encoding is 2 or 8;
    }
}
