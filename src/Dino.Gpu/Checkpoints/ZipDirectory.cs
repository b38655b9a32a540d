using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;
using System.Text;
using Dino.Gpu.Files;

namespace Dino.Gpu.Checkpoints;

/// <summary>A file inside a zip archive.</summary>
/// <param name="DataOffset">First of its bytes.</param>
/// <param name="StoredSize">Bytes that it takes in the archive.</param>
/// <param name="Size">Bytes that it has.</param>
/// <param name="Crc">CRC-32 of these.</param>
/// <param name="IsDeflated">Whether it is compressed.</param>
internal readonly record struct ZipEntry(long DataOffset, long StoredSize, long Size, uint Crc, bool IsDeflated);

/// <summary>
/// The directory of a zip archive. <c>torch.save</c> stores its entries, so that a tensor can be read in place; an
/// archive that was packed again has them deflated. Every offset is checked, and no two entries may share a byte.
/// </summary>
internal sealed class ZipDirectory
{
    private const uint LocalSignature = 0x04034B50;
    private const uint CentralSignature = 0x02014B50;
    private const uint EndSignature = 0x06054B50;
    private const uint Zip64EndSignature = 0x06064B50;
    private const uint Zip64LocatorSignature = 0x07064B50;
    private const int LocalLength = 30;
    private const int CentralLength = 46;
    private const int EndLength = 22;
    private const int Zip64EndLength = 56;
    private const int Zip64LocatorLength = 20;
    private const int MaxDirectoryBytes = 16 << 20;
    private const int Stored = 0;
    private const int Deflated = 8;

    /// <summary>
    /// Weights compress by a tenth. A file that claims to inflate to more than this many times its length, and what a
    /// small pickle may take beyond it, is a bomb.
    /// </summary>
    private const int MaxInflation = 6;

    /// <inheritdoc cref="MaxInflation"/>
    private const int SpareInflation = 1 << 20;

    private readonly CheckpointFile _file;
    private readonly Dictionary<string, ZipEntry> _entries = new(StringComparer.Ordinal);
    private readonly List<(long Start, long End, string Name)> _ranges = [];

    private ZipDirectory(CheckpointFile file) => _file = file;

    public IReadOnlyDictionary<string, ZipEntry> Entries => _entries;

    /// <exception cref="DinoException">
    /// The archive is truncated, lies about a size or has entries that overlap.
    /// </exception>
    public static ZipDirectory Read(CheckpointFile file)
    {
        var directory = new ZipDirectory(file);
        (long offset, long size, long count) = directory.FindDirectory();
        if (offset < 0 || size < 0 || offset > file.Length || size > file.Length - offset)
            throw file.Error($"bad zip: its directory claims {size} bytes at {offset}, the file has {file.Length}");
        if (size > MaxDirectoryBytes) throw file.Error($"bad zip: its directory claims {size} bytes, at most {MaxDirectoryBytes} are read");
        if (count < 0 || count > size / CentralLength)
            throw file.Error($"bad zip: it claims {count} entries in a directory of {size} bytes");

        byte[] bytes = new byte[size];
        file.Read(offset, bytes, "the zip directory");
        int position = 0;
        for (long i = 0; i < count; i++) position = directory.ReadEntry(bytes, position, offset);
        directory.CheckOverlaps();
        directory.CheckInflation();
        return directory;
    }

    /// <summary>The bytes of an entry as a file, and where they begin in it.</summary>
    public (CheckpointFile File, long Offset) Open(ZipEntry entry) =>
        entry.IsDeflated ? (_file.Inside(entry.Size, () => Inflate(entry)), 0) : (_file, entry.DataOffset);

