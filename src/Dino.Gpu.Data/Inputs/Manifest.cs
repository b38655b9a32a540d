using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;
using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.Data.Inputs;

/// <summary>
/// A table with one image a row: a column holds the path, relative to the current directory as every path is, and the
/// other columns are carried into the output.
/// </summary>
/// <param name="file">The table's file, for messages too.</param>
internal abstract class Manifest(string file)
{
    private const string PackedExtension = ".gz";

    /// <summary>Names of the column with the paths, first choice first; capitals do not matter.</summary>
    private static readonly string[] PathColumns = ["path", "file", "filename", "file_name", "image"];

    /// <summary>What the log of a run's failures has, which is the list of what to try again.</summary>
    private static readonly string[] ErrorLogColumns = ["error", "path", "row"];

    /// <summary>Columns that every output of dino with the rows' paths has beside the vectors.</summary>
    private static readonly string[] PictureColumns = ["width", "height"];

    /// <summary>The table's file.</summary>
    protected string File { get; } = file;

    /// <summary>The carried columns.</summary>
    public abstract IReadOnlyList<CarriedColumn> Columns { get; }

    /// <summary>What the user should know about its columns; null where there is nothing to tell.</summary>
    public string? Note { get; private set; }

    /// <summary>What a row is called in messages.</summary>
    protected virtual string RowKind => "line";

    public static bool IsManifest(string file) => Kind(file) is not null;

    /// <summary>
    /// Whether a file that is named as a list of paths is a table: by its name, and a first line that is no path.
    /// </summary>
    public static bool IsTable(string file, string firstLine) => Kind(file) switch
    {
        null => false,
        ".csv" => IsHeader(firstLine, ','),
        ".tsv" => IsHeader(firstLine, '\t'),
        _ => firstLine.AsSpan().TrimStart() is ['{' or '[', ..],
    };

    private static bool IsHeader(string line, char separator) => !System.IO.File.Exists(line)
        && line.Split(separator).Any(name => PathColumns.Contains(name.Trim('"', '\uFEFF'), StringComparer.OrdinalIgnoreCase));

    /// <summary>Reads what is needed to know the columns and their types.</summary>
    /// <param name="file">A .csv, .tsv, .jsonl, .ndjson or .json file, as it is or packed (.gz), or a .parquet or .pq
    /// file.</param>
    /// <param name="pathColumn">The column with the paths; null for the first of the usual names.</param>
    /// <exception cref="DinoException">It cannot be read, is malformed, has no column of paths, or one that cannot be
    /// carried.</exception>
    public static Manifest Open(string file, string? pathColumn) => Kind(file) switch
    {
        ".csv" => new CsvManifest(file, pathColumn, ','),
        ".tsv" => new CsvManifest(file, pathColumn, '\t'),
        ".parquet" or ".pq" => new ParquetManifest(file, pathColumn),
        _ => new JsonLinesManifest(file, pathColumn),
    };

    /// <summary>The rows, read as they are asked for.</summary>
    /// <exception cref="DinoException">A row is malformed or has no path; the message says which.</exception>
    public abstract IEnumerable<InputItem> Rows();

