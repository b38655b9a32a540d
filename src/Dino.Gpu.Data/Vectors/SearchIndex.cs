using System.Diagnostics;
using System.Runtime.CompilerServices;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Devices;
using Dino.Gpu.Search;

namespace Dino.Gpu.Data.Vectors;

/// <summary>
/// What <c>dino search</c> searches: an index that stays in its file, or a table. Few queries read the vectors where
/// they lie. For many queries, vectors that are in memory anyway are packed for a device first. Results are the same.
/// </summary>
internal sealed class SearchIndex : IDisposable
{
    /// <summary>Queries that are answered sooner by reading all vectors than by packing them.</summary>
    private const int FewQueries = 16;

    /// <summary>Queries that are searched together, and between two checks for cancellation on a device.</summary>
    private const int QueriesAtOnce = 1024;

    private readonly VectorIndex _vectors;
    private readonly string _path;
    private readonly int _archiveColumn;
    private EmbeddingTable? _table; // null for vectors that stay in their file
    private NearestNeighbors? _onDevice;

    private SearchIndex(string path, VectorIndex vectors, EmbeddingTable? table)
    {
        _path = path;
        _vectors = vectors;
        _table = table;
        _archiveColumn = EmbeddingTable.ArchiveColumn(vectors.Schema.Columns);
        Failures = table?.Failures.Count ?? 0;
    }

    /// <summary>Values of a vector.</summary>
    public int Dimension => _vectors.Dimension;

    /// <summary>Vectors.</summary>
    public int Count => _vectors.Count;

    /// <summary>What made the vectors; null if that is not known.</summary>
    public Provenance? Model => _vectors.Model;

    /// <summary>Rows without an embedding.</summary>
    public int Failures { get; }

    /// <summary>The device that searches.</summary>
    public string Device => _onDevice?.Device.Id ?? "cpu";

    /// <summary>The time that packing and searching took so far.</summary>
    public TimeSpan Spent { get; private set; }

    /// <summary>Opens an argument of embeddings; null for images.</summary>
    /// <exception cref="DinoException">It cannot be read, or has no embedding.</exception>
    public static SearchIndex? Open(string path, CancellationToken cancellation)
    {
        if (!EmbeddingTable.IsEmbeddings(path))
            return null;
        if (!FormatCatalog.IsIndex(path))
            return Of(path, EmbeddingTable.Load(path, cancellation));
        var vectors = VectorIndex.Open(path, cancellation);
        if (vectors.Count > 0)
            return new SearchIndex(path, vectors, null);
        vectors.Dispose();
        throw EmbeddingTable.NoEmbeddings(path, 0);
    }

    /// <summary>A table to search.</summary>
    /// <param name="path">What it is called.</param>
    /// <param name="table">The vectors.</param>
    public static SearchIndex Of(string path, EmbeddingTable table) => new(path, VectorIndex.Of(table), table);

    /// <summary>Chooses what searches, and packs the vectors if it is a device.</summary>
    /// <param name="options">Device and threads.</param>
    /// <param name="queries">How many queries there will be.</param>
    /// <param name="cancellation">Ends the reading of vectors that a device needs.</param>
    /// <exception cref="DinoException">The device cannot be used.</exception>
    public void Prepare(NearestNeighborsOptions options, int queries, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        _vectors.Threads = options.Threads;
        if (NeedsDevice(options, queries))
            Pack(options, cancellation);
        Spent += Stopwatch.GetElapsedTime(start);
    }

    /// <summary>The results of all queries, in their order.</summary>
    /// <param name="queries">The queries.</param>
    /// <param name="k">The most results of each.</param>
    /// <param name="threshold">The smallest cosine of a result; null for any.</param>
    /// <param name="excludesSelf">Whether to leave out a query's own rows.</param>
    /// <param name="cancellation">Ends the search.</param>
    /// <exception cref="DinoException">The index cannot be read.</exception>
    public IEnumerable<SearchResult> Results(
        EmbeddingTable queries, int k, double? threshold, bool excludesSelf, CancellationToken cancellation)
    {
        QueryRows? self = excludesSelf ? new QueryRows(this) : null;
        int neighbors = (int)Math.Min((long)k + (self?.Most ?? 0), Count);
        for (int first = 0; first < queries.Count; first += QueriesAtOnce)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = Math.Min(QueriesAtOnce, queries.Count - first);
            long start = Stopwatch.GetTimestamp();
            Neighbors found = Search(queries.Values.Span.Slice(first * Dimension, count * Dimension), neighbors, cancellation);
            Spent += Stopwatch.GetElapsedTime(start);
            for (int i = 0; i < count; i++)
                yield return SearchResult.Of(queries.Rows[first + i], found.Indices(i), found.Scores(i), this, self, k, threshold);
        }
    }

    /// <summary>A row that was found.</summary>
    public RowInfo Row(int number) =>
        _table is { } table ? table.Rows[number] : EmbeddingTable.WithArchive(_vectors.Row(number), _archiveColumn);

    /// <summary>All rows with the numbers that searches give them.</summary>
    public IEnumerable<(int Number, RowInfo Row)> Rows() =>
        _table is { } table
            ? table.Rows.Select((row, number) => (number, row))
            : _vectors.Rows().Select(row => (row.Number, EmbeddingTable.WithArchive(row.Row, _archiveColumn)));

    public void Dispose()
    {
        _onDevice?.Dispose();
        _vectors.Dispose();
    }

    private Neighbors Search(ReadOnlySpan<float> queries, int k, CancellationToken cancellation) =>
        _onDevice?.Search(queries, k) ?? _vectors.Find(queries, k, cancellation);

    /// <summary>A GPU that was asked for is used; else the vectors are packed only where that pays.</summary>
    private bool NeedsDevice(NearestNeighborsOptions options, int queries) => options.Device switch
    {
        "auto" or "cpu" when !RuntimeFeature.IsDynamicCodeSupported => false, // the vectors are searched without a device
        "auto" => queries > FewQueries,
        "cpu" => queries > FewQueries && _table is not null,
        _ => true,
    };

    private void Pack(NearestNeighborsOptions options, CancellationToken cancellation)
    {
        var device = DinoDevice.Open(options.Device, options.Threads, algorithms: true, options.Warning);
        try
        {
            if (_table is null && device.Family == KernelFamily.Simd)
            {
                device.Dispose(); // the file is searched as fast without it
                return;
            }

            _table ??= EmbeddingTable.Load(_path, cancellation);
            _onDevice = NearestNeighbors.Create(device, ownsDevice: true, _table.Values, _table.Dimension, options);
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }
}
