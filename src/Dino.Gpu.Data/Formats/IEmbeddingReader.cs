using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>Reads back what an <see cref="IEmbeddingWriter"/> wrote, row by row.</summary>
internal interface IEmbeddingReader : IDisposable
{
    /// <summary>What the file holds.</summary>
    RowSchema Schema { get; }

    /// <summary>
    /// Values of a row. A format may have to read every line for <see cref="Schema"/>, but not for this.
    /// </summary>
    int RowLength => Schema.Length;

    /// <summary>Reads the next row.</summary>
    /// <param name="values">(<see cref="RowSchema.Length"/>), filled.</param>
    /// <returns>
    /// The row; null at the end. If the format stores no paths, <see cref="RowInfo.Path"/> is empty; if it stores no
    /// numbers of rows, <see cref="RowInfo.Row"/> counts from 0.
    /// </returns>
    RowInfo? Read(Span<float> values);
}