    private byte[] Inflate(ZipEntry entry)
    {
        byte[] stored = new byte[entry.StoredSize];
        _file.Read(entry.DataOffset, stored, "a compressed zip entry");
        byte[] bytes = new byte[entry.Size];
        try
        {
            using var inflater = new DeflateStream(new MemoryStream(stored), CompressionMode.Decompress);
            inflater.ReadExactly(bytes);
            if (inflater.ReadByte() < 0 && Crc32.HashToUInt32(bytes) == entry.Crc)
                return bytes;
        }
        catch (Exception failure) when (failure is InvalidDataException or EndOfStreamException)
        {
            // the same line as for a checksum that is wrong
        }

        throw _file.Error("bad zip: a compressed entry is damaged");
    }

    private void CheckInflation()
    {
        ZipEntry[] deflated = [.. _entries.Values.Where(entry => entry.IsDeflated)];
        long claimed = deflated.Sum(entry => Math.Min(entry.Size, int.MaxValue));
        bool isTooLong = Array.Exists(deflated, entry => Math.Max(entry.Size, entry.StoredSize) > Array.MaxLength);
        if (isTooLong || claimed > MaxInflation * _file.Length + SpareInflation)
            throw _file.Error($"its compressed entries claim {claimed} bytes or more, too many for a file of {_file.Length}");
    }

    /// <summary>The end record stands at the end of the file, before a comment of at most 65535 bytes.</summary>
    private (long Offset, long Size, long Count) FindDirectory()
    {
        int length = (int)Math.Min(_file.Length, EndLength + ushort.MaxValue);
        byte[] tail = new byte[length];
        long tailOffset = _file.Length - length;
        _file.Read(tailOffset, tail, "the end of the zip");
        for (int i = length - EndLength; i >= 0; i--)
        {
            ReadOnlySpan<byte> end = tail.AsSpan(i);
            if (U32(end) != EndSignature || U16(end[20..]) != length - EndLength - i) continue;
            var (offset, size, count) = ((long)U32(end[16..]), (long)U32(end[12..]), (long)U16(end[10..]));
            long locator = tailOffset + i - Zip64LocatorLength;
            return FindZip64(locator) ?? (offset, size, count);
        }

        throw _file.Error("truncated: a zip without its directory at the end");
    }

    private (long Offset, long Size, long Count)? FindZip64(long locatorOffset)
    {
        if (locatorOffset < 0) return null;
        Span<byte> locator = stackalloc byte[Zip64LocatorLength];
        _file.Read(locatorOffset, locator, "the zip64 locator");
        if (U32(locator) != Zip64LocatorSignature) return null;

        Span<byte> end = stackalloc byte[Zip64EndLength];
        _file.Read(I64(locator[8..]), end, "the zip64 end record");
        if (U32(end) != Zip64EndSignature) throw _file.Error("bad zip: no zip64 end record where the locator points");
        return (I64(end[48..]), I64(end[40..]), I64(end[32..]));
    }

    private int ReadEntry(byte[] directory, int position, long directoryOffset)
    {
        ReadOnlySpan<byte> rest = directory.AsSpan(position);
        if (rest.Length < CentralLength || U32(rest) != CentralSignature) throw _file.Error("bad zip: broken directory");
        int flags = U16(rest[8..]);
        int method = U16(rest[10..]);
        long compressed = U32(rest[20..]);
        long size = U32(rest[24..]);
        int nameLength = U16(rest[28..]);
        int extraLength = U16(rest[30..]);
        int commentLength = U16(rest[32..]);
        long offset = U32(rest[42..]);
        int total = CentralLength + nameLength + extraLength + commentLength;
        if (rest.Length < total) throw _file.Error("bad zip: broken directory");

        ReadOnlySpan<byte> nameBytes = rest.Slice(CentralLength, nameLength);
        string name = Encoding.UTF8.GetString(nameBytes);
        string label = MessageText.Quote(name);
        ReadZip64(rest.Slice(CentralLength + nameLength, extraLength), label, ref size, ref compressed, ref offset);

        if ((flags & 1) != 0) throw _file.Error($"zip entry {label} is encrypted");
        if (method is not (Stored or Deflated))
        {
            throw _file.Error(
                $"zip entry {label} is compressed by method {method}, expected stored or deflated",
                "save the checkpoint again with torch.save");
        }

        if (method == Stored && size != compressed)
            throw _file.Error($"bad zip: entry {label} is stored in {compressed} bytes and claims {size}");
        var entry = new ZipEntry(offset, compressed, size, U32(rest[16..]), method == Deflated);
        AddEntry(name, label, nameBytes, entry, directoryOffset);
        return position + total;
    }

