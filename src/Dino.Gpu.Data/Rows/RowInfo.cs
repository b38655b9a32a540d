namespace Dino.Gpu.Data.Rows;

/// <summary>What a row says of its image beside the values.</summary>
internal sealed record RowInfo
{
    /// <summary>
    /// Row of the input list, from 0. Rows that failed images do not fill are missing with <c>--on-error skip</c>.
    /// </summary>
    public required long Row { get; init; }

    /// <summary>The image, as the user named it.</summary>
    public required string Path { get; init; }

    /// <summary>
    /// The tar file that the image is a member of, as tables find it in the rows' columns; null for a file, and outside
    /// tables.
    /// </summary>
    public string? Archive { get; init; }

    /// <summary>Width of the picture in the file in pixels, upright; null where it could not be read.</summary>
    public int? Width { get; init; }

    /// <summary>Height, as <see cref="Width"/>.</summary>
    public int? Height { get; init; }

    /// <summary>
    /// SHA-256 of the image file in lower-case hexadecimal, where <see cref="RowSchema.Sha256"/> asks for it.
    /// </summary>
    public string? Sha256 { get; init; }

    /// <summary>Why there is no embedding, in one line; null where there is one.</summary>
    public string? Error { get; init; }

    /// <summary>One value for each of <see cref="RowSchema.Columns"/>.</summary>
    public IReadOnlyList<object?> Columns { get; init; } = [];
}
