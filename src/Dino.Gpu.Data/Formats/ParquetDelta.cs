namespace Dino.Gpu.Data.Formats;

/// <summary>
/// Looks into pages of texts whose lengths are stored apart, as DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY. A few
/// bytes of such a page can claim a billion lengths, and prefixes multiply texts; the library takes both at their word.
/// <see href="https://parquet.apache.org/docs/file-format/data-pages/encodings/"/>
/// </summary>
internal static class ParquetDelta
{
    private const int Lengths = 6;
    private const int PrefixesAndLengths = 7;
    private const int RunLengths = 3; // encoding of levels

    /// <summary>Whether the page holds texts in one of these encodings.</summary>
    public static bool IsTexts(ParquetPage page, bool isText) =>
        isText && page.Type is ParquetPage.Kinds.Values or ParquetPage.Kinds.ValuesWithLevels
        && page.Encoding is Lengths or PrefixesAndLengths;

    /// <summary>Bytes that the library takes for the lengths, and for the texts of a batch.</summary>
    /// <exception cref="InvalidDataException">The page is damaged, or takes more than the budget.</exception>
    public static long Measure(Stream stream, ParquetChunk chunk, ParquetPage page, ParquetLeaf leaf, MemoryBudget budget)
    {
        byte[] packed = new byte[page.Packed];
        stream.Position = page.Data;
        stream.ReadExactly(packed);
        ReadOnlySpan<byte> values = page.Type == ParquetPage.Kinds.Values
            ? WithoutLevels(ParquetUnpacker.Unpack(chunk.Codec, packed, page.Unpacked), page, leaf)
            : Values(chunk, page, packed);
        int count = page.Values;
        int at = 0;
        List<int> prefixes = page.Encoding == PrefixesAndLengths ? Numbers(values, ref at, count, budget) : [];
        List<int> lengths = Numbers(values, ref at, count, budget);
        if (page.Encoding == Lengths)
            return sizeof(int) * lengths.Count;
        if (prefixes.Count != lengths.Count)
            throw new InvalidDataException("a page has other numbers of prefixes and texts");
        long sum = 0;
        for (int i = 0; i < lengths.Count; i++)
            sum += prefixes[i] + (long)lengths[i];
        return 2L * sizeof(int) * lengths.Count + sum;
    }

    /// <summary>The values of a page whose levels are not packed.</summary>
    private static ReadOnlySpan<byte> Values(ParquetChunk chunk, ParquetPage page, byte[] packed)
    {
        if (page.LevelBytes < 0 || page.LevelBytes > Math.Min(page.Packed, page.Unpacked))
            throw new InvalidDataException("a page has levels beyond its end");
        int levels = (int)page.LevelBytes;
        if (page.IsPacked)
            return ParquetUnpacker.Unpack(chunk.Codec, packed[levels..], page.Unpacked - levels);
        // Early versions of the library wrote pages that are packed and do not say so, and it still reads them.
        if (chunk.Codec != 0 && chunk.Writer.StartsWith("parquet-cpp", StringComparison.OrdinalIgnoreCase))
            throw new InvalidDataException("a page may be compressed or not");
        return packed.AsSpan(levels);
    }

    /// <summary>Goes past the levels, each with its length before it.</summary>
    private static ReadOnlySpan<byte> WithoutLevels(ReadOnlySpan<byte> values, ParquetPage page, ParquetLeaf leaf)
    {
        foreach (int encoding in Levels(page, leaf))
        {
            if (encoding != RunLengths)
                throw new InvalidDataException("a page has levels that are not stored as runs");
            int length = values.Length < sizeof(int) ? -1 : BitConverter.ToInt32(values);
            if (length < 0 || length > values.Length - sizeof(int))
                throw new InvalidDataException("a page has levels beyond its end");
            values = values[(sizeof(int) + length)..];
        }

        return values;
    }

    private static IEnumerable<int> Levels(ParquetPage page, ParquetLeaf leaf)
    {
        if (leaf.ListLevels > 0)
            yield return page.LevelEncodings.Repetition;
        if (leaf.ValueLevel > 0)
            yield return page.LevelEncodings.Definition;
    }

    /// <summary>Decodes numbers that are stored as differences (DELTA_BINARY_PACKED).</summary>
    /// <param name="page">The values of a page.</param>
    /// <param name="at">Where the numbers begin; becomes where they end.</param>
    /// <param name="most">Most numbers.</param>
    /// <param name="budget">Equal numbers take no room in the page, but here.</param>
    private static List<int> Numbers(ReadOnlySpan<byte> page, ref int at, int most, MemoryBudget budget)
    {
        uint blockLength = (uint)Unsigned(page, ref at);
        uint parts = (uint)Unsigned(page, ref at);
        uint total = (uint)Unsigned(page, ref at);
        int value = Signed(page, ref at);
        if (blockLength == 0 || parts == 0 || blockLength % parts != 0 || blockLength / parts % 32 != 0)
            throw new InvalidDataException("a page has blocks of no length");
        if (total > most)
            throw new InvalidDataException($"a page of {most} values claims {total} lengths");
        budget.Require(4L * sizeof(int) * total);
        uint partLength = blockLength / parts;
        var numbers = new List<int>();
        if (total > 0)
            Add(numbers, value);
        while (numbers.Count < total)
        {
            int smallest = Signed(page, ref at);
            ReadOnlySpan<byte> widths = Take(page, ref at, parts);
            for (int part = 0; part < parts && numbers.Count < total; part++)
            {
                int width = widths[part];
                if (width > 32)
                    throw new InvalidDataException("a page has numbers of more than 32 bits");
                long bytes = (long)partLength / 8 * width;
                ReadOnlySpan<byte> bits = Take(page, ref at, bytes);
                for (long i = 0; i < partLength && numbers.Count < total; i++)
                    Add(numbers, value = unchecked(value + smallest + Bits(bits, i * width, width)));
            }
        }

        return numbers;
    }

    private static void Add(List<int> numbers, int value) =>
        numbers.Add(value >= 0 ? value : throw new InvalidDataException("a page has a text of negative length"));

    private static int Bits(ReadOnlySpan<byte> bytes, long start, int width)
    {
        ulong bits = 0;
        int first = (int)(start / 8);
        int shift = (int)(start % 8);
        for (int i = 0; 8 * i < width + shift; i++)
            bits |= (ulong)bytes[first + i] << (8 * i);
        return unchecked((int)(bits >> shift & ((1UL << width) - 1)));
    }

    private static ReadOnlySpan<byte> Take(ReadOnlySpan<byte> page, ref int at, long count)
    {
        if (count > page.Length - at)
            throw new InvalidDataException("a page ends too early");
        ReadOnlySpan<byte> part = page.Slice(at, (int)count);
        at += (int)count;
        return part;
    }

    private static ulong Unsigned(ReadOnlySpan<byte> page, ref int at)
    {
        ulong value = 0;
        for (int shift = 0; shift < 35; shift += 7)
        {
            byte bits = Take(page, ref at, 1)[0];
            value |= (ulong)(bits & 127) << shift;
            if (bits < 128)
                return value <= uint.MaxValue ? value : throw new InvalidDataException("a page has numbers of more than 32 bits");
        }

        throw new InvalidDataException("a page has a number without an end");
    }

    private static int Signed(ReadOnlySpan<byte> page, ref int at)
    {
        uint bits = (uint)Unsigned(page, ref at);
        return (int)(bits >> 1) ^ -(int)(bits & 1);
    }
}
