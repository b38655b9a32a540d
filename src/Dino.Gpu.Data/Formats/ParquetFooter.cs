using System.Buffers.Binary;
using System.Text;
using Kind = Dino.Gpu.Data.Formats.ThriftInput.Kind;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// Reads where the columns of a Parquet file lie, and holds what its footer claims against its length. The library
/// makes lists as long as they claim to be before it reads them, and calls itself for each level of the schema.
/// </summary>
internal sealed class ParquetFooter
{
    private const int Tail = 8; // length of the footer, PAR1
    private const int Deepest = 64;

    // What the library and this project keep of an element, at most, without its texts.
    private const int SchemaBytes = 1500;
    private const int GroupBytes = 300;
    private const int ChunkBytes = 1000;
    private const int ElementBytes = 100;

    /// <summary>
    /// Rows that the groups may claim in a file of any size, because runs of equal or missing values take no room.
    /// Arrow writes a million in a group by default.
    /// </summary>
    private const long FreeRows = 1 << 20;

    /// <summary>Further rows that the groups may claim for each byte of the file.</summary>
    private const long RowsPerByte = 64;

    /// <summary>Columns lie beside each other. Only a hostile file lets many of them share their bytes.</summary>
    private const int MostSharing = 4;

    private readonly List<List<ParquetChunk>> _groups = [];
    private readonly MemoryBudget _budget;
    private readonly long _fileLength;
    private readonly ThriftInput _input;
    private string _writer = "";
    private long _rows;
    private long _chunkBytes;

    /// <param name="stream">The file; its position moves.</param>
    /// <exception cref="InvalidDataException">The footer is damaged, or claims what the file cannot hold.</exception>
    public ParquetFooter(Stream stream)
    {
        _fileLength = stream.Length;
        _budget = new MemoryBudget(_fileLength);
        byte[] tail = new byte[Tail];
        stream.Position = Math.Max(0, _fileLength - Tail);
        stream.ReadAtLeast(tail, Tail, throwOnEndOfStream: false);
        long end = _fileLength - Tail;
        long start = end - BinaryPrimitives.ReadUInt32LittleEndian(tail);
        _input = new ThriftInput(stream, start, end);
        if (tail.AsSpan(4).SequenceEqual("PAR1"u8) && start >= 0) // the library refuses what is no Parquet file, or encrypted
            Read();
    }

    /// <summary>Where the values of a column lie in a row group.</summary>
    /// <exception cref="InvalidDataException">The footer does not say it, or says a place that is none.</exception>
    public ParquetChunk Chunk(int group, int column)
    {
        if (group >= _groups.Count || column >= _groups[group].Count)
            throw new InvalidDataException("a row group lacks a column");
        ParquetChunk chunk = _groups[group][column];
        bool isInside = chunk.Start >= 0 && chunk.Length >= 0
            && chunk.Start <= _fileLength && chunk.Length <= _fileLength - chunk.Start;
        if (!isInside && chunk.Values > 0)
            throw new InvalidDataException($"a column lies beyond the file's end (the file has {_fileLength} bytes)");
        return chunk with { Writer = _writer };
    }

    private void Read()
    {
        int id = 0;
        while (_input.Field(ref id) is not Kind.Stop and var kind)
        {
            switch (id, kind)
            {
                case (2, Kind.List):
                    ReadSchema();
                    break;
                case (4, Kind.List):
                    for (int count = List(GroupBytes); count > 0; count--)
                        ReadGroup();
                    break;
                case (5 or 7, Kind.List): // texts, orders
                    SkipStructures();
                    break;
                case (6, Kind.Binary):
                    _writer = Encoding.UTF8.GetString(_input.Binary());
                    break;
                default:
                    _input.Skip(kind);
                    break;
            }
        }
    }

