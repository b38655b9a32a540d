using System.Globalization;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Runs;

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
        if (FormatCatalog.FromExtension(path) is not { } format)
            return false;
        if (format == FormatCatalog.Npy || format == FormatCatalog.Npz || format == FormatCatalog.Safetensors)
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
        if (Directory.Exists(path))
            return LoadRun(path, cancellation);
        using EmbeddingFile reader = FormatCatalog.OpenReader(path);
        var builder = new Builder(path, reader.Schema.Shape, reader.Schema.Columns);
        var values = new float[reader.Schema.Length];
        while (reader.Read(values) is { } row)
        {
            cancellation.ThrowIfCancellationRequested();
            builder.Add(row, values);
        }

        return builder.Build(reader.Schema.Provenance);
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
        foreach ((_, EmbeddingTable table) in tables)
        {
            int[] places = [.. columns.Select(column => table.Columns.TakeWhile(one => one.Name != column.Name).Count())];
            foreach (RowInfo row in table.Failures)
                builder.Add(Place(row), []);
            for (int i = 0; i < table.Count; i++)
                builder.Add(Place(table.Rows[i]), table.Values.Span.Slice(i * first.Dimension, first.Dimension));

            RowInfo Place(RowInfo row) => row with
            {
                Columns =
                [
                    .. columns.Select((column, i) =>
                        places[i] < table.Columns.Count ? ColumnTypes.Convert(row.Columns[places[i]], column) : null),
                ],
            };
        }

        return builder.Build(model);
    }

    private static EmbeddingTable LoadRun(string folder, CancellationToken cancellation)
    {
        IReadOnlyList<RunPart> parts = RunPart.Find([folder]);
        RunPart.RefuseUnfinished(parts);
        RunRecord record = parts[0].Record;
        using var list = InputList.Open(parts[0].Manifest);
        var builder = new Builder(folder, record.RowShape(), list.Columns);
        var source = new PartRows(builder.Dimension);
        foreach (RunPart part in parts)
        {
            foreach ((RowInfo row, _) in source.Read(part, part.Record.FirstRow))
            {
                cancellation.ThrowIfCancellationRequested();
                builder.Add(row, source.Values);
            }
        }

        return builder.Build(record.Provenance);
    }

    /// <summary>Collects rows into a table.</summary>
    /// <param name="name">For messages.</param>
    /// <param name="shape">The shape of a row.</param>
    /// <param name="columns">Columns that the rows carry.</param>
    internal sealed class Builder(string name, IReadOnlyList<int> shape, IReadOnlyList<CarriedColumn> columns)
    {
        private readonly List<RowInfo> _rows = [];
        private readonly List<RowInfo> _failures = [];
        private readonly List<float[]> _pieces = [];
        private readonly int _archive = columns.TakeWhile(column => column != TarImages.ArchiveColumn).Count();
        private readonly int _rowsPerPiece = Math.Max(1, PieceLength / Math.Max(1, shape[^1]));

        /// <summary>Values of a vector.</summary>
        public int Dimension { get; } = shape.Count == 1
            ? shape[0]
            : throw new DinoException(
                $"{name} has rows of ({string.Join(", ", shape)}), expected one vector per image",
                "embed with --output cls, or another that gives vectors");

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

            foreach (float value in values)
            {
                if (float.IsFinite(value))
                    continue;
                string picture = row.Path.Length > 0 ? $" ({row.Path})" : "";
                string found = value.ToString(CultureInfo.InvariantCulture);
                throw new DinoException($"{name}, row {row.Row}{picture}: a value is {found}, expected finite numbers");
            }

            if ((_rows.Count + 1L) * Dimension > Array.MaxLength)
            {
                throw new DinoException(
                    $"{name} has more than {_rows.Count} vectors of {Dimension} values, the most that are held in memory here");
            }

            int place = _rows.Count % _rowsPerPiece;
            if (place == 0)
                _pieces.Add(new float[_rowsPerPiece * Dimension]);
            values.CopyTo(_pieces[^1].AsSpan(place * Dimension));
            // A column of that name may be a user's own. The name of an archive ends in .tar.
            bool isMember = row.Columns.ElementAtOrDefault(_archive) is string archive && TarImages.IsTar(archive);
            _rows.Add(isMember ? row with { Archive = (string)row.Columns[_archive]! } : row);
        }

        /// <exception cref="DinoException">There is no vector.</exception>
        public EmbeddingTable Build(Provenance? model, ReadOnlyMemory<float> turned = default)
        {
            if (_rows.Count == 0)
            {
                string images = _failures.Count == 1 ? "image" : "images";
                string only = _failures.Count == 0 ? "" : $", only {_failures.Count} failed {images}";
                throw new DinoException($"{name} has no embeddings{only}");
            }

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
