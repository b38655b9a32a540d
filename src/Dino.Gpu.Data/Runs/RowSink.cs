using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Runs;

/// <summary>What becomes of the row of an image that cannot be read.</summary>
internal enum OnError
{
    /// <summary>It is NaN (null in JSON Lines), so that row i stays input i.</summary>
    Nan,

    /// <summary>It is left out.</summary>
    Skip,

    /// <summary>It ends the run.</summary>
    Fail,
}

/// <summary>How failures are dealt with.</summary>
/// <param name="OnError">The row.</param>
/// <param name="MaxErrors">Failures after which the run ends, or null for any number.</param>
internal sealed record FailurePolicy(OnError OnError, long? MaxErrors);

/// <summary>One <c>dino embed</c>: takes rows from the pipeline, hands them to the output and tells the progress display.</summary>
/// <param name="layout">Shape of a row.</param>
/// <param name="output">Where rows go.</param>
/// <param name="policy">What failures do.</param>
/// <param name="progress">Who is told.</param>
/// <param name="failures">Images that could not be read in the run that this one goes on with.</param>
internal sealed class RowSink(RowLayout layout, IRowOutput output, FailurePolicy policy, IEmbeddingProgress progress, long failures = 0) : IEmbeddingSink
{
    private readonly float[] _row = new float[layout.Length]; // (layout.Shape)
    private long _failures = failures; // images that could not be read, those of the run that this one goes on with among them

    public void Embedded(InputItem item, LoadedImage image, DinoOutput result, int index)
    {
        layout.Copy(result, index, _row);
        output.Write(new RowInfo { Row = output.NextRow, Path = item.Path, Width = image.Width, Height = image.Height, Sha256 = image.Sha256, Columns = item.Columns }, _row);
        progress.Advance(failed: false);
    }

    public void Failed(InputItem item, string reason)
    {
        string visible = MessageText.Visible(item.Path);
        string name = visible.Length > 0 && visible.Trim().Length == visible.Length ? visible : $"'{visible}'"; // blanks at the ends are not seen otherwise
        string line = reason.Contains($"'{visible}'", StringComparison.Ordinal) ? reason : $"{name}: {reason}";
        var info = new RowInfo { Row = output.NextRow, Path = item.Path, Error = reason, Columns = item.Columns };
        if (policy.OnError == OnError.Fail || _failures >= policy.MaxErrors)
        {
            output.EndAt(info);
            throw new DinoException(policy.OnError == OnError.Fail ? $"{line} (--on-error nan or skip goes on without it)" : $"{line}; that is one more than --max-errors {policy.MaxErrors}");
        }

        _failures++;
        Array.Fill(_row, float.NaN);
        if (policy.OnError == OnError.Skip)
            output.Skip(info);
        else
            output.Write(info, _row);
        progress.Report($"dino: {line}");
        progress.Advance(failed: true);
    }

    public void Flush() => output.Flush();
}
