using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;

namespace Dino.Gpu.Fuzz;

/// <summary>Makes the checksums of damaged files right, so that readers go on to what the damage means.</summary>
internal static class Repairs
{
    /// <summary>Records of length, content and CRC-32.</summary>
    public static void Journal(byte[] file)
    {
        for (int at = 0; at + 2 * sizeof(int) < file.Length;)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at));
            int most = file.Length - at - 2 * sizeof(int);
            if (length < 1 || length > most)
                BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(at), length = most);
            at += sizeof(int);
            BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(at + length), Crc32.HashToUInt32(file.AsSpan(at, length)));
            at += length + sizeof(int);
        }
    }

    /// <summary>The header, both commits and the segments of an index, as far as their lengths lead.</summary>
    public static void Index(byte[] file)
    {
        const int TextStart = 1536, Part = 64, SumStart = Part - sizeof(uint);
        if (file.Length < TextStart)
            return;
        int text = Math.Clamp(BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(20)), 0, file.Length - TextStart);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(20), text);
        BinaryPrimitives.WriteUInt32LittleEndian(
            file.AsSpan(24), Crc32.HashToUInt32([.. file.AsSpan(0, 24), .. file.AsSpan(TextStart, text)]));
        foreach (int commit in new[] { 512, 1024 })
            Sum(file.AsSpan(commit, Part));
        for (long at = (TextStart + text + Part - 1) / Part * Part; at + Part <= file.Length;)
        {
            Span<byte> header = file.AsSpan((int)at, Part);
            long vectors = BinaryPrimitives.ReadInt64LittleEndian(header[8..]);
            long records = BinaryPrimitives.ReadInt64LittleEndian(header[16..]);
            long rest = file.Length - at - Part;
            if (vectors < 0 || records < 0 || vectors > rest || records > rest - vectors)
            {
                Sum(header);
                return;
            }

            long recordStart = (at + Part + vectors + Part - 1) / Part * Part;
            BinaryPrimitives.WriteUInt32LittleEndian(header[24..], Crc32.HashToUInt32(file.AsSpan((int)at + Part, (int)vectors)));
            if (records > 0 && recordStart + records <= file.Length)
                BinaryPrimitives.WriteUInt32LittleEndian(header[28..], Crc32.HashToUInt32(file.AsSpan((int)recordStart, (int)records)));
            Sum(header);
            at = (recordStart + records + Part - 1) / Part * Part;
        }

        static void Sum(Span<byte> part) =>
            BinaryPrimitives.WriteUInt32LittleEndian(part[SumStart..], Crc32.HashToUInt32(part[..SumStart]));
    }

    /// <summary>Chunks of length, type, data and CRC-32, for a file that is a PNG.</summary>
    public static void Png(byte[] file)
    {
        ReadOnlySpan<byte> signature = [0x89, (byte)'P', (byte)'N', (byte)'G'];
        int start = file.AsSpan().IndexOf(signature); // icons hold them, too
        if (start < 0)
            return;
        for (int at = start + 8; at <= file.Length - 12;)
        {
            uint length = BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at));
            if (length > file.Length - at - 12)
                return;
            uint crc = Crc32.HashToUInt32(file.AsSpan(at + 4, (int)length + 4));
            BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(at + 8 + (int)length), crc);
            at += (int)length + 12;
        }
    }

    /// <summary>The sums of a zip's members, in its directory.</summary>
    public static void Zip(byte[] file)
    {
        for (int at = 0; (at = Find(file, at, "PK\x01\x02"u8)) >= 0; at++)
        {
            if (at + 46 > file.Length)
                return;
            Span<byte> entry = file.AsSpan(at);
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(entry[20..]);
            uint offset = BinaryPrimitives.ReadUInt32LittleEndian(entry[42..]);
            if (offset > file.Length - 30)
                continue;
            ReadOnlySpan<byte> local = file.AsSpan((int)offset);
            long data = offset + 30L
                + BinaryPrimitives.ReadUInt16LittleEndian(local[26..]) + BinaryPrimitives.ReadUInt16LittleEndian(local[28..]);
            if (data + length > file.Length)
                continue;
            bool isDeflated = BinaryPrimitives.ReadUInt16LittleEndian(entry[10..]) == 8;
            uint crc = isDeflated ? Inflated(file, (int)data, (int)length) : Crc32.HashToUInt32(file.AsSpan((int)data, (int)length));
            BinaryPrimitives.WriteUInt32LittleEndian(entry[16..], crc);
        }
    }

    /// <summary>The header's sum in each block of a tar that may be one.</summary>
    public static void Tar(byte[] file)
    {
        for (int at = 0; at + 512 <= file.Length; at += 512)
        {
            Span<byte> header = file.AsSpan(at, 512);
            if (!header[257..].StartsWith("ustar"u8))
                continue;
            header.Slice(148, 8).Fill((byte)' ');
            int sum = 0;
            foreach (byte value in header)
                sum += value;
            System.Text.Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0')).CopyTo(header[148..]);
            header[154] = 0;
        }
    }

    private static int Find(byte[] file, int from, ReadOnlySpan<byte> what) =>
        file.AsSpan(from).IndexOf(what) is var found and >= 0 ? from + found : -1;

    private static uint Inflated(byte[] file, int start, int length)
    {
        var crc = new Crc32();
        byte[] buffer = new byte[1 << 12];
        long left = 1 << 20;
        try
        {
            using var stream = new DeflateStream(new MemoryStream(file, start, length), CompressionMode.Decompress);
            for (int read; left > 0 && (read = stream.Read(buffer)) > 0; left -= read)
                crc.Append(buffer.AsSpan(0, read));
        }
        catch (InvalidDataException)
        {
            // the sum of what there is
        }

        return crc.GetCurrentHashAsUInt32();
    }
}
