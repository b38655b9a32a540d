using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Runs;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Vectors;

/// <summary>Vectors of one length in memory, with what is known about their images.</summary>
internal sealed class EmbeddingTable
{
    /// <summary>Values per piece while the number of rows is not known: 4 MiB.</summary>
    private const int PieceLength = 1 << 20;

    private EmbeddingTable(
        float[] values,
        int dimension,
        IReadOnlyList<RowInfo> rows,
        IReadOnlyList<RowInfo> failures,
        IReadOnlyList<CarriedColumn> columns,
        Provenance? model)
    {
        Values = values;
        Dimension = dimension;
        Rows = rows;
        Failures = failures;
        Columns = columns;
        Model = model;
    }

    /// <summary>(<see cref="Count"/>, <see cref="Dimension"/>)</summary>
    public ReadOnlyMemory<float> Values { get; }

    /// <summary>Values of a vector.</summary>
    public int Dimension { get; }

    /// <summary>Vectors.</summary>
    public int Count => Rows.Count;

    /// <summary>One per vector. The path is empty if the file stores none.</summary>
    public IReadOnlyList<RowInfo> Rows { get; }

    /// <summary>Rows without an embedding. They are not in <see cref="Rows"/>.</summary>
    public IReadOnlyList<RowInfo> Failures { get; }

    /// <summary>Columns that the rows carry.</summary>
    public IReadOnlyList<CarriedColumn> Columns { get; }

    /// <summary>What made the vectors; null if that is not known.</summary>
    public Provenance? Model { get; }

    /// <summary>
    /// (<see cref="Count"/>, <see cref="TurnedSink.Turns"/>, <see cref="Dimension"/>): each picture in its eight
    /// orientations, if they were asked for; else empty.
    /// </summary>
    public ReadOnlyMemory<float> Turned { get; private init; }

    /// <summary>
    /// Whether an argument has embeddings, not images: a file with rows of them, or the folder of a run.
    /// </summary>
    public static bool IsEmbeddings(string path)
    {
        if (Directory.Exists(path))
            return File.Exists(Path.Combine(path, RunRecord.FileName)) || RunPart.HasParts(path);
        if (FormatCatalog.FromInput(path) is not { } format)
            return false;
        if (format == FormatCatalog.Npy || format == FormatCatalog.Npz || format == FormatCatalog.Safetensors
            || format == FormatCatalog.Index)
            return true;
        if (!File.Exists(path))
            return false;
        // A table may also be a list of images.
        try
        {
            using IEmbeddingReader reader = FormatCatalog.OpenReader(path);
            return reader.Schema.Length > 0;
        }
        catch (DinoException)
        {
            return false;
        }
    }

    /// <summary>Reads a file of embeddings, or the shards of a run of one or many machines.</summary>
    /// <exception cref="DinoException">
    /// It cannot be read, its rows are no vectors, no row has an embedding, or there are too many.
    /// </exception>
    public static EmbeddingTable Load(string path, CancellationToken cancellation)
    {
        using var rows = EmbeddingRows.Open(path);
        var builder = new Builder(path, rows.Shape, rows.Columns);
        foreach ((RowInfo row, ReadOnlyMemory<float> values) in rows.Read(cancellation))
            builder.Add(row, values.Span);
        return builder.Build(rows.Model);
    }

    /// <summary>The vectors of images, in their order. Unreadable images are in <see cref="Failures"/>.</summary>
    /// <param name="name">For messages.</param>
    /// <param name="list">The images.</param>
    /// <param name="embedder">The model.</param>
    /// <param name="isTurned">Whether <see cref="Turned"/> is made, too.</param>
    /// <param name="progress">Hears of every image.</param>
    /// <param name="cancellation">Ends the work at once.</param>
    /// <exception cref="DinoException">A device failed, or no image could be read.</exception>
    public static async Task<EmbeddingTable> EmbedAsync(
        string name, InputList list, Embedder embedder, bool isTurned, IEmbeddingProgress progress, CancellationToken cancellation)
    {
        var builder = new Builder(name, embedder.Layout.Shape, list.Columns);
        progress.Begin(new EmbeddingStart(list.Count));
        if (isTurned)
        {
            var turned = new TurnedSink(builder, embedder.Layout, progress);
            await embedder.RunAsync(TurnedSink.Expand(list.Items()), turned, list.Folders, CancellationToken.None, cancellation)
                .ConfigureAwait(false);
            return builder.Build(embedder.Provenance, turned.Values());
        }

        var sink = new TableSink(builder, embedder.Layout, progress);
        await embedder.RunAsync(list.Items(), sink, list.Folders, CancellationToken.None, cancellation).ConfigureAwait(false);
        return builder.Build(embedder.Provenance);
    }

    /// <summary>
    /// The rows of several tables, one after the other. A column that a table lacks is null in its rows.
    /// </summary>
    /// <param name="tables">Of vectors that <see cref="ComparableVectors"/> has seen.</param>
    /// <param name="model">What made all of them; null where that is not known.</param>
    public static EmbeddingTable Join(IReadOnlyList<(string Name, EmbeddingTable Table)> tables, Provenance? model)
    {
        (string firstName, EmbeddingTable first) = tables[0];
        if (tables.Count == 1)
            return first;
        CarriedColumn[] columns = ColumnTypes.Union(tables.Select(one => one.Table.Columns));
        var builder = new Builder(firstName, [first.Dimension], columns);
        foreach ((string name, EmbeddingTable table) in tables)
        {
            Func<RowInfo, RowInfo> place = PlaceColumns(table.Columns, columns);
            foreach (RowInfo row in table.Failures)
                builder.Add(place(row) with { File = name }, []);
            for (int i = 0; i < table.Count; i++)
                builder.Add(place(table.Rows[i]) with { File = name }, table.Values.Span.Slice(i * first.Dimension, first.Dimension));
        }

        return builder.Build(model);
    }

