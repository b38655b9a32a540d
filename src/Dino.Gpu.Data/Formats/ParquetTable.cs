using Dino.Gpu.Data.Rows;
using ParquetSharp;
using ParquetSharp.IO;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// A Parquet file that is open for reading: its columns, and its row groups one after the other. One page of each
/// column is in memory at a time.
/// </summary>
internal sealed class ParquetTable : IDisposable
{
    private readonly Stream _file;
    private readonly ParquetStream _stream;
    private readonly ManagedRandomAccessFile _native;
    private readonly ParquetFileReader _reader;
    private readonly ParquetClaims _claims;

    /// <param name="file">The file, disposed with the table.</param>
    /// <exception cref="InvalidDataException">It is no Parquet file, or damaged.</exception>
    /// <exception cref="DinoException">The native library does not load on this machine.</exception>
    public ParquetTable(Stream file)
    {
        _file = file;
        _stream = new ParquetStream(file);
        ManagedRandomAccessFile? native = null;
        ParquetFileReader? reader = null;
        try
        {
            _claims = new ParquetClaims(file); // before the library believes them
            (native, reader, Leaves, Metadata) = _stream.Call(() =>
            {
                native = new ManagedRandomAccessFile(_stream, leaveOpen: true);
                using ReaderProperties properties = ReaderProperties.GetDefaultReaderProperties();
                properties.EnableBufferedStream(); // a page of a column at a time, not all of it
                properties.EnablePageChecksumVerification();
                reader = new ParquetFileReader(native, properties);
                FileMetaData metadata = reader.FileMetaData;
                IEnumerable<int> columns = Enumerable.Range(0, metadata.NumColumns);
                ParquetLeaf[] leaves = [.. columns.Select(i => ParquetLeaf.Of(metadata.Schema.Column(i), i))];
                return (native, reader, leaves, metadata.KeyValueMetadata);
            });
            _native = native;
            _reader = reader;
            GroupCount = _stream.Call(() => _reader.FileMetaData.NumRowGroups);
        }
        catch
        {
            reader?.Dispose();
            native?.Dispose();
            file.Dispose();
            throw;
        }
    }

    /// <summary>All columns of values.</summary>
    public IReadOnlyList<ParquetLeaf> Leaves { get; }

    /// <summary>Texts that the writer left beside the data.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Number of row groups.</summary>
    public int GroupCount { get; }

    /// <summary>Bytes of the file.</summary>
    public long Length => _stream.Length;

    /// <summary>Opens a row group; the caller disposes it.</summary>
    /// <exception cref="InvalidDataException">It is damaged, or claims what the file cannot hold.</exception>
    public ParquetGroup OpenGroup(int index)
    {
        RowGroupReader group = _stream.Call(() => _reader.RowGroup(index));
        long rows = _stream.Call(() => group.MetaData.NumRows);
        if (rows is >= 0 and <= int.MaxValue)
            return new ParquetGroup(_stream, group, index, rows, _claims);
        group.Dispose();
        throw new InvalidDataException($"a row group claims {rows} rows (the file has {Length} bytes)");
    }

    /// <summary>
    /// The column as a carried one. Unsigned 64-bit integers and decimals become integers or numbers if no value loses
    /// a digit, else text. To find out, this reads the column.
    /// </summary>
    /// <returns>Null if it cannot be carried.</returns>
    public CarriedColumn? Carried(ParquetLeaf leaf)
    {
        if (leaf.Type is not { } type)
            return null;
        return new CarriedColumn(leaf.Name, leaf.MayLoseDigits && LosesDigits(leaf, type) ? ColumnType.Text : type);
    }

    public void Dispose()
    {
        _reader.Dispose();
        _native.Dispose();
        _file.Dispose();
    }

    private bool LosesDigits(ParquetLeaf leaf, ColumnType type)
    {
        for (int index = 0; index < GroupCount; index++)
        {
            using ParquetGroup group = OpenGroup(index);
            ParquetCells cells = group.Cells(leaf, type);
            for (long row = 0; row < group.Rows; row++)
            {
                if (cells.Next() is string)
                    return true;
            }
        }

        return false;
    }
}
