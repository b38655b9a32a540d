using System.Formats.Tar;
using Dino.Gpu.Cli.Formats;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Cli.Inputs;

/// <summary>
/// The images of a tar archive, in its order, each with its place in the file; nothing is unpacked. Other members, such as the .json and .cls of a WebDataset, and
/// hidden ones are left out as in folders.
/// </summary>
internal static class TarImages
{
    private const int Block = 512;

    /// <summary>The column that says which archive an image is in.</summary>
    public static CarriedColumn ArchiveColumn { get; } = new("archive", ColumnType.Text);

    public static bool IsTar(string file) => Path.GetExtension(file.AsSpan()).Equals(".tar", StringComparison.OrdinalIgnoreCase);

    /// <exception cref="DinoException">Not a tar archive, damaged, or cut short.</exception>
    public static IEnumerable<InputItem> Read(string archive)
    {
        using FileStream file = Open(archive);
        using var reader = new TarReader(file, leaveOpen: true);
        long end = 0;
        while (Next(archive, reader) is { } entry)
        {
            // The reader skips a member's data by seeking, which goes past the end of a file without a word.
            end = entry.DataOffset + (entry.Length + Block - 1) / Block * Block;
            if (entry.DataOffset + entry.Length > file.Length)
                throw Truncated(archive, file, $"inside {entry.Name}");
            if (ToItem(archive, entry) is { } item)
                yield return item;
        }

        if (!HasEndMark(archive, file, end))
            throw Truncated(archive, file, "without the block of zeros that ends an archive");
    }

    private static InputItem? ToItem(string archive, TarEntry entry)
    {
        // GNU tar's sparse files are kept in pieces under a made-up name.
        string? sparse = entry is PosixTarEntry and PaxTarEntry pax && pax.ExtendedAttributes.TryGetValue("GNU.sparse.name", out string? name) ? name : null;
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

    private static TarEntry? Next(string archive, TarReader reader)
    {
        try
        {
            return reader.GetNextEntry();
        }
        catch (EndOfStreamException failure)
        {
            throw new DinoException($"cannot read archive '{archive}': it is cut short inside a header", failure);
        }
        catch (NotSupportedException failure)
        {
            throw new DinoException($"cannot read archive '{archive}': {failure.Message} Pack it again without --sparse, in the pax or GNU format.", failure);
        }
        catch (Exception failure) when (failure is IOException or InvalidDataException or FormatException or ArgumentException or OverflowException)
        {
            throw new DinoException($"cannot read archive '{archive}': no tar archive, or a damaged one ({failure.Message.ReplaceLineEndings(" ")})", failure);
        }
    }

    private static bool HasEndMark(string archive, FileStream file, long end)
    {
        Span<byte> mark = stackalloc byte[Block];
        try
        {
            return RandomAccess.Read(file.SafeFileHandle, mark, end) == Block && !mark.ContainsAnyExcept((byte)0);
        }
        catch (IOException failure)
        {
            throw new DinoException($"cannot read archive '{archive}': {failure.Message}", failure);
        }
    }

    private static DinoException Truncated(string archive, FileStream file, string where) =>
        new($"cannot read archive '{archive}': it is cut short, after {file.Length} bytes {where}");
}
