using System.Globalization;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Vectors;

/// <summary>
/// The labels of vectors. A column has them; if there is none, the label is the name of the image's folder, as in
/// torchvision's <c>ImageFolder</c>.
/// </summary>
internal sealed class LabeledTable
{
    /// <summary>The column with the labels, unless another is named.</summary>
    public const string DefaultColumn = "label";

    private LabeledTable(string input, string[] labels, IReadOnlyList<string> classes)
    {
        Input = input;
        Labels = labels;
        Classes = classes;
    }

    /// <summary>What the vectors are of, as the user named it.</summary>
    public string Input { get; }

    /// <summary>One per vector.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>
    /// Every class, sorted: names by their bytes, whole numbers of a column by their value. It includes classes without
    /// images, and those whose images all failed.
    /// </summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>Finds the labels.</summary>
    /// <param name="input">What the vectors are of.</param>
    /// <param name="table">The vectors.</param>
    /// <param name="columnName">
    /// The column with the labels; null for <see cref="DefaultColumn"/>, if there is one.
    /// </param>
    /// <exception cref="DinoException">There is no such column, or a vector has no label.</exception>
    public static LabeledTable Of(string input, EmbeddingTable table, string? columnName)
    {
        int column = table.Columns.Select(one => one.Name).ToList().IndexOf(columnName ?? DefaultColumn);
        if (column < 0 && columnName is not null)
        {
            string found = table.Columns.Count == 0
                ? "it has no columns"
                : $"its columns are {string.Join(", ", table.Columns.Select(one => $"'{one.Name}'"))}";
            throw new DinoException($"{input} has no column '{columnName}' to take labels from: {found}");
        }

        bool isImageFolder = Directory.Exists(input) && !EmbeddingTable.IsEmbeddings(input);
        string[] labels = [.. table.Rows.Select(row => Label(row) ?? throw NoLabel(row))];
        IEnumerable<string> all = labels.Concat(table.Failures.Select(Label).OfType<string>());
        if (isImageFolder)
        {
            IEnumerable<string> folders = Directory.EnumerateDirectories(input).Select(folder => Path.GetFileName(folder));
            all = all.Concat(folders.Where(name => !ImageFileNames.IsHidden(name)));
        }

        string[] classes = [.. all.Distinct(StringComparer.Ordinal)];
        bool numbers = column >= 0
            && classes.All(name => long.TryParse(name, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _));
        IEnumerable<string> sorted = numbers
            ? classes.OrderBy(name => long.Parse(name, CultureInfo.InvariantCulture))
            : classes.Order(PathOrder.Instance);
        return new LabeledTable(input, labels, [.. sorted]);

        string? Label(RowInfo row) =>
            column >= 0 ? (string?)ColumnTypes.Convert(row.Columns[column], ColumnType.Text) is { Length: > 0 } text ? text : null
            : isImageFolder ? FirstFolder(Path.GetRelativePath(input, row.Path))
            : Path.GetFileName(Path.GetDirectoryName(row.Path)) is { Length: > 0 } folder ? folder : null;

        DinoException NoLabel(RowInfo row)
        {
            if (column >= 0)
            {
                string picture = row.Path.Length > 0 ? $" ({row.Path})" : "";
                return new($"{input}, row {row.Row}{picture}: no label in the column '{table.Columns[column].Name}'");
            }

            if (row.Path.Length == 0)
            {
                return new(
                    $"{input} has neither a column '{DefaultColumn}' nor paths",
                    "give .npz, .jsonl, .csv or .parquet, which have them, or the folder of a run");
            }

            if (isImageFolder)
                return new($"{row.Path} is of no class: expected {Path.Combine(input, "CLASS", Path.GetFileName(row.Path))}");
            return new(
                $"{row.Path} is of no class: it is in no folder, and there is no column '{DefaultColumn}'",
                "name the column of the labels with --label-column");
        }
    }

    /// <summary>The labels as indices of a list of classes.</summary>
    /// <param name="classes">The classes.</param>
    /// <param name="owner">Whose classes they are, for messages.</param>
    /// <exception cref="DinoException">A label is not in the list.</exception>
    public int[] Indices(IReadOnlyList<string> classes, string owner)
    {
        var places = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < classes.Count; i++)
            places[classes[i]] = i;
        string[] unknown =
        [
            .. Labels.Where(label => !places.ContainsKey(label))
                .GroupBy(label => label)
                .Select(group => $"'{group.Key}' ({group.Count()})"),
        ];
        if (unknown.Length > 0)
        {
            string rest = unknown.Length > 3 ? $" and {unknown.Length - 3} more" : "";
            throw new DinoException($"{Input} has images of classes that {owner} lacks: {string.Join(", ", unknown.Take(3))}{rest}");
        }

        return [.. Labels.Select(label => places[label])];
    }

    /// <summary>Refuses labels that nothing can be learned from.</summary>
    /// <exception cref="DinoException">A class has no image, or there is only one class.</exception>
    public void RequireClasses()
    {
        var present = Labels.ToHashSet(StringComparer.Ordinal);
        if (Classes.FirstOrDefault(name => !present.Contains(name)) is { } empty)
            throw new DinoException($"{Input} has no readable image of the class '{empty}'", "add an image, or remove the class");
        if (Classes.Count == 1)
            throw new DinoException($"{Input}: expected two classes or more, found '{Classes[0]}' only");
    }

    private static string? FirstFolder(string path)
    {
        int end = path.IndexOfAny([Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar]);
        return end > 0 ? path[..end] : null;
    }
}
