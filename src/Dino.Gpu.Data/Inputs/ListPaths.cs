namespace Dino.Gpu.Data.Inputs;

/// <summary>
/// Where the relative paths of a list or a table begin: in the current directory, as every path; but in the list's own
/// folder where only that has the first of its pictures, as the <c>metadata.csv</c> of a Hugging Face image folder has
/// it.
/// </summary>
/// <param name="file">The list or the table.</param>
internal sealed class ListPaths(string file)
{
    /// <summary>Rows that are tried until one of the two places has the picture.</summary>
    private const int Tried = 100;

    private readonly string _folder = Path.GetDirectoryName(file) ?? "";

    /// <summary>What the user is told once the rows are read; null where there is nothing to tell.</summary>
    public string? Note { get; private set; }

    /// <summary>The rows with paths that lead to the pictures from the current directory.</summary>
    public IEnumerable<InputItem> Resolve(IEnumerable<InputItem> rows)
    {
        var waiting = new List<InputItem>();
        bool? isOwn = _folder.Length == 0 ? false : null;
        foreach (InputItem row in rows)
        {
            if (isOwn is null)
            {
                waiting.Add(row);
                isOwn = IsInOwnFolder(row.Path) ?? (waiting.Count == Tried ? false : null);
                if (isOwn is null)
                    continue;
                if (isOwn.Value)
                    Note = $"the paths in '{file}' begin in its own folder, where its pictures are";
                foreach (InputItem early in waiting)
                    yield return Place(early, isOwn.Value);
                continue;
            }

            yield return Place(row, isOwn.Value);
        }

        if (isOwn is null)
        {
            foreach (InputItem row in waiting)
                yield return row;
        }
    }

    /// <summary>Null where neither place has the picture, or the path says itself where it begins.</summary>
    private bool? IsInOwnFolder(string path) =>
        Path.IsPathRooted(path) ? null
        : File.Exists(path) ? false
        : File.Exists(Path.Combine(_folder, path)) ? true
        : null;

    private InputItem Place(InputItem row, bool isOwn) =>
        isOwn && row.Path.Length > 0 && !Path.IsPathRooted(row.Path) ? row with { Path = Path.Combine(_folder, row.Path) } : row;
}
