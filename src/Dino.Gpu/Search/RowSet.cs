namespace Dino.Gpu.Search;

/// <summary>A set of rows that never changes: adding makes another set, which shares most of its memory.</summary>
internal sealed class RowSet
{
    private const int PageBits = 16;
    private const int WordBits = 5;

    private readonly uint[]?[] _pages;

    private RowSet(uint[]?[] pages, int count)
    {
        _pages = pages;
        Count = count;
    }

    public static RowSet Empty { get; } = new([], 0);

    /// <summary>The number of rows in the set.</summary>
    public int Count { get; }

    public bool Contains(int row) =>
        row >> PageBits is var page && page < _pages.Length && _pages[page] is { } bits && (bits[Word(row)] & 1u << row) != 0;

    /// <summary>This set and some rows more. A row that is in the set already counts once.</summary>
    public RowSet With(ReadOnlySpan<int> rows)
    {
        var pages = (uint[]?[])_pages.Clone();
        var own = new HashSet<int>(); // pages that no other set shares
        int count = Count;
        foreach (int row in rows)
        {
            int page = row >> PageBits;
            if (page >= pages.Length)
                Array.Resize(ref pages, page + 1);
            if (own.Add(page))
                pages[page] = pages[page] is { } shared ? [.. shared] : new uint[1 << PageBits - WordBits];
            ref uint word = ref pages[page]![Word(row)];
            count += (word & 1u << row) == 0 ? 1 : 0;
            word |= 1u << row;
        }

        return new RowSet(pages, count);
    }

    private static int Word(int row) => (row & (1 << PageBits) - 1) >> WordBits;
}
