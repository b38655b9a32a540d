using System.Security.Cryptography;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;
using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.Data.Vectors;

/// <summary>The picture that the path of a row leads to now.</summary>
/// <param name="File">The file on this machine. For a member of an archive it is the archive.</param>
/// <param name="Sha256">The digest of its bytes, in lower-case hexadecimal.</param>
/// <param name="IsRecorded">
/// Whether the row has the digest of the picture that was embedded. If so, it is this digest.
/// </param>
internal sealed record PictureNow(FileIdentity File, string Sha256, bool IsRecorded)
{
    /// <summary>The fixed part of the messages.</summary>
    public const string Refusal = "cannot list duplicates";

    private const string Hint = "run dedup where the paths lead to the pictures, or embed them again";

    /// <summary>Reads the file.</summary>
    /// <param name="row">A row with a path.</param>
    /// <exception cref="DinoException">
    /// The file does not exist now, or is not the picture that was embedded.
    /// </exception>
    public static PictureNow Of(RowInfo row)
    {
        FileIdentity identity;
        string digest;
        try
        {
            using SafeFileHandle handle = RegularFile.Open(row.Archive ?? row.Path);
            identity = FileIdentity.Of(handle);
            digest = row.Archive is null ? Digest(handle) : DigestOfMember(row);
        }
        catch (Exception failure) when (failure is DinoException or IOException or UnauthorizedAccessException)
        {
            throw new DinoException($"{Refusal}: {Name(row)}: {MessageText.OneLine(failure.Message)}", Hint, failure);
        }

        return row.Sha256 is { } recorded && recorded != digest
            ? throw new DinoException($"{Refusal}: {Name(row)} is not the picture that was embedded (its SHA-256 differs)", Hint)
            : new PictureNow(identity, digest, row.Sha256 is not null);
    }

    private static string Digest(SafeFileHandle handle)
    {
        using var stream = new FileStream(handle, FileAccess.Read, bufferSize: 0);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    /// <summary>
    /// An archive may have several members of one name. The picture is one of them if a digest is the row's.
    /// </summary>
    private static string DigestOfMember(RowInfo row)
    {
        string? last = null;
        foreach (InputItem member in TarImages.Read(row.Archive!).Where(member => member.Path == row.Path))
        {
            last = Convert.ToHexStringLower(SHA256.HashData(member.ReadBytes()));
            if (last == row.Sha256)
                return last;
        }

        return last ?? throw new DinoException("no such member");
    }

    private static string Name(RowInfo row) => MessageText.OneLine(row.Archive is null ? row.Path : $"{row.Archive}:{row.Path}");
}
