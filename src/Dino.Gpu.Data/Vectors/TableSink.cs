using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Vectors;

/// <summary>Adds the rows of the pipeline to a table.</summary>
/// <param name="table">Takes the rows.</param>
/// <param name="layout">The shape of a row.</param>
/// <param name="progress">Hears of every image.</param>
internal sealed class TableSink(EmbeddingTable.Builder table, RowLayout layout, IEmbeddingProgress progress) : IEmbeddingSink
{
    private readonly float[] _row = new float[layout.Length];
    private long _next;

    public void Embedded(InputItem item, LoadedImage image, DinoOutput output, int index)
    {
        layout.Copy(output, index, _row);
        var info = new RowInfo
        {
            Row = _next++,
            Path = item.Path,
            Width = image.Width,
            Height = image.Height,
            Sha256 = image.Sha256,
            Columns = item.Columns,
        };
        table.Add(info, _row);
        if (image.Warning is not null)
            progress.Warn(item.Path, image.Warning);
        progress.Advance(failed: false);
    }

    public void Failed(InputItem item, string reason, string? hint)
    {
        table.Add(new RowInfo { Row = _next++, Path = item.Path, Error = reason, Columns = item.Columns }, []);
        progress.Report(item.Path, reason, hint);
        progress.Advance(failed: true);
    }

    public void Flush()
    {
        // nobody reads the table before it is complete
    }
}