    /// <summary>
    /// Moves the cells of a row to the columns of several tables. A column that its own table lacks is null.
    /// </summary>
    /// <param name="own">Columns of its table.</param>
    /// <param name="all">Columns of all tables.</param>
    public static Func<RowInfo, RowInfo> PlaceColumns(IReadOnlyList<CarriedColumn> own, IReadOnlyList<CarriedColumn> all)
    {
        int[] places = [.. all.Select(column => own.TakeWhile(one => one.Name != column.Name).Count())];
        return row => row with
        {
            Columns = [.. all.Select((column, i) => places[i] < own.Count ? ColumnTypes.Convert(row.Columns[places[i]], column) : null)],
        };
    }

    /// <summary>The place of the column that names the tar file of a row; past the last if there is none.</summary>
    public static int ArchiveColumn(IReadOnlyList<CarriedColumn> columns) =>
        columns.TakeWhile(column => column != TarImages.ArchiveColumn).Count();

    /// <summary>A row with the tar file that holds its image.</summary>
    /// <param name="row">The row.</param>
    /// <param name="archiveColumn">As <see cref="ArchiveColumn"/> returns it.</param>
    public static RowInfo WithArchive(RowInfo row, int archiveColumn)
    {
        // A column of that name may be a user's own. The name of an archive ends in .tar.
        return row.Columns.ElementAtOrDefault(archiveColumn) is string archive && TarImages.IsTar(archive)
            ? row with { Archive = archive }
            : row;
    }

    /// <summary>The length of vectors.</summary>
    /// <param name="name">For messages.</param>
    /// <param name="shape">The shape of a row.</param>
    /// <exception cref="DinoException">The rows are no vectors.</exception>
    public static int DimensionOf(string name, IReadOnlyList<int> shape) => shape.Count == 1
        ? shape[0]
        : throw new DinoException(
            $"{name} has rows of ({string.Join(", ", shape)}), expected one vector per image",
            "embed with --output cls, or another that gives vectors");

    /// <summary>Refuses a vector that cannot be compared.</summary>
    /// <param name="name">What has the row, for messages.</param>
    /// <param name="row">The row.</param>
    /// <param name="values">(dimension)</param>
    /// <exception cref="DinoException">A value is NaN or infinite.</exception>
    public static void RequireFinite(string name, RowInfo row, ReadOnlySpan<float> values)
    {
        foreach (float value in values)
        {
            if (float.IsFinite(value))
                continue;
            string picture = row.Path.Length > 0 ? $" ({row.Path})" : "";
            string found = float.IsNaN(value) ? "NaN" : "infinite, or larger than float32 holds"; // the reader made it infinite
            throw new DinoException($"{name}, row {row.Row}{picture}: a value is {found} (expected finite numbers up to 3.4e38)");
        }
    }

    /// <summary>What is said of vectors that are none.</summary>
    /// <param name="name">What has none.</param>
    /// <param name="failures">Its failed images.</param>
    public static DinoException NoEmbeddings(string name, int failures) =>
        new($"{name} has no embeddings{(failures == 0 ? "" : $", only {Quantity.Of(failures, "failed image")}")}");

    /// <summary>Collects rows into a table.</summary>
    /// <param name="name">For messages.</param>
    /// <param name="shape">The shape of a row.</param>
    /// <param name="columns">Columns that the rows carry.</param>
    internal sealed class Builder(string name, IReadOnlyList<int> shape, IReadOnlyList<CarriedColumn> columns)
    {
        private readonly List<RowInfo> _rows = [];
        private readonly List<RowInfo> _failures = [];
        private readonly List<float[]> _pieces = [];
        private readonly int _archive = ArchiveColumn(columns);
        private readonly int _rowsPerPiece = Math.Max(1, PieceLength / Math.Max(1, shape[^1]));

        /// <summary>Values of a vector.</summary>
        public int Dimension { get; } = DimensionOf(name, shape);

        /// <param name="row">The row. One with an error has no values.</param>
        /// <param name="values">(<see cref="Dimension"/>)</param>
        /// <exception cref="DinoException">A value is NaN or infinite, or there are too many rows.</exception>
        public void Add(RowInfo row, ReadOnlySpan<float> values)
        {
            if (row.Error is not null)
            {
                _failures.Add(row);
                return;
            }

            RequireFinite(name, row, values);
            if ((_rows.Count + 1L) * Dimension > Array.MaxLength)
            {
                throw new DinoException(
                    $"{name} has more than {_rows.Count} vectors of {Dimension} values, the most that are held in memory here");
            }

            int place = _rows.Count % _rowsPerPiece;
            if (place == 0)
                _pieces.Add(new float[_rowsPerPiece * Dimension]);
            values.CopyTo(_pieces[^1].AsSpan(place * Dimension));
            _rows.Add(WithArchive(row, _archive));
        }

        /// <exception cref="DinoException">There is no vector.</exception>
        public EmbeddingTable Build(Provenance? model, ReadOnlyMemory<float> turned = default)
        {
            if (_rows.Count == 0)
                throw NoEmbeddings(name, _failures.Count);

            var values = new float[_rows.Count * Dimension];
            for (int piece = 0; piece < _pieces.Count; piece++)
            {
                Span<float> rest = values.AsSpan(piece * _rowsPerPiece * Dimension);
                _pieces[piece].AsSpan(0, Math.Min(rest.Length, _rowsPerPiece * Dimension)).CopyTo(rest);
                _pieces[piece] = []; // frees its memory
            }

            return new EmbeddingTable(values, Dimension, _rows, _failures, columns, model) { Turned = turned };
        }
    }
}
