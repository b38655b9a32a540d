using Dino.Gpu.Cli.Formats;
using Dino.Gpu.Cli.Progress;

namespace Dino.Gpu.Cli.Embedding;

/// <summary>One <c>dino embed</c>: takes rows from the pipeline, hands them to the writer and tells the progress display.</summary>
/// <param name="layout">Shape of a row.</param>
/// <param name="writer">Where rows go.</param>
/// <param name="progress">Who is told.</param>
internal sealed class EmbedRun(RowLayout layout, IEmbeddingWriter writer, IProgressDisplay progress) : IEmbeddingSink
{
    private readonly float[] _row = new float[layout.Length]; // (layout.Shape)
    private long _next;

    public int Failures { get; private set; }

    public void Embedded(string path, DinoOutput output, int image)
    {
        layout.Copy(output, image, _row);
        writer.Write(new RowInfo { Row = _next++, Path = path }, _row);
        progress.Advance(failed: false);
    }

    public void Failed(string path, string reason)
    {
        Failures++;
        Array.Fill(_row, float.NaN);
        writer.Write(new RowInfo { Row = _next++, Path = path, Error = reason }, _row);
        string name = DinoCommandLine.OneLine(path);
        progress.Report(reason.Contains(name, StringComparison.Ordinal) ? $"dino: {reason}" : $"dino: {name}: {reason}");
        progress.Advance(failed: true);
    }

    public void BatchEnded() => writer.Flush();
}
