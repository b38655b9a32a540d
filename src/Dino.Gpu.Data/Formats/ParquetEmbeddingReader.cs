using System.Globalization;
using System.Text;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// A Parquet file with a list column <c>embedding</c> of float, double or float16, or columns e0, e1, ...; other flat
/// columns of text, numbers, dates and truth values are carried.
/// </summary>
internal sealed class ParquetEmbeddingReader : IEmbeddingReader
{
    private readonly ParquetTable _table;
    private readonly ParquetLeaf? _list;
    private readonly ParquetLeaf[] _values; // e0, e1, ...
    private readonly List<(ParquetLeaf Leaf, CarriedColumn Column)> _own = [];
    private readonly List<(ParquetLeaf Leaf, CarriedColumn Column)> _carried = [];
    private readonly Dictionary<string, object?> _cells = new(StringComparer.Ordinal); // of our own columns, for the row
    private ParquetGroup? _group;
    private ParquetCells[] _ownCells = [];
    private ParquetCells[] _carriedCells = [];
    private ParquetLists? _lists;
    private float[] _columns = []; // (rows, values) of the group, where each value has a column
    private readonly string? _gap; // told with the first row: the file has embeddings, though none that can be read
    private int _nextGroup;
    private long _nextInGroup;
    private long _next;

    /// <param name="stream">The file, disposed with the reader.</param>
    public ParquetEmbeddingReader(Stream stream)
    {
        _table = new ParquetTable(stream);
        try
        {
            ILookup<string, ParquetLeaf> leaves = _table.Leaves.ToLookup(leaf => leaf.Name, StringComparer.Ordinal);
            _list = leaves[RowSchema.EmbeddingColumn].FirstOrDefault(leaf => leaf.ListLevels == 1 && leaf.IsFloating);
            _values = _list is null ? [.. ValueColumns(leaves)] : [];
            if (_list is null && _values.Length == 0)
                throw new InvalidDataException("there is no list of numbers 'embedding' and there are no columns e0, e1, ...");
            foreach (ParquetLeaf leaf in _table.Leaves.Except(_values))
            {
                if (_table.Carried(leaf) is { } column)
                    (RowSchema.IsOwnColumn(leaf.Name) ? _own : _carried).Add((leaf, column));
            }

            _gap = RowSchema.Gap(_values.Length, _table.Leaves.Except(_values).Select(leaf => leaf.Name));
            bool isHalf = (_list ?? _values[0]).IsHalf;
            bool sha256 = _own.Exists(own => own.Leaf.Name == "sha256");
            Schema = new RowSchema(
                FindShape(), isHalf ? FloatType.Float16 : FloatType.Float32, sha256, [.. _carried.Select(carried => carried.Column)])
            {
                Provenance = _table.Metadata.TryGetValue(Provenance.MetadataKey, out string? made)
                    ? Provenance.FromJson(Encoding.UTF8.GetBytes(made))
                    : null,
            };
        }
        catch
        {
            _table.Dispose();
            throw;
        }
    }

    /// <summary>A file of another program has the shape (0) if it has no embeddings.</summary>
    public RowSchema Schema { get; }

    public RowInfo? Read(Span<float> values)
    {
        if (_gap is not null)
            throw new InvalidDataException(_gap);
        while (_group is null || _nextInGroup == _group.Rows)
        {
            if (_nextGroup == _table.GroupCount)
                return null;
            OpenGroup();
        }

        ReadValues(values);
        for (int i = 0; i < _own.Count; i++)
            _cells[_own[i].Leaf.Name] = _ownCells[i].Next();
        _nextInGroup++;
        return new RowInfo
        {
            Row = _next++,
            Path = Cell("path") as string ?? "",
            Width = Size("width"),
            Height = Size("height"),
            Sha256 = Cell("sha256") as string,
            Error = Cell("error") as string ?? EmbeddingFile.MissingValues(values),
            Columns = Array.ConvertAll(_carriedCells, cells => cells.Next()),
        };
    }

    public void Dispose()
    {
        _group?.Dispose();
        _table.Dispose();
    }

    /// <summary>The columns e0, e1, ... as far as there are such.</summary>
    private static IEnumerable<ParquetLeaf> ValueColumns(ILookup<string, ParquetLeaf> leaves)
    {
        for (int i = 0; ; i++)
        {
            string name = "e" + i.ToString(CultureInfo.InvariantCulture);
            if (leaves[name].FirstOrDefault(one => one.IsFlat && one.IsFloating) is not { } leaf)
                yield break;
            yield return leaf;
        }
    }

    /// <summary>The shape of the file's metadata, or the length of the first list.</summary>
    private int[] FindShape()
    {
        if (_list is null)
            return [_values.Length];
        if (_table.Metadata.TryGetValue(ParquetEmbeddingWriter.ShapeKey, out string? text))
        {
            int[] shape = [.. text.Split(',').Select(Side)];
            return RowSchema.IsReadable(shape.Select(side => (long)side))
                ? shape
                : throw new InvalidDataException("its metadata claims an absurd shape");
        }

        for (int index = 0; index < _table.GroupCount; index++)
        {
            using ParquetGroup group = _table.OpenGroup(index);
            ParquetLists lists = group.Lists(_list);
            for (long row = 0; row < group.Rows; row++)
            {
                if (lists.Next().Length is var length and > 0)
                    return [length];
            }
        }

        return [0];
    }

    private static int Side(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int side) && side > 0
        ? side
        : throw new InvalidDataException("its metadata has a broken shape");

    private void OpenGroup()
    {
        _group?.Dispose();
        _group = _table.OpenGroup(_nextGroup++);
        _nextInGroup = 0;
        _ownCells = [.. _own.Select(own => _group.Cells(own.Leaf, own.Column.Type))];
        _carriedCells = [.. _carried.Select(carried => _group.Cells(carried.Leaf, carried.Column.Type))];
        if (_list is not null)
            _lists = _group.Lists(_list);
        else
            LoadColumns(_group);
    }

    /// <summary>
    /// Reads the columns of a group one by one into memory: thousands of them are too many to be open at once.
    /// </summary>
    private void LoadColumns(ParquetGroup group)
    {
        long count = group.Rows * _values.Length;
        new MemoryBudget(_table.Length).Require(count > Array.MaxLength ? long.MaxValue : sizeof(float) * count);
        _columns = new float[count];
        for (int column = 0; column < _values.Length; column++)
        {
            ParquetCells cells = group.Cells(_values[column], ColumnType.Number);
            for (long row = 0; row < group.Rows; row++)
                _columns[row * _values.Length + column] = cells.Next() is double value ? (float)value : float.NaN;
            group.CloseLast();
        }
    }

    private void ReadValues(Span<float> values)
    {
        ReadOnlySpan<float> row = _lists is null ? _columns.AsSpan((int)_nextInGroup * _values.Length, _values.Length) : _lists.Next();
        if (row.IsEmpty)
            values.Fill(float.NaN);
        else if (row.Length == values.Length)
            row.CopyTo(values);
        else
            throw new InvalidDataException($"row {_next} has {row.Length} values, expected {values.Length}");
    }

    private object? Cell(string name) => _cells.GetValueOrDefault(name);

    private int? Size(string name) => Cell(name) is long size and >= 0 and <= int.MaxValue ? (int)size : null;
}
