using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;
using Dino.Gpu.Search;
using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.Data.Vectors;

/// <summary>
/// Vectors with ids that are searched where they lie: in an index file, of which a search reads a window at a time, or
/// in memory. A search is exact: its result equals a sort by double-precision cosines of the stored values.
/// Thread-safe: any number of threads search while others add, remove and save; a search sees the index at one moment.
/// </summary>
/// <remarks>
/// An index file ends in <c>.dinoidx</c>. It grows at its end, and only what <see cref="Save()"/> has written counts:
/// if the process is killed, the file has what the last one left. One process writes at a time; others may read.
/// </remarks>
public sealed partial class VectorIndex : IDisposable
{
    private readonly Lock _writing = new();
    private readonly RowSchema _schema;
    private readonly string? _path; // null in memory
    private readonly List<int> _unsavedRemovals = [];
    private SafeFileHandle? _file; // for reading
    private IndexContents? _contents; // what is saved
    private IndexSession? _session; // open from the first change until it is saved
    private IndexIds? _ids; // made when they are first asked for
    private volatile IndexSnapshot _snapshot;
    private volatile bool _disposed;

    private VectorIndex(RowSchema schema, string? path, IndexSnapshot snapshot)
    {
        _schema = schema;
        _path = path;
        _snapshot = snapshot;
    }

    /// <summary>The number of values of a vector.</summary>
    public int Dimension => _schema.Shape[0];

    /// <summary>The type of the stored values.</summary>
    public FloatType Type => _schema.Type;

    /// <summary>What made the vectors; null if it is not known.</summary>
    public Provenance? Model => _schema.Provenance;

    /// <summary>The number of vectors, without removed ones.</summary>
    public int Count => _snapshot.Count;

