using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>Reads back what an <see cref="IEmbeddingWriter"/> wrote, row by row.</summary>
internal interface IEmbeddingReader : IDisposable
{
    /// <summary>What the file holds. A format that stores no carried columns has none here.</summary>
    RowSchema Schema { get; }

    /// <summary>
    /// Values of a row: <see cref="RowSchema.Length"/> of <see cref="Schema"/>, known before a format has read every
    /// line for its columns.
    /// </summary>
    int RowLength => Schema.Length;

    /// <summary>Reads the next row.</summary>
    /// <param name="values">(<see cref="RowSchema.Length"/>), filled.</param>
    /// <returns>
    /// The row, with what the format stores of it: <see cref="RowInfo.Path"/> is empty and <see cref="RowInfo.Row"/>
    /// counts from 0 where it stores none. Null at the end.
    /// </returns>
    RowInfo? Read(Span<float> values);
}
