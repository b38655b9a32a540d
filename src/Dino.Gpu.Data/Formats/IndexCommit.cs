using System.Buffers.Binary;
using System.IO.Hashing;
using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// How much of an index counts. The file has two places for it. A new one is written, after its rows are on the disk,
/// in the place of the one before the last: a process that is killed at any byte leaves the last one whole.
/// </summary>
/// <param name="Sequence">The number of the commit; the higher of two counts.</param>
/// <param name="Length">Bytes of the file that count.</param>
/// <param name="Rows">Rows in them, removed ones among them.</param>
/// <param name="Removed">Rows that were removed.</param>
internal readonly record struct IndexCommit(long Sequence, long Length, int Rows, int Removed)
{
    private const int BytesLength = 64;
    private const int SumStart = BytesLength - sizeof(uint);

    private static ReadOnlySpan<byte> Magic => "COMMIT\n\0"u8;

    /// <summary>As the file has it.</summary>
    public byte[] ToBytes()
    {
        byte[] bytes = new byte[BytesLength];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), Sequence);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(16), Length);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(24), Rows);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(28), Removed);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(SumStart), Crc32.HashToUInt32(bytes.AsSpan(0, SumStart)));
        return bytes;
    }

    /// <summary>The commit that counts.</summary>
    /// <exception cref="InvalidDataException">There is none.</exception>
    public static IndexCommit Read(SafeFileHandle file)
    {
        IndexCommit? even = Read(file, 0), odd = Read(file, 1);
        return (even, odd) switch
        {
            ({ } one, { } other) => one.Sequence > other.Sequence ? one : other,
            _ => even ?? odd ?? throw new InvalidDataException("the index was never saved, or its header is damaged"),
        };
    }

    private static IndexCommit? Read(SafeFileHandle file, long place)
    {
        byte[] bytes = new byte[BytesLength];
        if (RandomAccess.Read(file, bytes, IndexHeader.CommitStart(place)) < bytes.Length
            || !bytes.AsSpan().StartsWith(Magic)
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(SumStart)) != Crc32.HashToUInt32(bytes.AsSpan(0, SumStart)))
            return null;
        return new IndexCommit(
            BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(8)),
            BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(16)),
            BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(24)),
            BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(28)));
    }
}
