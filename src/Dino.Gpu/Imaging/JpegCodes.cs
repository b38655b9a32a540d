namespace Dino.Gpu.Imaging;

/// <summary>Codes of one Huffman table of a JPEG (T.81, annex C and F.2.2.3).</summary>
internal sealed class JpegCodes
{
    /// <summary>Bits that are looked up at once. Nearly all codes are as short.</summary>
    public const int LookupBits = 9;

    private readonly byte[] _values;
    private readonly int[] _offsets = new int[17]; // by length: from a code to the place of its value
    private readonly int[] _ends = new int[17]; // by length: the code behind the last, left-aligned in 16 bits

    /// <param name="counts">Number of codes of each length, 1 to 16.</param>
    /// <param name="values">Their values in the order of the codes.</param>
    /// <exception cref="DinoException">There are more codes than bits can tell apart.</exception>
    public JpegCodes(ReadOnlySpan<byte> counts, ReadOnlySpan<byte> values)
    {
        _values = values.ToArray();
        int code = 0;
        int place = 0;
        for (int length = 1; length <= 16; length++)
        {
            _offsets[length] = place - code;
            for (int i = 0; i < counts[length - 1]; i++, code++, place++)
            {
                if (length > LookupBits)
                    continue;
                int first = code << LookupBits - length;
                int last = first + (1 << LookupBits - length);
                if (last <= Lookup.Length)
                    Lookup.AsSpan(first..last).Fill((ushort)(length << 8 | values[place]));
            }

            if (code > 1 << length)
                throw ImageException.Damaged("damaged JPEG: a Huffman table has too many codes");
            _ends[length] = code << 16 - length;
            code <<= 1;
        }
    }

    /// <summary>By the next bits: length of the code and its value, 8 bits each; 0 where the code is longer.</summary>
    public ushort[] Lookup { get; } = new ushort[1 << LookupBits];

    /// <summary>A code longer than <see cref="LookupBits"/>.</summary>
    /// <param name="bits">The next 16 bits.</param>
    /// <returns>Length and value, as <see cref="Lookup"/> has them; 0 where there is no such code.</returns>
    public int Find(int bits)
    {
        for (int length = LookupBits + 1; length <= 16; length++)
        {
            if (bits < _ends[length])
                return length << 8 | _values[(bits >> 16 - length) + _offsets[length]];
        }

        return 0;
    }
}
