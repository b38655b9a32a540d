using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Search;

namespace Dino.Gpu.Data.Vectors;

/// <content>The rows behind the public members.</content>
public sealed partial class VectorIndex
{
    /// <summary>Does the same as the public overload, with all that is known about the vector.</summary>
    internal int Add(RowInfo row, ReadOnlySpan<float> vector)
    {
        if (vector.Length != Dimension)
            throw new ArgumentException($"A vector of {vector.Length} values, expected {Dimension}.", nameof(vector));
        RequireFinite(vector, "A vector", nameof(vector));
        ReadOnlySpan<float> stored = new ValueEncoder(_schema).Rounded(row, vector);
        lock (_writing)
        {
            OpenSession();
            IndexSnapshot now = _snapshot;
            if (now.RowCount == int.MaxValue)
                throw new DinoException($"an index holds at most {int.MaxValue} vectors");
            _ids?.Add(now.RowCount, row.Path);
            row = row with { Row = now.RowCount }; // other threads may have added rows since the caller counted
            _snapshot = now with { Tail = now.Tail.With(row, stored) };
            if (_snapshot.Tail.Count >= IndexAppender.RowsOf(Dimension))
                WriteTail();
            return now.RowCount;
        }
    }

    /// <summary>What messages call the index.</summary>
    internal string Name => _path ?? "the index";

    /// <summary>The rows now; searches of them need no lock.</summary>
    /// <exception cref="ObjectDisposedException">The index was disposed.</exception>
    internal IndexSnapshot Now
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _snapshot;
        }
    }

    /// <summary>The nearest rows of each query.</summary>
    internal Neighbors Find(ReadOnlySpan<float> queries, int k, CancellationToken cancellation) =>
        Find(_snapshot, queries, k, cancellation);

    /// <summary>What is known about a row.</summary>
    internal RowInfo Row(int row)
    {
        IndexSnapshot now = _snapshot;
        return Reading(() => now.Row(row));
    }

    /// <summary>What is known about all rows that were not removed, by their numbers.</summary>
    internal IEnumerable<(int Number, RowInfo Row)> Rows() => _snapshot.Rows([]);

    /// <summary>An index of a table. Its vectors are not copied.</summary>
    internal static VectorIndex Of(EmbeddingTable table)
    {
        bool hasDigests = table.Rows.Any(row => row.Sha256 is not null);
        RowSchema schema = new RowSchema([table.Dimension], FloatType.Float32, hasDigests, table.Columns) { Provenance = table.Model };
        return new VectorIndex(schema, null, IndexSnapshot.Of([new TableRows(table)], RowSet.Empty, table.Dimension));
    }

    private static IndexSnapshot SnapshotOf(IndexContents contents) =>
        IndexSnapshot.Of(contents.Rows, contents.Removed, contents.Header.Dimension);

    /// <summary>What was found for a query, with the ids.</summary>
    internal static VectorHit[] Hits(IndexSnapshot index, Neighbors found, int query)
    {
        ReadOnlySpan<int> rows = found.Indices(query);
        ReadOnlySpan<double> scores = found.Scores(query);
        var hits = new VectorHit[rows.Length];
        for (int i = 0; i < hits.Length; i++)
            hits[i] = new VectorHit(index.Row(rows[i]).Path, scores[i], rows[i]);
        return hits;
    }

    /// <exception cref="ArgumentException">A value is not finite.</exception>
    internal static void RequireFinite(ReadOnlySpan<float> values, string what, string parameter)
    {
        foreach (float value in values)
        {
            if (!float.IsFinite(value))
                throw new ArgumentException($"{what} has a value that is not finite.", parameter);
        }
    }

    /// <summary>The nearest rows of each query at one moment.</summary>
    internal Neighbors Find(IndexSnapshot now, ReadOnlySpan<float> queries, int k, CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(k);
        if (queries.Length % Dimension != 0)
            throw new ArgumentException($"{queries.Length} values are not whole vectors of {Dimension}.", nameof(queries));
        RequireFinite(queries, "A query", nameof(queries));
        k = Math.Min(k, now.Count);
        if ((long)queries.Length / Dimension * k > Array.MaxLength)
        {
            throw new ArgumentException(
                $"{queries.Length / Dimension} queries with {k} neighbors each are more than an array holds ({Array.MaxLength}); "
                    + "search in parts.",
                nameof(queries));
        }

        try
        {
            return now.Scan(Dimension).Search(queries, k, Threads, cancellation);
        }
        catch (Exception failure) when (failure is IOException or InvalidDataException)
        {
            throw EmbeddingFile.Broken(Name, failure);
        }
    }

    /// <summary>The ids of all rows, which are read once.</summary>
    private IndexIds Ids(IndexSnapshot now)
    {
        if (_ids is not null)
            return _ids;
        var ids = new IndexIds();
        foreach ((int number, RowInfo row) in now.Rows([]))
            ids.Add(number, row.Path);
        return _ids = ids;
    }

    /// <summary>Takes the file for writing, unless it is taken already or there is none.</summary>
    private void OpenSession()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_path is not null)
            _session ??= IndexSession.Open(_path, _file!, _contents!);
    }

    private void CloseSession()
    {
        _session?.Dispose();
        _session = null;
    }

    /// <summary>Makes a segment of the rows that are in memory only. It does not count before it is saved.</summary>
    private void WriteTail()
    {
        IndexSnapshot now = _snapshot;
        if (now.Tail.Count == 0)
            return;
        IndexRows rows = _session is null
            ? now.Tail
            : new SegmentRows(_file!, _session.Append(now.Tail), _contents!.Header);
        _snapshot = now.WithTailAs(rows, Dimension);
    }

    private void Write(IndexSnapshot now, EmbeddingFormat format, string path)
    {
        using IEmbeddingWriter writer = FormatCatalog.Create(format, path, _schema);
        float[] values = new float[Dimension];
        using IEnumerator<(int Number, RowInfo Row)> rows = now.Rows(values).GetEnumerator();
        while (Reading(rows.MoveNext))
            writer.Write(rows.Current.Row, values);
        writer.Complete();
    }

    /// <summary>Reads of the file; whatever is wrong with it becomes a message that names it.</summary>
    internal T Reading<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception failure) when (failure is IOException or InvalidDataException)
        {
            throw EmbeddingFile.Broken(Name, failure);
        }
    }
}
