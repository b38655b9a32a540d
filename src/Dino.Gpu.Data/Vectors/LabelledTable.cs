using System.Globalization;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Vectors;

/// <summary>
/// Vectors and what they are labelled with: by a column, else, as torchvision's <c>ImageFolder</c>, by the folder that
/// their image is in.
/// </summary>
internal sealed class LabelledTable
{
    /// <summary>The column that is looked for unless another is named.</summary>
    public const string DefaultColumn = "label";

    private LabelledTable(string input, string[] labels, IReadOnlyList<string> classes)
    {
        Input = input;
        Labels = labels;
        Classes = classes;
    }

    /// <summary>As named on the command line.</summary>
    public string Input { get; }

    /// <summary>One a vector.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>
    /// Every class, sorted: names by their bytes, a column of whole numbers by their value. With those whose images all
    /// failed, or that have none.
    /// </summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>Finds the labels.</summary>
    /// <param name="input">What the vectors are of.</param>
    /// <param name="table">The vectors.</param>
    /// <param name="columnName">Of the labels; null for <see cref="DefaultColumn"/> where there is one.</param>
    /// <exception cref="DinoException">There is no such column, or a vector has no label.</exception>
    public static LabelledTable Of(string input, EmbeddingTable table, string? columnName)
    {
        int column = table.Columns.TakeWhile(one => one.Name != (columnName ?? DefaultColumn)).Count();
        if (column == table.Columns.Count)
        {
            column = -1;
            if (columnName is not null)
            {
                string found = table.Columns.Count == 0
                    ? "it has no columns"
                    : $"its columns are {string.Join(", ", table.Columns.Select(one => $"'{one.Name}'"))}";
                throw new DinoException($"{input} has no column '{columnName}' to take labels from: {found}");
            }
        }

        bool isImageFolder = Directory.Exists(input) && !EmbeddingTable.IsEmbeddings(input);
        string[] labels = [.. table.Rows.Select(row => Label(row) ?? throw new DinoException(NoLabel(row)))];
        IEnumerable<string> all = labels.Concat(table.Failures.Select(Label).OfType<string>());
        if (isImageFolder)
            all = all.Concat(
                Directory.EnumerateDirectories(input).Select(folder => Path.GetFileName(folder)).Where(
                    name => !ImageFileNames.IsHidden(name)));
        string[] classes = [.. all.Distinct(StringComparer.Ordinal)];
        bool numbers = column >= 0
            && classes.All(name => long.TryParse(name, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _));
        return new LabelledTable(
            input, labels, [.. numbers ? classes.OrderBy(name => long.Parse(name, CultureInfo.InvariantCulture))
                : classes.Order(PathOrder.Instance)]);

        string? Label(RowInfo row) =>
            column >= 0 ? (string?)ColumnTypes.Convert(row.Columns[column], ColumnType.Text) is { Length: > 0 } text ? text : null
            : isImageFolder ? FirstFolder(Path.GetRelativePath(input, row.Path))
            : Path.GetFileName(Path.GetDirectoryName(row.Path)) is { Length: > 0 } folder ? folder : null;

        string NoLabel(RowInfo row) =>
            column >= 0 ? $"{input}, row {row.Row}{(row.Path.Length > 0 ? $" ({row.Path})" : "")}: no label in the column "
                + $"'{table.Columns[column].Name}'"
            : row.Path.Length == 0 ? $"{input} has neither a column '{DefaultColumn}' nor paths: take a format that has them (.npz, "
                + $".jsonl, .csv, .parquet) or the folder of a run"
            : isImageFolder ? $"{row.Path} is of no class: expected {Path.Combine(input, "CLASS", Path.GetFileName(row.Path))}"
            : $"{row.Path} is of no class: it is in no folder, and there is no column '{DefaultColumn}' (--label-column names another)";
    }

    /// <summary>Labels as indices of a list of classes.</summary>
    /// <exception cref="DinoException">A label is not in the list.</exception>
    public int[] Indices(IReadOnlyList<string> classes, string owner)
    {
        var places = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < classes.Count; i++)
            places[classes[i]] = i;
        string[] unknown = [.. Labels.Where(label => !places.ContainsKey(label)).GroupBy(label => label)
            .Select(group => $"'{group.Key}' ({group.Count()})")];
        if (unknown.Length > 0)
        {
            string rest = unknown.Length > 3 ? $" and {unknown.Length - 3} more" : "";
            throw new DinoException($"{Input} has images of classes that {owner} lacks: {string.Join(", ", unknown.Take(3))}{rest}");
        }

        return [.. Labels.Select(label => places[label])];
    }

    private static string? FirstFolder(string path)
    {
        int end = path.IndexOfAny([Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar]);
        return end > 0 ? path[..end] : null;
    }
}
