using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Runs;

namespace Dino.Gpu.Data.Vectors;

/// <summary>The embeddings of a file, or of the shards of a run of one or many machines, row by row.</summary>
internal sealed class EmbeddingRows : IDisposable
{
    private readonly EmbeddingFile? _file;
    private readonly IReadOnlyList<RunPart> _parts = [];

    private EmbeddingRows(string name, EmbeddingFile file)
    {
        Name = name;
        _file = file;
        Shape = file.Schema.Shape;
        Columns = file.Schema.Columns;
        Model = file.Schema.Provenance;
    }

    private EmbeddingRows(string name, IReadOnlyList<RunPart> parts)
    {
        Name = name;
        _parts = parts;
        Shape = parts[0].Record.RowShape();
        using var list = InputList.Open(parts[0].Manifest);
        Columns = list.Columns;
        Model = parts[0].Record.Provenance;
    }

    /// <summary>As the user named it.</summary>
    public string Name { get; }

    /// <summary>Shape of a row.</summary>
    public IReadOnlyList<int> Shape { get; }

    /// <summary>Columns that the rows carry.</summary>
    public IReadOnlyList<CarriedColumn> Columns { get; }

    /// <summary>What made the vectors; null if that is not known.</summary>
    public Provenance? Model { get; }

    /// <summary>Opens a file or a run.</summary>
    /// <exception cref="DinoException">It cannot be read, or the run is not finished.</exception>
    public static EmbeddingRows Open(string path)
    {
        UrlInput.Refuse(path);
        MissingInput.Refuse(path);
        if (!Directory.Exists(path))
        {
            EmbeddingFile file = FormatCatalog.OpenReader(path);
            try
            {
                return new EmbeddingRows(path, file);
            }
            catch
            {
                file.Dispose();
                throw;
            }
        }

        IReadOnlyList<RunPart> parts = RunPart.Find([path]);
        RunPart.RefuseUnfinished(parts);
        return new EmbeddingRows(path, parts);
    }

    /// <summary>Reads all rows, once.</summary>
    /// <param name="cancellation">Checked between rows.</param>
    /// <returns>Each row with its values, which are valid until the next.</returns>
    /// <exception cref="DinoException">A file is broken.</exception>
    public IEnumerable<(RowInfo Row, ReadOnlyMemory<float> Values)> Read(CancellationToken cancellation)
    {
        if (_file is not null)
        {
            float[] values = new float[_file.Schema.Length];
            while (_file.Read(values) is { } row)
            {
                cancellation.ThrowIfCancellationRequested();
                yield return (row, values);
            }

            yield break;
        }

        var source = new PartRows(Shape.Aggregate(1, (product, side) => product * side));
        foreach (RunPart part in _parts)
        {
            foreach ((RowInfo row, _) in source.Read(part, part.Record.FirstRow))
            {
                cancellation.ThrowIfCancellationRequested();
                yield return (row, source.Memory);
            }
        }
    }

    public void Dispose() => _file?.Dispose();
}