    /// <summary>Which column holds the paths and which are carried, by their numbers.</summary>
    protected (int Path, int[] Carried) Choose(IReadOnlyList<string> names, string? pathColumn)
    {
        IEnumerable<string> named = names.Where(name => name.Length > 0);
        if (named.GroupBy(name => name, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw Failed($"two columns are named '{twice.Key}': rename one");
        int path = pathColumn is null
            ? PathColumns.Select(usual => IndexOf(names, usual, StringComparison.OrdinalIgnoreCase)).FirstOrDefault(index => index >= 0, -1)
            : IndexOf(names, pathColumn, StringComparison.Ordinal);
        if (path < 0)
        {
            string expected = pathColumn is null
                ? $"{string.Join(", ", PathColumns)}, or another that --path-column names"
                : $"'{pathColumn}' (--path-column)";
            string found = string.Join(", ", names.Take(10)) + (names.Count > 10 ? ", ..." : "");
            string? hint = names.Any(name => ImageFileNames.IsImage(name))
                ? "its first line looks like a row: put the names of the columns above it, or name a list of paths alone as @FILE"
                : null;
            string missing = $"no column with the paths: expected {expected}, found {(names.Count == 0 ? "no column" : found)}";
            throw Failure($"cannot read '{File}': {missing}", cause: null, hint);
        }

        // Output of dino is a list too. Its own columns are left out, since the next output writes them again. Where the
        // table is not all that dino writes, they may be the user's.
        bool hasVectors = names.Contains(RowSchema.EmbeddingColumn) || names.Contains("e0");
        bool isOutput = hasVectors || names.Order(StringComparer.Ordinal).SequenceEqual(ErrorLogColumns);
        var carried = new List<int>();
        var left = new List<string>();
        int index = RowSchema.IndexColumns(names);
        for (int i = 0; i < names.Count; i++)
        {
            bool isOwn = RowSchema.IsOwnColumn(names[i]) || RowSchema.IsValueColumn(names[i]);
            if (i == path || i < index)
                continue;
            if (isOwn && isOutput)
            {
                left.Add(names[i]);
                continue;
            }

            if (isOwn)
                throw Failed($"column '{names[i]}' has the name of a column that dino writes: rename it, such as to 'input_{names[i]}'");
            if (names[i].Length == 0)
                throw Failed($"column {i + 1} has no name");
            carried.Add(i);
        }

        if (hasVectors && !PictureColumns.All(names.Contains))
            Note = LeftOut(left);
        return (path, [.. carried]);
    }

    private string LeftOut(List<string> names)
    {
        const int Named = 6;
        string others = names.Count > Named ? $", and {names.Count - Named} more" : "";
        return $"left out of '{File}' as columns of dino's own output: {string.Join(", ", names.Take(Named))}{others} (rename one to "
            + "carry it)";
    }

    /// <summary>Opens the file without blocking on what is none.</summary>
    protected SafeFileHandle OpenFile()
    {
        try
        {
            return RegularFile.Open(File);
        }
        catch (DinoException failure)
        {
            throw new DinoException($"cannot read '{File}': {failure.Message}", failure);
        }
    }

    /// <summary>Opens the file for reading from its start to its end, unpacked where it is packed.</summary>
    protected Stream OpenStream()
    {
        var stream = new FileStream(OpenFile(), FileAccess.Read);
        Span<byte> start = stackalloc byte[2];
        int length = RandomAccess.Read(stream.SafeFileHandle, start, 0);
        if (start[..length].StartsWith<byte>([0x1F, 0x8B]))
            return new GzipInput(stream);
        if (!IsPacked(File))
            return stream;
        stream.Dispose();
        throw Failed($"it is not packed by gzip, expected so by its name (rename it to end without {PackedExtension})");
    }

    /// <summary>A failure of the whole file.</summary>
    protected DinoException Failed(string reason, Exception? cause = null) => Failure($"cannot read '{File}': {reason}", cause);

    /// <summary>A failure of one row, by its number as <see cref="RowKind"/> has it.</summary>
    protected DinoException Failed(long row, string reason, Exception? cause = null, string? hint = null) =>
        Failure($"cannot read '{File}', {RowKind} {row}: {reason}", cause, hint);

    private static DinoException Failure(string message, Exception? cause, string? hint = null) =>
        cause is null ? new DinoException(message, hint) : new DinoException(message, hint, cause);

    /// <summary>The extension that says what the file holds; null for what is no table.</summary>
    protected static string? Kind(string file) =>
        Path.GetExtension(IsPacked(file) ? file[..^PackedExtension.Length] : file).ToLowerInvariant() switch
        {
            ".parquet" or ".pq" when IsPacked(file) => null,
            var kind and (".csv" or ".tsv" or ".jsonl" or ".ndjson" or ".json" or ".parquet" or ".pq") => kind,
            _ => null,
        };

    private static bool IsPacked(string file) => file.EndsWith(PackedExtension, StringComparison.OrdinalIgnoreCase);

    private static int IndexOf(IReadOnlyList<string> names, string name, StringComparison comparison)
    {
        for (int i = 0; i < names.Count; i++)
        {
            if (comparison == StringComparison.Ordinal ? names[i] == name : names[i].Trim().Equals(name, comparison))
                return i;
        }

        return -1;
    }
}
