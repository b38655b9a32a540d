using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Dino.Gpu.Tests.Imaging;

/// <summary>Makes and reads small PNG files, to test what an encoder would not write.</summary>
internal static class PngFiles
{
    public static readonly byte[] Signature = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A];

    public static byte[] Header(uint width, uint height, byte bits = 8, byte colorType = 2)
    {
        byte[] data = new byte[13];
        BinaryPrimitives.WriteUInt32BigEndian(data, width);
        BinaryPrimitives.WriteUInt32BigEndian(data.AsSpan(4), height);
        data[8] = bits;
        data[9] = colorType;
        return Chunk("IHDR", data);
    }

    public static byte[] Chunk(string type, byte[] data)
    {
        byte[] chunk = new byte[12 + data.Length];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        Encoding.ASCII.GetBytes(type, chunk.AsSpan(4));
        data.CopyTo(chunk, 8);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(8 + data.Length), Crc(chunk.AsSpan(4, 4 + data.Length)));
        return chunk;
    }

    public static byte[] Deflated(byte[] rows)
    {
        using var stream = new MemoryStream();
        using (var deflate = new ZLibStream(stream, CompressionLevel.Fastest, leaveOpen: true))
            deflate.Write(rows);
        return stream.ToArray();
    }

    /// <summary>
    /// The samples of a 16-bit gray PNG with one IDAT chunk or more, unfiltered here by the rules of the PNG
    /// specification.
    /// </summary>
    public static ushort[] Gray16(byte[] file)
    {
        int width = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(16));
        int height = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(20));
        using var deflated = new MemoryStream();
        for (int at = 8; at < file.Length;)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at));
            if (Encoding.ASCII.GetString(file, at + 4, 4) == "IDAT")
                deflated.Write(file, at + 8, length);
            at += 12 + length;
        }

        deflated.Position = 0;
        using var rows = new ZLibStream(deflated, CompressionMode.Decompress);
        byte[] previous = new byte[2 * width];
        byte[] row = new byte[2 * width];
        ushort[] samples = new ushort[width * height];
        for (int y = 0; y < height; y++)
        {
            int filter = rows.ReadByte();
            rows.ReadExactly(row);
            for (int i = 0; i < row.Length; i++)
            {
                int left = i >= 2 ? row[i - 2] : 0;
                int up = previous[i];
                int corner = i >= 2 ? previous[i - 2] : 0;
                row[i] += (byte)(filter switch { 0 => 0, 1 => left, 2 => up, 3 => (left + up) / 2, _ => Paeth(left, up, corner) });
            }

            for (int x = 0; x < width; x++)
                samples[y * width + x] = BinaryPrimitives.ReadUInt16BigEndian(row.AsSpan(2 * x));
            row.CopyTo(previous, 0);
        }

        return samples;
    }

    private static int Paeth(int left, int up, int corner)
    {
        int estimate = left + up - corner;
        int toLeft = Math.Abs(estimate - left);
        int toUp = Math.Abs(estimate - up);
        int toCorner = Math.Abs(estimate - corner);
        return toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner;
    }

    /// <summary>CRC-32 bit by bit, the plain twin of the decoder's table.</summary>
    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc & 1) != 0 ? 0xEDB88320 ^ crc >> 1 : crc >> 1;
        }

        return ~crc;
    }
}
