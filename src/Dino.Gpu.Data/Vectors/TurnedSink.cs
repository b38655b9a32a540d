using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Vectors;

/// <summary>
/// Rows of the pipeline into a table, where each picture comes in its eight orientations, one after the other. The
/// table has the first; the vectors of all eight are kept beside it.
/// </summary>
/// <param name="table">Takes the pictures.</param>
/// <param name="layout">Shape of a row.</param>
/// <param name="progress">Who is told, once a picture.</param>
internal sealed class TurnedSink(EmbeddingTable.Builder table, RowLayout layout, IEmbeddingProgress progress) : IEmbeddingSink
{
    /// <summary>Orientations of a picture: upright and turned by three right angles, each mirrored or not.</summary>
    public const int Turns = 8;

    private readonly List<float[]> _pictures = []; // (turns, length) each
    private float[] _turned = [];
    private RowInfo? _upright;
    private (string Reason, string? Hint)? _failure;
    private long _next;

    /// <summary>(pictures, turns, length), for every picture that has a vector.</summary>
    public float[] Values()
    {
        float[] values = new float[_pictures.Count * Turns * layout.Length];
        for (int i = 0; i < _pictures.Count; i++)
        {
            _pictures[i].CopyTo(values, i * Turns * layout.Length);
            _pictures[i] = []; // not twice in memory
        }

        return values;
    }

    /// <summary>Every item of a list in its eight orientations.</summary>
    public static IEnumerable<InputItem> Expand(IEnumerable<InputItem> items) =>
        items.SelectMany(item => Enumerable.Range(1, Turns).Select(turn => item with { Turn = turn }));

    public void Embedded(InputItem item, LoadedImage image, DinoOutput output, int index)
    {
        if (item.Turn == 1)
        {
            _turned = new float[Turns * layout.Length];
            _upright = new RowInfo
            {
                Row = _next,
                Path = item.Path,
                Width = image.Width,
                Height = image.Height,
                Sha256 = image.Sha256,
                Columns = item.Columns,
            };
            if (image.Warning is not null)
                progress.Warn(item.Path, image.Warning);
        }

        if (_failure is null)
            layout.Copy(output, index, _turned.AsSpan((item.Turn - 1) * layout.Length, layout.Length));
        EndPicture(item);
    }

    public void Failed(InputItem item, string reason, string? hint)
    {
        _failure ??= (reason, hint);
        EndPicture(item);
    }

    public void Flush()
    {
        // The table is whole or it is not
    }

    private void EndPicture(InputItem item)
    {
        if (item.Turn < Turns)
            return;
        if (_failure is { } failure)
        {
            table.Add(new RowInfo { Row = _next, Path = item.Path, Error = failure.Reason, Columns = item.Columns }, []);
            progress.Report(item.Path, failure.Reason, failure.Hint);
        }
        else
        {
            if ((_pictures.Count + 1L) * Turns * layout.Length > Array.MaxLength)
            {
                throw new DinoException(
                    $"more than {_pictures.Count} pictures in {Turns} orientations do not fit one array",
                    "omit --transforms, or give fewer pictures");
            }

            table.Add(_upright!, _turned.AsSpan(0, layout.Length));
            _pictures.Add(_turned);
        }

        progress.Advance(failed: _failure is not null);
        _failure = null;
        _next++;
    }
}
