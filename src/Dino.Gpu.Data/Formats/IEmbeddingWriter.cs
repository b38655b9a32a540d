using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// Writes one row per image, in the order of the calls. A file appears under its name only when <see cref="Complete"/>
/// is called; disposing it earlier leaves nothing behind. The bytes depend on the rows alone, not on the calls of
/// <see cref="Flush"/>.
/// </summary>
internal interface IEmbeddingWriter : IDisposable
{
    /// <summary>Writes the next row.</summary>
    /// <param name="info">The image. One with an <see cref="RowInfo.Error"/> could not be read.</param>
    /// <param name="values">Row-major values of the row, NaN for an image that could not be read.</param>
    void Write(RowInfo info, ReadOnlySpan<float> values);

    /// <summary>Hands the rows so far to a reader at the other end of a pipe.</summary>
    void Flush();

    /// <summary>Moves the finished file into place.</summary>
    void Complete();
}
