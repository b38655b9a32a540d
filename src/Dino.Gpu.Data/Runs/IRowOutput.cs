using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Runs;

/// <summary>Where the rows of a run go: one file, standard output, or a folder of shards.</summary>
internal interface IRowOutput : IDisposable
{
    /// <summary>Row of the input list that comes next.</summary>
    long NextRow { get; }

    /// <summary>Writes the next row of the input list.</summary>
    /// <param name="info">The image.</param>
    /// <param name="values">Its values, NaN for an image that could not be read.</param>
    void Write(RowInfo info, ReadOnlySpan<float> values);

    /// <summary>Leaves the next row of the input list out of the output.</summary>
    void Skip(RowInfo info);

    /// <summary>Logs the next row, at which the run ends: its image cannot be read. The row is not done.</summary>
    void EndAt(RowInfo info);

    /// <summary>Saves the rows so far from the end of the process, or hands them to a reader.</summary>
    void Flush();

    /// <summary>Finishes the output; it has every row.</summary>
    void Complete();
}

/// <summary>
/// Writes one file, or standard output. If every image failed, an existing file stays: a mistyped list must not cost a
/// result.
/// </summary>
/// <param name="writer">Disposed with this.</param>
/// <param name="log">Where the images that could not be read are written, or null.</param>
/// <param name="firstRow">Row of the input list that comes first.</param>
/// <param name="file">The file; null for standard output.</param>
internal sealed class SingleOutput(IEmbeddingWriter writer, ErrorLog? log, long firstRow = 0, string? file = null) : IRowOutput
{
    private long _embedded;
    private long _failed;

    public long NextRow { get; private set; } = firstRow;

    /// <summary>Whether the earlier file was kept.</summary>
    public bool KeptEarlierFile { get; private set; }

    public void Write(RowInfo info, ReadOnlySpan<float> values)
    {
        if (info.Error is null)
        {
            _embedded++;
        }
        else
        {
            _failed++;
            log?.Add(info);
        }

        writer.Write(info, values);
        NextRow++;
    }

    public void Skip(RowInfo info)
    {
        log?.Add(info);
        _failed++;
        NextRow++;
    }

    public void EndAt(RowInfo info) => log?.Add(info);

    public void Flush() => writer.Flush();

    public void Complete()
    {
        string? earlier = file is null ? null : new RealPath().Of(file);
        KeptEarlierFile = _embedded == 0 && _failed > 0 && File.Exists(earlier) && new FileInfo(earlier).Length > 0;
        if (!KeptEarlierFile)
            writer.Complete();
    }

    public void Dispose() => writer.Dispose();
}
