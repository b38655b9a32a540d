using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// Writes one row an image, in the order of the calls. A file appears under its name only with <see cref="Complete"/>;
/// disposing before that leaves nothing behind. The bytes depend on the rows alone, not on when <see cref="Flush"/> was
/// called.
/// </summary>
internal interface IEmbeddingWriter : IDisposable
{
    /// <param name="info">The image; with <see cref="RowInfo.Error"/> it could not be read.</param>
    /// <param name="values">Row-major values of the row, NaN for an image that could not be read.</param>
    void Write(RowInfo info, ReadOnlySpan<float> values);

    /// <summary>Hands the rows so far to a reader at the other end of a pipe.</summary>
    void Flush();

    /// <summary>Moves the finished file into place.</summary>
    void Complete();
}
