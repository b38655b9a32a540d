namespace Dino.Gpu.Files;

/// <summary>Numbers of things in messages.</summary>
internal static class Quantity
{
    /// <summary>Such as <c>1 image</c> or <c>3 images</c>.</summary>
    /// <param name="count">How many.</param>
    /// <param name="one">The word for one.</param>
    /// <param name="many">The word for several; with an s if null.</param>
    public static string Of(long count, string one, string? many = null) => count == 1 ? $"1 {one}" : $"{count} {many ?? one + "s"}";

    /// <summary>Such as <c>its 1 row</c> or <c>all 3 rows</c>.</summary>
    /// <param name="count">How many.</param>
    /// <param name="one">The word for one.</param>
    public static string All(long count, string one) => (count == 1 ? "its " : "all ") + Of(count, one);
}
