using Dino.Gpu.Search;

namespace Dino.Gpu.Data.Vectors;

/// <summary>
/// Finds groups of pictures that show the same. Where a table has every picture in its eight orientations, two pictures
/// are as similar as the most similar pair of theirs.
/// </summary>
/// <param name="table">The vectors.</param>
/// <param name="options">Device and threads.</param>
internal sealed class DuplicateSearch(EmbeddingTable table, NearestNeighborsOptions options)
{
    private readonly int _turns = table.Turned.IsEmpty ? 1 : TurnedSink.Turns;

    /// <summary>All vectors: of a picture one, or those of its orientations.</summary>
    private ReadOnlyMemory<float> Values => table.Turned.IsEmpty ? table.Values : table.Turned;

    /// <summary>Finds the groups that have something to delete.</summary>
    /// <param name="threshold">The smallest cosine of duplicates.</param>
    /// <param name="repeats">For each row, whether an earlier one is the same picture; such rows are left out.</param>
    /// <param name="references">Folders whose pictures are always kept.</param>
    /// <param name="cancellation">Ends the search.</param>
    /// <exception cref="DinoException">The device cannot be used.</exception>
    public List<DuplicateGroup> Find(double threshold, bool[] repeats, ReferenceFolders references, CancellationToken cancellation)
    {
        bool[] kept = [.. table.Rows.Select(references.Contains)];
        using NearestNeighbors search = NearestNeighbors.Create(Values, table.Dimension, options);
        var groups = new List<DuplicateGroup>();
        foreach (int[] all in OfPictures(search.Groups(threshold, cancellation)))
        {
            int[] rows = [.. all.Where(row => !repeats[row])];
            if (rows.Length > 1 && rows.Any(row => !kept[row]))
                groups.Add(DuplicateGroup.Of(groups.Count + 1, rows, kept, table, Cosine));
        }

        return groups;
    }

    /// <summary>Groups of vectors to groups of pictures: those that share a picture are one.</summary>
    private IEnumerable<int[]> OfPictures(IReadOnlyList<int[]> groups)
    {
        if (_turns == 1)
            return groups;
        int[] first = [.. Enumerable.Range(0, table.Count)]; // of a picture's group, or one that leads there
        foreach (int[] group in groups)
        {
            foreach (int vector in group)
                first[Math.Max(Root(vector / _turns), Root(group[0] / _turns))] = Math.Min(Root(vector / _turns), Root(group[0] / _turns));
        }

        return Enumerable.Range(0, table.Count).GroupBy(Root).Select(pictures => pictures.ToArray()).Where(group => group.Length > 1);

        int Root(int picture)
        {
            while (first[picture] != picture)
                picture = first[picture] = first[first[picture]];
            return picture;
        }
    }

    private double Cosine(int one, int other)
    {
        double best = -1;
        for (int i = 0; i < _turns; i++)
        {
            for (int k = 0; k < _turns; k++)
                best = Math.Max(best, NearestNeighbors.Cosine(Vector(one * _turns + i), Vector(other * _turns + k)));
        }

        return best;
    }

    private ReadOnlySpan<float> Vector(int index) => Values.Span.Slice(index * table.Dimension, table.Dimension);
}
