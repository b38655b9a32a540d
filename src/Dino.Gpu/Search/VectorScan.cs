using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Dino.Gpu.Kernels.Simd;
using Dino.Gpu.Pipeline;

namespace Dino.Gpu.Search;

/// <summary>
/// Exact nearest neighbors by cosine among vectors that lie in a file or in memory, on the CPU. Nothing is packed or
/// kept: every search reads all vectors, a window at a time that stays in the cache of a core. The result equals that
/// of <see cref="NearestNeighbors"/>. Thread-safe.
/// </summary>
/// <remarks>
/// Candidates are those whose float32 scores leave it open whether they are among the best; double precision decides,
/// see <see cref="ScanList"/>. Rows that float32 cannot score, because their values are tiny or huge, are all
/// candidates.
/// </remarks>
internal sealed unsafe class VectorScan
{
    /// <summary>Floats of a window: 256 KB.</summary>
    private const int WindowLength = 1 << 16;

    /// <summary>Queries that are multiplied with a window at a time. They stay in the first-level cache.</summary>
    private const int TileQueries = 16;

    /// <summary>The most queries that read the vectors together.</summary>
    private const int MostQueries = 1024;

    /// <summary>The most keys of all lists of a pass: 256 MB.</summary>
    private const long MostKeys = 1 << 25;

    /// <summary>Rows whose results one thread takes, in whole registers.</summary>
    private const int RowUnit = 16;

    private readonly IReadOnlyList<VectorBlock> _blocks;
    private readonly RowSet? _removed;
    private readonly int _dimension;
    private readonly int _windowRows;
    private readonly int[] _firstRows; // (blocks + 1), from the first row of all on
    private readonly int[] _firstWindows; // (blocks + 1)
    private readonly double _error;

    /// <param name="blocks">The vectors. Their rows are numbered through all blocks.</param>
    /// <param name="dimension">Values of a vector.</param>
    /// <param name="removed">Rows that are not searched; null for none.</param>
    /// <param name="firstRow">The number of the first row.</param>
    public VectorScan(IReadOnlyList<VectorBlock> blocks, int dimension, RowSet? removed = null, int firstRow = 0)
    {
        _blocks = blocks;
        _removed = removed;
        _dimension = dimension;
        int rows = WindowLength / dimension;
        _windowRows = rows < RowScores.TileRows ? Math.Max(1, rows) : rows / RowScores.TileRows * RowScores.TileRows;
        _firstRows = new int[blocks.Count + 1];
        _firstRows[0] = firstRow;
        _firstWindows = new int[blocks.Count + 1];
        for (int i = 0; i < blocks.Count; i++)
        {
            _firstRows[i + 1] = checked(_firstRows[i] + blocks[i].Count);
            _firstWindows[i + 1] = _firstWindows[i] + (blocks[i].Count + _windowRows - 1) / _windowRows;
        }

        // A score has the roundings of a device's, and those of the row's length: half as many, and three more.
        _error = 2 * ExactScore.DeviceError(dimension);
    }

    /// <summary>Finds the nearest vectors of each query.</summary>
    /// <param name="queries">(queries, dimension), finite.</param>
    /// <param name="k">Neighbors of each query, at most the vectors that are not removed.</param>
    /// <param name="threads">Threads; null for one per core. The number never changes a result.</param>
    /// <param name="cancellation">Checked between windows.</param>
    /// <param name="width">Register width; null for the widest.</param>
    /// <exception cref="InvalidDataException">A vector has a value that is not finite.</exception>
    /// <exception cref="IOException">Vectors cannot be read.</exception>
    /// <exception cref="OperationCanceledException">The search was canceled.</exception>
    public Neighbors Search(
        ReadOnlySpan<float> queries, int k, int? threads = null, CancellationToken cancellation = default, SimdWidth? width = null)
    {
        int count = queries.Length / _dimension;
        var result = new Neighbors(count, k, new int[checked(count * k)], new double[count * k]);
        if (k == 0)
            return result;
        int workers = Math.Clamp(threads ?? Environment.ProcessorCount, 1, Math.Max(1, _firstWindows[^1]));
        int batch = (int)Math.Clamp(MostKeys / (2L * k * workers), 1, MostQueries);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = workers, CancellationToken = cancellation };
        for (int first = 0; first < count; first += batch)
        {
            int length = Math.Min(batch, count - first);
            float[] copy = queries.Slice(first * _dimension, length * _dimension).ToArray();
            try
            {
                Search(copy, first, result, parallel, width ?? SimdExecutor.BestWidth);
            }
            catch (AggregateException failures)
            {
                ExceptionDispatchInfo.Throw(failures.InnerExceptions[0]);
            }
        }

