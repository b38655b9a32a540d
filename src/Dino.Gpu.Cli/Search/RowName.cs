using Dino.Gpu.Cli.Formats;

namespace Dino.Gpu.Cli.Search;

/// <summary>What a row is called in tables and on pages.</summary>
internal static class RowName
{
    /// <summary>Its path, on one line, or its number where the file has no paths.</summary>
    public static string Of(RowInfo row) => row.Path.Length > 0 ? DinoCommandLine.OneLine(row.Path) : $"row {row.Row}";
}
