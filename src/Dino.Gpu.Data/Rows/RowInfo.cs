namespace Dino.Gpu.Data.Rows;

/// <summary>What a row says about its image, besides the values.</summary>
internal sealed record RowInfo
{
    /// <summary>
    /// Row of the input list, from 0. With <c>--on-error skip</c> the rows of failed images are missing.
    /// </summary>
    public required long Row { get; init; }

    /// <summary>The image, as the user named it.</summary>
    public required string Path { get; init; }

    /// <summary>
    /// The tar file that holds the image. Tables find it in the carried columns; it is null for a file, and outside of
    /// tables.
    /// </summary>
    public string? Archive { get; init; }

    /// <summary>
    /// The file of embeddings that has the row, as the user named it, where rows of several are one table; else null.
    /// <see cref="Row"/> counts the rows of this file.
    /// </summary>
    public string? File { get; init; }

    /// <summary>Width of the picture in the file in pixels, upright; null if it could not be read.</summary>
    public int? Width { get; init; }

    /// <summary>Height, as <see cref="Width"/>.</summary>
    public int? Height { get; init; }

    /// <summary>
    /// SHA-256 of the image file in lower-case hexadecimal, if <see cref="RowSchema.Sha256"/> asks for it.
    /// </summary>
    public string? Sha256 { get; init; }

    /// <summary>Why there is no embedding, in one line; null if there is one.</summary>
    public string? Error { get; init; }

    /// <summary>One value for each of <see cref="RowSchema.Columns"/>.</summary>
    public IReadOnlyList<object?> Columns { get; init; } = [];
}