        return result;
    }

    /// <summary>Orders some rows as a search orders its candidates: by their exact scores, equal ones by their rows.</summary>
    /// <param name="query">(dimension), finite.</param>
    /// <param name="rows">The rows, each once; sorted by this.</param>
    /// <param name="k">Neighbors, at most the rows.</param>
    /// <exception cref="InvalidDataException">A vector has a value that is not finite.</exception>
    /// <exception cref="IOException">Vectors cannot be read.</exception>
    public Neighbors Rank(ReadOnlySpan<float> query, int[] rows, int k)
    {
        var result = new Neighbors(1, k, new int[k], new double[k]);
        Rank(rows, query, ExactScore.Square(query), result.IndexPlaces(0), result.ScorePlaces(0));
        return result;
    }

    private void Search(float[] queries, int firstQuery, Neighbors result, ParallelOptions parallel, SimdWidth width)
    {
        int count = queries.Length / _dimension;
        double[] squares = new double[count];
        float[] scaled = new float[queries.Length]; // (queries, dimension), each of length 1
        for (int query = 0; query < count; query++)
        {
            ReadOnlySpan<float> values = queries.AsSpan(query * _dimension, _dimension);
            squares[query] = ExactScore.Square(values);
            if (squares[query] > 0)
                DistinctVectors.Scale(values, 1 / Math.Sqrt(squares[query]), scaled.AsSpan(query * _dimension, _dimension));
        }

        var workers = new Worker[parallel.MaxDegreeOfParallelism];
        int next = -1;
        Parallel.For(0, workers.Length, parallel, i =>
        {
            var worker = workers[i] = new Worker(this, count, result.K);
            switch (width)
            {
                case SimdWidth.Lanes16:
                    worker.Run<Float16>(scaled, ref next, parallel.CancellationToken);
                    break;
                case SimdWidth.Lanes8:
                    worker.Run<Float8>(scaled, ref next, parallel.CancellationToken);
                    break;
                default:
                    worker.Run<Float4>(scaled, ref next, parallel.CancellationToken);
                    break;
            }
        });
        int[] odd = [.. workers.SelectMany(worker => worker.Odd)];
        Parallel.For(0, count, parallel, query =>
        {
            Span<int> indices = result.IndexPlaces(firstQuery + query);
            Span<double> scores = result.ScorePlaces(firstQuery + query);
            if (squares[query] > 0)
                Rank(workers, query, odd, queries.AsSpan(query * _dimension, _dimension), squares[query], indices, scores);
            else
                FirstRows(indices);
        });
    }

    /// <summary>Orders the candidates by their exact scores, equal ones by their rows.</summary>
    private void Rank(
        Worker[] workers, int query, int[] odd, ReadOnlySpan<float> values, double square, Span<int> indices, Span<double> scores)
    {
        ScanList best = workers[0].List(query);
        foreach (Worker worker in workers.AsSpan(1))
            best.Add(worker.List(query));
        best.Cut();
        int[] rows = new int[best.Keys.Length + odd.Length];
        for (int i = 0; i < best.Keys.Length; i++)
            rows[i] = TopKList.Index(best.Keys[i]);
        odd.CopyTo(rows, best.Keys.Length);
        Rank(rows, values, square, indices, scores);
    }

    private void Rank(int[] rows, ReadOnlySpan<float> values, double square, Span<int> indices, Span<double> scores)
    {
        Array.Sort(rows); // in the order of the file
        double[] descending = new double[rows.Length];
        float[] row = new float[_dimension];
        int block = 0;
        for (int i = 0; i < rows.Length; i++)
        {
            while (rows[i] >= _firstRows[block + 1])
                block++;
            _blocks[block].Read(rows[i] - _firstRows[block], row);
            double other = ExactScore.Square(row);
            if (!double.IsFinite(other))
                throw new InvalidDataException($"vector {rows[i]} has a value that is not finite");
            descending[i] = -ExactScore.Cosine(ExactScore.Dot(values, row), square, other);
        }

        Array.Sort(descending, rows); // not stable
        for (int start = 0, end; start < indices.Length; start = end)
        {
            for (end = start + 1; end < rows.Length && descending[end] == descending[start];)
                end++;
            Array.Sort(rows, start, end - start);
            for (int i = start; i < Math.Min(end, indices.Length); i++)
                (indices[i], scores[i]) = (rows[i], -descending[i]);
        }
    }

    /// <summary>The neighbors of a query of zeros: every score is 0, so they are the first rows.</summary>
    private void FirstRows(Span<int> indices)
    {
        int found = 0;
        for (int row = _firstRows[0]; found < indices.Length; row++)
        {
            if (_removed?.Contains(row) != true)
                indices[found++] = row;
        }
    }

    /// <summary>One thread of a search: takes windows until none is left.</summary>
    private sealed class Worker(VectorScan scan, int queryCount, int k)
    {
        private readonly ScanList[] _lists =
            [.. Enumerable.Range(0, queryCount).Select(_ => new ScanList(k, scan._firstRows[^1], scan._error))];

        /// <summary>Rows that float32 cannot score.</summary>
        public List<int> Odd { get; } = [];

        public ScanList List(int query) => _lists[query];

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<TVector>(float[] queries, ref int next, CancellationToken cancellation)
            where TVector : unmanaged, IFloatVector<TVector>
        {
            int dimension = scan._dimension;
            int stride = (scan._windowRows + RowUnit - 1) / RowUnit * RowUnit;
            int tile = Math.Min(TileQueries, queryCount);
            // Windows, factors and scores of a tile of queries.
            int windowLength = checked(scan._windowRows * dimension + RowUnit) / RowUnit * RowUnit;
            float[] memory = ArrayPool<float>.Shared.Rent(windowLength + (tile + 1) * stride + SimdMemory.Padding);
            try
            {
                fixed (float* start = memory, queryValues = queries)
                {
                    float* window = SimdMemory.Align(start);
                    float* factors = window + windowLength;
                    float* scores = factors + stride;
                    for (int number; (number = Interlocked.Increment(ref next)) < scan._firstWindows[^1];)
                    {
                        cancellation.ThrowIfCancellationRequested();
                        (int firstRow, int rows) = Read(number, new Span<float>(window, scan._windowRows * dimension));
                        RowScores.InverseLengths<TVector>(window, rows, dimension, factors);
                        LeaveOut(firstRow, rows, factors);
                        for (int query = 0; query < queryCount; query += tile)
                        {
                            int part = Math.Min(tile, queryCount - query);
                            RowScores.Multiply<TVector>(
                                window, rows, queryValues + (nint)query * dimension, part, dimension, factors, scores, stride);
                            for (int i = 0; i < part; i++)
                            {
                                float* ofQuery = scores + (nint)i * stride;
                                new Span<float>(ofQuery + rows, stride - rows).Fill(float.NaN);
                                _lists[query + i].Add<TVector>(ofQuery, rows, firstRow);
                            }
                        }
                    }
                }
            }
            finally
            {
                ArrayPool<float>.Shared.Return(memory);
            }
        }

        private (int FirstRow, int Rows) Read(int number, Span<float> window)
        {
            int block = Array.BinarySearch(scan._firstWindows, number);
            // Blocks without rows begin with the same window as the one after them.
            block = block < 0 ? ~block - 1 : block;
            while (scan._firstWindows[block + 1] <= number)
                block++;
            int first = (number - scan._firstWindows[block]) * scan._windowRows;
            int rows = Math.Min(scan._windowRows, scan._blocks[block].Count - first);
            scan._blocks[block].Read(first, window[..(rows * scan._dimension)]);
            return (scan._firstRows[block] + first, rows);
        }

        /// <summary>Takes the rows that have no score out: removed ones, and those for double precision.</summary>
        private void LeaveOut(int firstRow, int rows, float* factors)
        {
            bool anyRemoved = scan._removed?.Count > 0;
            for (int i = 0; i < rows; i++)
            {
                bool isOdd = float.IsNaN(factors[i]);
                if (!isOdd && !anyRemoved)
                    continue;
                if (anyRemoved && scan._removed!.Contains(firstRow + i))
                    factors[i] = float.NaN;
                else if (isOdd)
                    Odd.Add(firstRow + i);
            }
        }
    }
}
