using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Pages;

/// <summary>What a row is called in tables and on pages.</summary>
internal static class RowName
{
    /// <summary>
    /// Its path on one line, or its number if the file has no paths. The name of a member of an archive includes the
    /// archive, because its own name may be the path of another file.
    /// </summary>
    public static string Of(RowInfo row) =>
        row.Path.Length == 0 ? $"row {row.Row}" : MessageText.OneLine(row.Archive is null ? row.Path : $"{row.Archive}:{row.Path}");
}
