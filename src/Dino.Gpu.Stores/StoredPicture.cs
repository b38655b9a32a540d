using System.Security.Cryptography;
using System.Text;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Stores;

/// <summary>What a store knows of a picture besides its vector.</summary>
/// <param name="Path">The picture, as its user named it, or its name in the archive.</param>
/// <param name="Archive">The tar file that holds it; empty for a file.</param>
public sealed record StoredPicture(string Path, string Archive = "")
{
    /// <summary>SHA-256 of the file in lower-case hexadecimal; null if it is not known.</summary>
    public string? Sha256 { get; init; }

    /// <summary>Width in pixels, upright; null if it is not known.</summary>
    public int? Width { get; init; }

    /// <summary>Height, as <see cref="Width"/>.</summary>
    public int? Height { get; init; }

    /// <summary>
    /// The key of its row: the first 16 bytes of the SHA-256 of archive, a zero byte and path, marked as a UUID of
    /// version 8. So a picture has one row, whoever writes it and however often.
    /// </summary>
    public Guid Id => IdOf(Path, Archive);

    /// <summary>The key of a picture of a list.</summary>
    internal static Guid IdOf(InputItem item) => IdOf(Text(item.Path), Text(item.Archive ?? ""));

    /// <summary>A picture of a list that went through the model.</summary>
    internal static StoredPicture Of(InputItem item) => new(Text(item.Path), Text(item.Archive ?? ""));

    /// <summary>A row of a file of embeddings.</summary>
    internal static StoredPicture Of(RowInfo row) => new(Text(row.Path), Text(row.Archive ?? ""))
    {
        Sha256 = row.Sha256 is null ? null : Text(row.Sha256),
        Width = row.Width,
        Height = row.Height,
    };

    /// <summary>As results of searches show it. Its number is -1: a store has none.</summary>
    internal RowInfo ToRow() => new()
    {
        Row = -1,
        Path = Path,
        Archive = Archive.Length > 0 ? Archive : null,
        Sha256 = Sha256,
        Width = Width,
        Height = Height,
    };

    /// <summary>
    /// A name without halves of characters, which databases refuse, and without zeros, which PostgreSQL refuses: U+FFFD
    /// stands for each. No file has a zero in its name, but a file of embeddings may.
    /// </summary>
    private static string Text(string name) => JsonLinesWriter.Unicode(name).Replace('\0', '\uFFFD');

    private static Guid IdOf(string path, string archive)
    {
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{archive}\0{path}"));
        hash[6] = (byte)((hash[6] & 0x0F) | 0x80); // RFC 9562: version 8
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80); // and its variant
        return new Guid(hash.AsSpan(0, 16), bigEndian: true);
    }
}

/// <summary>A picture and its vector.</summary>
/// <param name="Picture">The picture.</param>
/// <param name="Values">(dimension)</param>
public sealed record StoredVector(StoredPicture Picture, ReadOnlyMemory<float> Values);

/// <summary>A picture that a search found.</summary>
/// <param name="Picture">The picture.</param>
/// <param name="Score">Its cosine with the query, in double precision, of the values as the store returns them.</param>
public sealed record StoreHit(StoredPicture Picture, double Score);
