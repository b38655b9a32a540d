using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Pages;

/// <summary>What a row is called in tables and on pages.</summary>
internal static class RowName
{
    /// <summary>
    /// Its path on one line. If there are no paths, its number, with the file where rows of several are shown. The name
    /// of a member of an archive includes the archive, because its own name may be the path of another file.
    /// </summary>
    public static string Of(RowInfo row) => MessageText.OneLine(
        row.Path.Length > 0 ? row.Archive is null ? row.Path : $"{row.Archive}:{row.Path}"
        : row.File is null ? $"row {row.Row}"
        : $"{row.File}, row {row.Row}");
}
