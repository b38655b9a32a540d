using System.Buffers.Binary;
using System.Formats.Tar;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Inputs;

/// <summary>
/// Lists the images of a tar archive in its order, each with its place in the file; nothing is unpacked. Leaves out
/// hidden members and those that are no images, such as the .json and .cls of a WebDataset. Reads archives that were
/// joined into one file to the last, as <c>tar -i</c> does. Where the file is damaged or ends too early, the members
/// before are good, and one failed row says that the others are missing.
/// </summary>
internal static class TarImages
{
    private const int Block = 512;

    /// <summary>Bytes of a name or of attributes in front of a member: the longest paths have 4 KiB.</summary>
    private const long LongestPrefix = 1 << 20;

    // Fields of a header.
    private const int SizeOffset = 124;
    private const int SizeLength = 12;
    private const int TypeOffset = 156;

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

    /// <summary>
    /// Where the next header is. The reader skips data by seeking, which goes past the end of a file and says nothing.
    /// </summary>
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
                : path.Contains('\0', StringComparison.Ordinal) ? "its name in the archive is damaged: it has a NUL"
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
            if (HasHugePrefix(file, end))
                return $"damaged from byte {end} on (a name or attributes of more than {LongestPrefix} bytes)";
            entry = reader.GetNextEntry();
            if (entry is null)
                return null;
            if (entry.Length < 0 || entry.DataOffset < end || entry.DataOffset > file.Length)
                return $"damaged from byte {end} on (a member of {entry.Length} bytes)";
            return entry.Length > file.Length - entry.DataOffset ? $"cut short after {file.Length} bytes inside {entry.Name}" : null;
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
            failure is IOException or InvalidDataException or InvalidOperationException or FormatException or ArgumentException
                or OverflowException)
        {
            return $"damaged from byte {end} on ({failure.Message.ReplaceLineEndings(" ")})";
        }
    }

    /// <summary>
    /// Whether a header claims a long name or attributes that no member has. The reader would allocate them.
    /// </summary>
    private static bool HasHugePrefix(FileStream file, long start)
    {
        Span<byte> header = stackalloc byte[Block];
        while (RandomAccess.Read(file.SafeFileHandle, header, start) == Block && "LKxg"u8.Contains(header[TypeOffset]))
        {
            long size = Size(header.Slice(SizeOffset, SizeLength));
            if (size < 0 || size > LongestPrefix)
                return true;
            start += Block + (size + Block - 1) / Block * Block;
        }

        return false;
    }

    /// <summary>
    /// A size in octal digits, or in the high bytes that GNU tar writes; negative where it is neither.
    /// </summary>
    private static long Size(ReadOnlySpan<byte> field)
    {
        if (field[0] >= 0x80)
        {
            bool isLong = field[..^sizeof(long)].IndexOfAnyExcept((byte)0x80, (byte)0) < 0;
            return isLong ? BinaryPrimitives.ReadInt64BigEndian(field[^sizeof(long)..]) : -1;
        }

        ReadOnlySpan<byte> digits = field.Trim(" \0"u8);
        long size = 0;
        foreach (byte digit in digits)
        {
            if (digit is < (byte)'0' or > (byte)'7')
                return -1;
            size = size * 8 + digit - '0';
        }

        return size;
    }

    /// <summary>Skips the zeros of an end mark, to the end of the file or to the archive that was joined on.</summary>
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
