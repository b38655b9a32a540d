using ParquetSharp;

namespace Dino.Gpu.Data.Formats;

/// <summary>The values of a flat column in a row group, one after the other.</summary>
internal abstract class ParquetCells
{
    /// <summary>The next row's value, or null if it has none.</summary>
    /// <exception cref="InvalidDataException">There is no next row, or the file is damaged.</exception>
    public abstract object? Next();
}

/// <inheritdoc/>
/// <typeparam name="T">The library's type of a value.</typeparam>
/// <param name="stream">What the library reads through.</param>
/// <param name="column">The column; belongs to the row group.</param>
/// <param name="convert">Turns a value into a cell.</param>
internal sealed class ParquetCells<T>(ParquetStream stream, ColumnReader<T> column, Func<T, object> convert) : ParquetCells
    where T : unmanaged
{
    private readonly ParquetBatch<T> _batch = new(stream, column);

    public override object? Next()
    {
        if (!_batch.Next())
            throw new InvalidDataException($"the column '{_batch.Name}' has fewer rows than its row group");
        return _batch.HasValue ? convert(_batch.Value) : null;
    }
}
