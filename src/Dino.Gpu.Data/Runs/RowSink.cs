using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Runs;

/// <summary>How failures are dealt with.</summary>
/// <param name="OnError">What becomes of the row.</param>
/// <param name="MaxErrors">Failures after which the run ends, or null for any number.</param>
/// <param name="OnIoError">What becomes of the row of an image that the system cannot read.</param>
internal sealed record FailurePolicy(OnError OnError, long? MaxErrors, OnIoError OnIoError = OnIoError.Fail);

/// <summary>Passes rows from the pipeline to the output, and reports progress.</summary>
/// <param name="layout">Shape of a row.</param>
/// <param name="output">Where rows go.</param>
/// <param name="policy">What failures do.</param>
/// <param name="progress">Who is told.</param>
/// <param name="failures">Failed images of the run so far, where it resumes.</param>
internal sealed class RowSink(RowLayout layout, IRowOutput output, FailurePolicy policy, IEmbeddingProgress progress, long failures = 0)
    : IEmbeddingSink
{
    private readonly float[] _row = new float[layout.Length]; // (layout.Shape)
    private long _failures = failures;

    public void Embedded(InputItem item, LoadedImage image, DinoOutput result, int index)
    {
        layout.Copy(result, index, _row);
        var info = new RowInfo
        {
            Row = output.NextRow,
            Path = item.Path,
            Width = image.Width,
            Height = image.Height,
            Sha256 = image.Sha256,
            Columns = item.Columns,
        };
        output.Write(info, _row);
        if (image.Warning is not null)
            progress.Warn(item.Path, image.Warning);
        progress.Advance(failed: false);
    }

    public void Failed(InputItem item, string reason, string? hint)
    {
        string line = ImageFailures.Line(item.Path, reason);
        var info = new RowInfo { Row = output.NextRow, Path = item.Path, Error = reason, Columns = item.Columns };
        if (policy.OnError == OnError.Fail)
        {
            output.EndAt(info);
            const string Continue = "--on-error nan or skip continues without this image";
            throw new DinoException(line, hint is null ? Continue : $"{hint}; {Continue}");
        }

        if (_failures >= policy.MaxErrors)
        {
            output.EndAt(info);
            throw new DinoException($"{line}; that is one more than --max-errors {policy.MaxErrors}", hint);
        }

        _failures++;
        Array.Fill(_row, float.NaN);
        if (policy.OnError == OnError.Skip)
            output.Skip(info);
        else
            output.Write(info, _row);
        progress.Report(item.Path, reason, hint);
        progress.Advance(failed: true);
    }

    /// <summary>
    /// The image may be good, so its row does not fail: the run ends before it and resumes at it.
    /// </summary>
    public void SystemFailed(InputItem item, string reason)
    {
        if (policy.OnIoError == OnIoError.Fail)
            throw new DinoException(ImageFailures.Line(item.Path, reason), "--on-io-error row continues with a failed row");
        Failed(item, reason, hint: null);
    }

    public void Flush() => output.Flush();
}
