using System.Formats.Tar;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Inputs;

/// <summary>
/// The images of a tar archive, in its order, each with its place in the file; nothing is unpacked. Other members, such
/// as the .json and .cls of a WebDataset, and
/// hidden ones are left out as in folders. Archives that were joined into one file are read to the last, as by <c>tar
/// -i</c>. Where the file is damaged or ends too early, the
/// members before are good, and a row that fails stands for those that are missing.
/// </summary>
internal static class TarImages
{
    private const int Block = 512;

    /// <summary>The column that says which archive an image is in.</summary>
    public static CarriedColumn ArchiveColumn { get; } = new("archive", ColumnType.Text);

    public static bool IsTar(string file) => Path.GetExtension(file.AsSpan()).Equals(".tar", StringComparison.OrdinalIgnoreCase);

    /// <exception cref="DinoException">Not a tar archive, or damaged before its first member.</exception>
    public static IEnumerable<InputItem> Read(string archive)
    {
        using FileStream file = Open(archive);
        long end = 0; // of what was read
        bool any = false;
        string? damage;
        do
        {
            file.Position = end;
            using var reader = new TarReader(file, leaveOpen: true);
            while ((damage = Next(file, reader, end, out TarEntry? entry)) is null && entry is not null)
            {
                end = End(entry);
                any = true;
                if (ToItem(archive, entry) is { } item)
                    yield return item;
            }

            if (damage is null)
                (damage, end) = SkipEndMark(file, end);
        }
        while (damage is null && end < file.Length);

        if (damage is null)
            yield break;
        if (!any)
            throw new DinoException($"cannot read archive '{archive}': no tar archive, or it is {damage}");
        yield return new InputItem(archive, [archive]) { Problem = $"archive is {damage}; members from there on are missing" };
    }

    /// <summary>The reader skips a member's data by seeking, which goes past the end of a file without a
    /// word.</summary>
    private static long End(TarEntry entry) => entry.DataOffset + (entry.Length + Block - 1) / Block * Block;

    private static InputItem? ToItem(string archive, TarEntry entry)
    {
        // GNU tar's sparse files are kept in pieces under a made-up name.
        string? sparse = entry is PosixTarEntry and PaxTarEntry pax
            && pax.ExtendedAttributes.TryGetValue("GNU.sparse.name", out string? name) ? name : null;
        string path = sparse ?? entry.Name;
        bool isFile = entry.EntryType is TarEntryType.RegularFile or TarEntryType.V7RegularFile or TarEntryType.ContiguousFile;
        bool isLink = entry.EntryType is TarEntryType.HardLink or TarEntryType.SymbolicLink;
        if (!(isFile || isLink) || IsHidden(path) || !ImageFileNames.IsImage(path))
            return null;
        return new InputItem(path, [archive])
        {
            Archive = archive,
            Offset = isFile ? entry.DataOffset : 0,
            Length = entry.Length,
            Problem = isLink ? $"is a link to {entry.LinkName} inside the archive, not a file"
                : sparse is not null ? "is stored as a sparse file in the archive; pack it without --sparse"
                : null,
        };
    }

    private static bool IsHidden(string path)
    {
        foreach (Range part in path.AsSpan().Split('/'))
        {
            ReadOnlySpan<char> name = path.AsSpan(part);
            if (ImageFileNames.IsHidden(name) && name is not ("." or ".."))
                return true;
        }

        return false;
    }

    private static FileStream Open(string archive)
    {
        try
        {
            // Headers lie far apart: a small buffer, since what is read ahead of one is thrown away.
            return new FileStream(RegularFile.Open(archive), FileAccess.Read, bufferSize: 4 * Block);
        }
        catch (DinoException failure)
        {
            throw new DinoException($"cannot read archive '{archive}': {failure.Message}", failure);
        }
    }

    /// <summary>The next member, or null at an end mark.</summary>
    /// <returns>What is wrong, or null.</returns>
    private static string? Next(FileStream file, TarReader reader, long end, out TarEntry? entry)
    {
        entry = null;
        try
        {
            entry = reader.GetNextEntry();
            return entry is not null
                && entry.DataOffset + entry.Length > file.Length ? $"cut short after {file.Length} bytes inside {entry.Name}" : null;
        }
        catch (EndOfStreamException)
        {
            return $"cut short after {file.Length} bytes inside a header";
        }
        catch (NotSupportedException failure)
        {
            return $"packed in a way that is not read from byte {end} on: {failure.Message} Pack it again without --sparse, in the "
                + $"pax or GNU format";
        }
        catch (Exception failure) when (
            failure is IOException or InvalidDataException or FormatException or ArgumentException or OverflowException)
        {
            return $"damaged from byte {end} on ({failure.Message.ReplaceLineEndings(" ")})";
        }
    }

    /// <summary>Goes to what follows the zeros of an end mark: the end of the file, or the archive that was joined
    /// on.</summary>
    private static (string? Damage, long End) SkipEndMark(FileStream file, long end)
    {
        byte[] buffer = new byte[128 * Block];
        long start = end;
        try
        {
            while (RandomAccess.Read(file.SafeFileHandle, buffer, end) is var read and > 0)
            {
                int other = buffer.AsSpan(0, read).IndexOfAnyExcept((byte)0);
                end += other < 0 ? read : other / Block * Block;
                if (other >= 0)
                    break;
            }
        }
        catch (IOException failure)
        {
            return ($"damaged from byte {end} on ({failure.Message.ReplaceLineEndings(" ")})", end);
        }

        return end - start >= Block
            ? (null, end)
            : ($"cut short after {file.Length} bytes without the block of zeros that ends an archive", end);
    }
}