    /// <summary>
    /// The zip64 extra field holds, in this order, those of the three numbers that do not fit 32 bits.
    /// </summary>
    private void ReadZip64(ReadOnlySpan<byte> extra, string label, ref long size, ref long compressed, ref long offset)
    {
        while (extra.Length >= 4)
        {
            int id = U16(extra);
            int length = U16(extra[2..]);
            if (length > extra.Length - 4) break;
            if (id == 1)
            {
                ReadOnlySpan<byte> values = extra.Slice(4, length);
                Take(ref size, ref values, label);
                Take(ref compressed, ref values, label);
                Take(ref offset, ref values, label);
                return;
            }

            extra = extra[(4 + length)..];
        }
    }

    private void Take(ref long value, ref ReadOnlySpan<byte> values, string label)
    {
        if (value != uint.MaxValue) return;
        if (values.Length < 8) throw _file.Error($"bad zip: broken zip64 field of entry {label}");
        value = I64(values);
        values = values[8..];
    }

    /// <param name="name">Its name.</param>
    /// <param name="label">The name in a message.</param>
    /// <param name="nameBytes">The name in the file.</param>
    /// <param name="entry">As the directory has it, with the offset of its header.</param>
    /// <param name="directoryOffset">Where the entries end.</param>
    private void AddEntry(string name, string label, ReadOnlySpan<byte> nameBytes, ZipEntry entry, long directoryOffset)
    {
        (long offset, long stored, long size) = (entry.DataOffset, entry.StoredSize, entry.Size);
        if (stored < 0 || offset < 0 || size < 0 || offset > directoryOffset - LocalLength)
            throw _file.Error($"bad zip: entry {label} claims {size} bytes at {offset}, outside the archive's {directoryOffset}");
        byte[] local = new byte[LocalLength + nameBytes.Length];
        _file.Read(offset, local, $"zip entry {label}");
        bool isSame = U16(local.AsSpan(26)) == nameBytes.Length && nameBytes.SequenceEqual(local.AsSpan(LocalLength));
        if (U32(local) != LocalSignature || !isSame)
            throw _file.Error($"bad zip: no entry {label} where the directory says it is");

        long localSize = U32(local.AsSpan(22));
        bool sizeFollows = (U16(local.AsSpan(6)) & 8) != 0;
        if (!sizeFollows && localSize != uint.MaxValue && localSize != size)
            throw _file.Error($"bad zip: entry {label} has {size} bytes in the directory and {localSize} in its own header");

        long data = offset + LocalLength + nameBytes.Length + U16(local.AsSpan(28));
        if (data > directoryOffset || stored > directoryOffset - data)
            throw _file.Error($"bad zip: entry {label} claims {stored} bytes at {data}, outside the archive's {directoryOffset}");
        if (!_entries.TryAdd(name, entry with { DataOffset = data })) throw _file.Error($"bad zip: two entries named {label}");
        _ranges.Add((offset, data + stored, name));
    }

    private void CheckOverlaps()
    {
        _ranges.Sort();
        for (int i = 1; i < _ranges.Count; i++)
        {
            if (_ranges[i].Start < _ranges[i - 1].End)
            {
                throw _file.Error(
                    $"bad zip: entries {MessageText.Quote(_ranges[i - 1].Name)} and {MessageText.Quote(_ranges[i].Name)} overlap");
            }
        }
    }

    private static ushort U16(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private static uint U32(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    private static long I64(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt64LittleEndian(bytes);
}