    /// <summary>Threads of a search; null for one per core. The number never changes a result.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not positive.</exception>
    public int? Threads
    {
        get;
        set
        {
            if (value is { } threads)
                ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threads, nameof(value));
            field = value;
        }
    }

    /// <summary>Carried columns of the rows, and whether they have digests.</summary>
    internal RowSchema Schema => _schema;

    /// <summary>Creates an index in memory. <see cref="Save(string)"/> writes it into a file.</summary>
    /// <param name="dimension">Values of a vector.</param>
    /// <param name="type">Type of the stored values. Vectors are rounded to it; searches see what is stored.</param>
    /// <param name="model">What makes the vectors; null if it is not known.</param>
    /// <returns>The index; the caller disposes it.</returns>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="dimension"/> is not positive, or absurdly large.
    /// </exception>
    public static VectorIndex Create(int dimension, FloatType type = FloatType.Float32, Provenance? model = null)
    {
        Arguments.ThrowIfUndefined(type);
        if (!RowSchema.IsReadable([dimension]))
            throw new ArgumentOutOfRangeException(nameof(dimension), dimension, "Expected the number of values of a vector.");
        RowSchema schema = new RowSchema([dimension], type, false, []) { Provenance = model };
        return new VectorIndex(schema, null, IndexSnapshot.Of([], RowSet.Empty, dimension));
    }

    /// <summary>Creates an index file without vectors, and opens it.</summary>
    /// <param name="path">The file, which ends in <c>.dinoidx</c> and does not exist.</param>
    /// <param name="dimension">Values of a vector.</param>
    /// <param name="type">Type of the stored values. Vectors are rounded to it; searches see what is stored.</param>
    /// <param name="model">What makes the vectors; null if it is not known.</param>
    /// <returns>The index; the caller disposes it.</returns>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="dimension"/> is not positive, or absurdly large.
    /// </exception>
    /// <exception cref="DinoException">The file exists, cannot be written, or has another extension.</exception>
    public static VectorIndex CreateFile(string path, int dimension, FloatType type = FloatType.Float32, Provenance? model = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (!FormatCatalog.IsIndex(path))
            throw new DinoException($"cannot create {path}: expected a file that ends in {FormatCatalog.Index.Extensions[0]}");
        if (!RegularFile.IsMissing(path))
            throw new DinoException($"cannot create {path}: it exists", "open it, or delete it");
        using (VectorIndex empty = Create(dimension, type, model))
            empty.Save(path);
        return Open(path);
    }

    /// <summary>
    /// Opens an index file, of which only the headers are read; or reads another file of embeddings, such as
    /// <c>.npz</c>, into memory. Rows of that without an embedding are left out.
    /// </summary>
    /// <param name="path">A file that <c>dino index</c> or <c>dino embed</c> wrote, or the folder of a run.</param>
    /// <param name="cancellation">Ends the reading of a file that is not an index.</param>
    /// <returns>The index; the caller disposes it.</returns>
    /// <exception cref="DinoException">It cannot be read, or is damaged.</exception>
    /// <exception cref="OperationCanceledException">The reading was canceled.</exception>
    public static VectorIndex Open(string path, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (!FormatCatalog.IsIndex(path))
            return Of(EmbeddingTable.Load(path, cancellation));
        SafeFileHandle file = EmbeddingFile.OpenHandle(path);
        try
        {
            var contents = IndexContents.Read(file);
            return new VectorIndex(contents.Header.Schema, path, SnapshotOf(contents)) { _file = file, _contents = contents };
        }
        catch (Exception failure) when (failure is IOException or InvalidDataException)
        {
            file.Dispose();
            throw EmbeddingFile.Broken(path, failure);
        }
    }

    /// <summary>Adds a vector. It is found at once, and written by <see cref="Save()"/>.</summary>
    /// <param name="id">
    /// What it is called in results, such as a path: valid UTF-16 without NUL characters, which files do not keep.
    /// Several vectors may have the same id.
    /// </param>
    /// <param name="vector">(<see cref="Dimension"/>), of any length; copied.</param>
    /// <param name="model">What made the vector; null if it is not known or not to be checked.</param>
    /// <returns>
    /// The row: the number of vectors that were added before, removed ones among them. <see cref="Compact"/> counts
    /// anew.
    /// </returns>
    /// <exception cref="ArgumentException">
    /// Another number of values, one that is not finite, or an id that no file keeps.
    /// </exception>
    /// <exception cref="DinoException">
    /// Another model made the vector, a value does not fit float16, the file cannot be written, or another process
    /// writes to it.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The index was disposed.</exception>
    public int Add(string id, ReadOnlySpan<float> vector, Provenance? model = null)
    {
        CheckId(id);
        if (model is not null && !ReferenceEquals(model, Model) && Model?.DifferenceFrom(model) is { } difference)
        {
            throw new DinoException(
                $"{Name} and {id} were made differently ({difference}): their vectors cannot be compared",
                "embed both in the same way");
        }

        return Add(new RowInfo { Row = _snapshot.RowCount, Path = id }, vector);
    }

    /// <summary>
    /// Removes all vectors with an id. <see cref="Save()"/> makes it last; <see cref="Compact"/> frees the space.
    /// </summary>
    /// <returns>How many there were.</returns>
    /// <exception cref="DinoException">The file cannot be read or written, or another process writes to it.</exception>
    /// <exception cref="ObjectDisposedException">The index was disposed.</exception>
    public int Remove(string id)
    {
        ArgumentNullException.ThrowIfNull(id);
        lock (_writing)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            int[] rows = RowsOf(_snapshot, id);
            bool isFirst = _session is null;
            OpenSession(); // fails if another has written: what it added is not known here
            if (rows.Length == 0 && isFirst)
                CloseSession(); // nothing changes, and nobody would save: the file is left to others
            Leave(rows);
            return rows.Length;
        }
    }

    /// <summary>Finds the nearest vectors of a query.</summary>
    /// <param name="query">(<see cref="Dimension"/>), of any length.</param>
    /// <param name="k">Neighbors; more than <see cref="Count"/> returns all vectors.</param>
    /// <param name="cancellation">Ends the search.</param>
    /// <returns>The best first. Equal scores are in the order of their rows.</returns>
    /// <exception cref="ArgumentException">Another number of values, or one that is not finite.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="k"/> is not positive.</exception>
    /// <exception cref="DinoException">The file cannot be read, or is damaged.</exception>
    /// <exception cref="OperationCanceledException">The search was canceled.</exception>
    /// <exception cref="ObjectDisposedException">The index was disposed.</exception>
    public IReadOnlyList<VectorHit> Search(ReadOnlySpan<float> query, int k, CancellationToken cancellation = default)
    {
        if (query.Length != Dimension)
            throw new ArgumentException($"A query of {query.Length} values, expected {Dimension}.", nameof(query));
        RequireFinite(query, "A query", nameof(query));
        return SearchMany(query, k, cancellation)[0];
    }

    /// <summary>Finds the nearest vectors of many queries, which read the vectors together.</summary>
    /// <param name="queries">(queries, <see cref="Dimension"/>)</param>
    /// <param name="k">Neighbors of each query.</param>
    /// <param name="cancellation">Ends the search.</param>
    /// <returns>For each query what <see cref="Search"/> returns.</returns>
    /// <inheritdoc cref="Search" path="/exception"/>
    public IReadOnlyList<VectorHit[]> SearchMany(ReadOnlySpan<float> queries, int k, CancellationToken cancellation = default)
    {
        IndexSnapshot now = _snapshot;
        Neighbors found = Find(now, queries, k, cancellation);
        return Reading(() => Enumerable.Range(0, found.QueryCount).Select(query => Hits(now, found, query)).ToArray());
    }

    /// <summary>
    /// Writes what was added and removed since, and waits until it is on the disk. Until then the file has what it had.
    /// </summary>
    /// <exception cref="InvalidOperationException">The index is in memory: give it a file.</exception>
    /// <exception cref="DinoException">The file cannot be written, or another process writes to it.</exception>
    /// <exception cref="ObjectDisposedException">The index was disposed.</exception>
    public void Save()
    {
        if (_path is null)
            throw new InvalidOperationException("The index is in memory: save it into a file.");
        lock (_writing)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_session is null)
                return; // nothing changed
            WriteTail();
            IndexCommit commit = _session.Commit(_contents!.Commit, _snapshot.RowCount, [.. _unsavedRemovals]);
            _contents = _contents with { Commit = commit };
            _unsavedRemovals.Clear();
            CloseSession();
        }
    }

    /// <summary>
    /// Writes all vectors that were not removed into a file, which appears when it is complete. The index itself stays
    /// as it is.
    /// </summary>
    /// <param name="path">
    /// The file: <c>.dinoidx</c>, <c>.npz</c>, or another format of embeddings. <c>.npy</c> and <c>.safetensors</c>
    /// hold the vectors alone: their ids are lost.
    /// </param>
    /// <exception cref="DinoException">The file cannot be written, or the index cannot be read.</exception>
    /// <exception cref="ObjectDisposedException">The index was disposed.</exception>
    public void Save(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_path is not null && new RealPath().Of(path) == new RealPath().Of(_path))
            throw new DinoException($"cannot write {path}: it is the index itself", "call Save() or Compact()");
        EmbeddingFormat format = FormatCatalog.FromOutput(path)
            ?? throw new DinoException($"cannot write {path}: expected a file that ends in .dinoidx, {FormatCatalog.Extensions}");
        Write(_snapshot, format, path);
    }

    /// <summary>
    /// Writes the file anew, without the vectors that were removed, and puts it in the place of the old one. It saves,
    /// too. Rows are counted anew, and ids stay.
    /// </summary>
    /// <exception cref="InvalidOperationException">The index is in memory.</exception>
    /// <exception cref="DinoException">The file cannot be read or written, or another process writes to it.</exception>
    /// <exception cref="ObjectDisposedException">The index was disposed.</exception>
    public void Compact()
    {
        if (_path is null)
            throw new InvalidOperationException("The index is in memory: there is no file to compact.");
        lock (_writing)
        {
            OpenSession();
            Write(_snapshot, FormatCatalog.Index, _path);
            CloseSession(); // after the new file is in place: nobody else has written to the old one
            _unsavedRemovals.Clear();
            _ids = null;
            // Searches may still read the old file. Its handle is closed with the last of them, by the collector.
            _file = EmbeddingFile.OpenHandle(_path);
            _contents = Reading(() => IndexContents.Read(_file));
            _snapshot = SnapshotOf(_contents);
        }
    }

    /// <summary>Closes the file. What was not saved is lost.</summary>
    public void Dispose()
    {
        lock (_writing)
        {
            _disposed = true;
            CloseSession();
            _file?.Dispose();
        }
    }
}
