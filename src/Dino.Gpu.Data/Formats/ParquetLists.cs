using Dino.Gpu.Data.Rows;
using ParquetSharp;

namespace Dino.Gpu.Data.Formats;

/// <summary>The lists of numbers of a column in a row group, one after the other.</summary>
internal abstract class ParquetLists
{
    /// <summary>
    /// The next row's list, valid until the next call. It is empty if the row has none. A missing element is NaN.
    /// </summary>
    /// <exception cref="InvalidDataException">There is no next row, or the file is damaged.</exception>
    public abstract ReadOnlySpan<float> Next();
}

/// <inheritdoc/>
/// <typeparam name="T">The library's type of a value.</typeparam>
/// <param name="stream">What the library reads through.</param>
/// <param name="column">The column; belongs to the row group.</param>
/// <param name="leaf">Its description: one list around a value.</param>
/// <param name="convert">Turns a value into a number.</param>
internal sealed class ParquetLists<T>(ParquetStream stream, ColumnReader<T> column, ParquetLeaf leaf, Func<T, float> convert) : ParquetLists
    where T : unmanaged
{
    /// <summary>From this level on the list has an element, which may be null.</summary>
    private readonly int _elementLevel = leaf.IsNullable ? leaf.ValueLevel - 1 : leaf.ValueLevel;

    private readonly ParquetBatch<T> _batch = new(stream, column);
    private float[] _list = new float[1024];
    private bool _isAtStart; // of the row to come
    private bool _isAtEnd;

    public override ReadOnlySpan<float> Next()
    {
        if (!_isAtStart && !Advance())
            throw new InvalidDataException($"the column '{leaf.Name}' has fewer rows than its row group");
        if (!_batch.IsRowStart)
            throw new InvalidDataException($"the column '{leaf.Name}' does not start with a row");
        int count = 0;
        do
        {
            if (_batch.Level >= _elementLevel)
                Add(ref count, _batch.HasValue ? convert(_batch.Value) : float.NaN);
        }
        while (Advance() && !_batch.IsRowStart);
        _isAtStart = !_isAtEnd;
        return _list.AsSpan(0, count);
    }

    private bool Advance()
    {
        _isAtEnd = _isAtEnd || !_batch.Next();
        return !_isAtEnd;
    }

    private void Add(ref int count, float value)
    {
        if (count == _list.Length)
        {
            if (!RowSchema.IsReadable([2L * count]))
                throw new InvalidDataException($"a list of the column '{leaf.Name}' has more than {count} values");
            Array.Resize(ref _list, 2 * count);
        }

        _list[count++] = value;
    }
}
