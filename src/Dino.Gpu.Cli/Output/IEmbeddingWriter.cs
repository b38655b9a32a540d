namespace Dino.Gpu.Cli.Output;

/// <summary>
/// Writes one row an image, in the order of the calls. A file appears under its name only with <see cref="Complete"/>; disposing
/// before that leaves nothing behind.
/// </summary>
internal interface IEmbeddingWriter : IDisposable
{
    /// <param name="path">The image, as the user named it.</param>
    /// <param name="row">Row-major values of the row.</param>
    void WriteRow(string path, ReadOnlySpan<float> row);

    /// <summary>A row for an image that could not be read.</summary>
    void WriteFailure(string path, string reason);

    /// <summary>Hands the rows so far to a reader at the other end of a pipe.</summary>
    void Flush();

    /// <summary>Moves the finished file into place.</summary>
    void Complete();
}
