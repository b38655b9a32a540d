using ParquetSharp;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// Holds what the pages of a Parquet file claim against its length. The library takes the memory that a page claims
/// before it reads the page, and a page may claim anything.
/// </summary>
/// <param name="stream">The file; its position moves.</param>
internal sealed class ParquetClaims(Stream stream)
{
    // The library's buffer and reader of a column, and ours.
    private const int ColumnBytes = 24 << 10;

    // A pointer and an offset for each value of a dictionary.
    private const int DictionaryValueBytes = 24;

    /// <summary>How many times the budget of memory all pages and all texts may be, one after the other.</summary>
    private const int MostUnpacked = 16;

    private readonly ParquetFooter _footer = new(stream);
    private readonly MemoryBudget _memory = new(stream.Length); // of what is open
    private long _unpacked;
    private long _cells; // flat values, one byte each: they take time
    private long _listed; // values in lists, which become numbers of four bytes
    private long _text; // bytes of texts, which a dictionary can repeat without end

    /// <summary>Takes what reading a column takes, until it is given back.</summary>
    /// <returns>Bytes.</returns>
    /// <exception cref="InvalidDataException">It is more than the budget, or the column is damaged.</exception>
    public long Take(int group, ParquetLeaf leaf, long rows)
    {
        ParquetChunk chunk = _footer.Chunk(group, leaf.Index);
        bool isText = leaf.Physical is PhysicalType.ByteArray or PhysicalType.FixedLenByteArray;
        long largest = 0, dictionary = 0, values = 0;
        for (long at = chunk.Start; values < chunk.Values;)
        {
            if (at >= chunk.Start + chunk.Length)
                throw new InvalidDataException($"the column '{leaf.Name}' has fewer pages than it claims");
            ParquetPage page = ParquetPage.Read(stream, at);
            at = page.Data + page.Packed;
            _unpacked += page.Unpacked;
            if (_unpacked > MostUnpacked * _memory.Most)
                throw new InvalidDataException($"its pages unpack to more than {MostUnpacked * _memory.Most >> 20} MiB");
            // A text is there in the page and as characters of two bytes; one of a dictionary once more.
            largest = Math.Max(largest, page.Packed + (isText ? 3L : 1L) * page.Unpacked);
            if (page.Type == ParquetPage.Kinds.Dictionary)
                dictionary = Math.Max(dictionary, (isText ? 3L : 1L) * page.Unpacked + DictionaryValueBytes * (long)page.Values);
            else
                values += page.Values;
            if (ParquetDelta.IsTexts(page, isText))
                dictionary = Math.Max(dictionary, ParquetDelta.Measure(stream, chunk, page, leaf, _memory));
        }

        if (leaf.ListLevels > 0)
            _memory.Require(sizeof(float) * (_listed += values));
        else
            _memory.Require(_cells += rows);
        long bytes = ColumnBytes + largest + dictionary;
        _memory.Take(bytes);
        return bytes;
    }

    /// <summary>Counts a text that is read.</summary>
    /// <param name="length">Its bytes.</param>
    /// <exception cref="InvalidDataException">All texts together take absurdly long.</exception>
    public void TakeText(int length)
    {
        _text += length;
        if (_text > MostUnpacked * _memory.Most)
            throw new InvalidDataException($"its texts have more than {MostUnpacked * _memory.Most >> 20} MiB");
    }

    /// <summary>Gives back what a column took that is closed.</summary>
    public void Give(long bytes) => _memory.Give(bytes);
}