    private void ReadSchema()
    {
        var left = new Stack<int>(); // children to come, of each group around the element
        for (int count = List(SchemaBytes); count > 0; count--)
        {
            int children = 0;
            int id = 0;
            while (_input.Field(ref id) is not Kind.Stop and var kind)
            {
                if (id == 5 && kind == Kind.Int)
                    children = _input.Int();
                else
                    _input.Skip(kind);
            }

            while (left.TryPeek(out int siblings) && siblings == 0)
                left.Pop();
            if (left.TryPop(out int others))
                left.Push(others - 1);
            if (children > 0)
                left.Push(children);
            if (left.Count > Deepest)
                throw new InvalidDataException($"its schema has more than {Deepest} levels");
        }
    }

    private void ReadGroup()
    {
        var chunks = new List<ParquetChunk>();
        int id = 0;
        while (_input.Field(ref id) is not Kind.Stop and var kind)
        {
            switch (id, kind)
            {
                case (1, Kind.List):
                    for (int count = List(ChunkBytes); count > 0; count--)
                        chunks.Add(ReadChunk());
                    break;
                case (3, Kind.Long):
                    TakeRows(_input.Long());
                    break;
                case (4, Kind.List): // how it is sorted
                    SkipStructures();
                    break;
                default:
                    _input.Skip(kind);
                    break;
            }
        }

        _groups.Add(chunks);
    }

    private ParquetChunk ReadChunk()
    {
        ParquetChunk? chunk = null;
        int id = 0;
        while (_input.Field(ref id) is not Kind.Stop and var kind)
        {
            if (id == 3 && kind == Kind.Structure)
                chunk = ReadMetadata();
            else
                _input.Skip(kind);
        }

        return chunk ?? throw new InvalidDataException("a column has no description");
    }

    private ParquetChunk ReadMetadata()
    {
        long values = 0, length = 0, data = 0, dictionary = 0;
        int codec = 0;
        int id = 0;
        while (_input.Field(ref id) is not Kind.Stop and var kind)
        {
            switch (id, kind)
            {
                case (2, Kind.List): // encodings
                    SkipElements(Kind.Int);
                    break;
                case (3, Kind.List): // names
                    SkipElements(Kind.Binary);
                    break;
                case (4, Kind.Int):
                    codec = _input.Int();
                    break;
                case (5, Kind.Long):
                    values = _input.Long();
                    break;
                case (7, Kind.Long):
                    length = _input.Long();
                    break;
                case (8 or 13, Kind.List): // texts, encodings by page
                    SkipStructures();
                    break;
                case (9, Kind.Long):
                    data = _input.Long();
                    break;
                case (11, Kind.Long):
                    dictionary = _input.Long();
                    break;
                case (16 or 17, Kind.Structure): // sizes, places on the globe
                    SkipListsOf(id == 16 ? Kind.Long : Kind.Int);
                    break;
                default:
                    _input.Skip(kind);
                    break;
            }
        }

        _chunkBytes += Math.Clamp(length, 0, _fileLength);
        if (_chunkBytes > MostSharing * _fileLength)
            throw new InvalidDataException("many columns lie in the same bytes");
        return new ParquetChunk(dictionary > 0 && dictionary < data ? dictionary : data, length, values, codec);
    }

    private void TakeRows(long rows)
    {
        long most = FreeRows + RowsPerByte * _fileLength;
        if (rows < 0 || rows > most - _rows)
            throw new InvalidDataException($"a row group claims {rows} rows (the file has {_fileLength} bytes)");
        _rows += rows;
    }

    private int List(int bytes)
    {
        int count = _input.List(Kind.Structure);
        _budget.Take((long)bytes * count);
        return count;
    }

    private void SkipStructures()
    {
        for (int count = List(ElementBytes); count > 0; count--)
            _input.Skip(Kind.Structure);
    }

    private void SkipElements(Kind kind)
    {
        int count = _input.List(kind);
        _budget.Take((long)ElementBytes * count);
        for (; count > 0; count--)
            _input.Skip(kind);
    }

    /// <summary>Goes past a structure in which all lists are of one kind.</summary>
    private void SkipListsOf(Kind element)
    {
        int id = 0;
        while (_input.Field(ref id) is not Kind.Stop and var kind)
        {
            if (kind == Kind.List)
                SkipElements(element);
            else
                _input.Skip(kind);
        }
    }
}
