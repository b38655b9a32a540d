using System.Buffers.Binary;
using System.Text;

namespace Dino.Gpu.Fuzz;

/// <summary>Makes an input of another: small damage, numbers at the edges, words of the format, repetition.</summary>
/// <param name="tokens">Words of the format.</param>
/// <param name="random">Seeded.</param>
internal sealed class Mutator(byte[][] tokens, Random random)
{
    /// <summary>Longest input, but for the few that repeat a part of it many times.</summary>
    private const int Longest = 1 << 14;

    private const int LongestRepeated = 1 << 20;

    /// <summary>One of so many inputs is far longer than the others, to find memory that grows with it.</summary>
    private const int Rare = 4000;

    private static readonly long[] Numbers =
    [
        0, 1, 2, 7, 8, 16, 32, 64, 100, 127, 128, 255, 256, 512, 1000, 1024, 4096, 32767, 32768, 65535, 65536, 1 << 20, 1 << 24,
        int.MaxValue - 1, int.MaxValue, int.MaxValue + 1L, uint.MaxValue, 1L << 40, long.MaxValue / 2, long.MaxValue - 1, long.MaxValue,
        -1, -2, -128, -32768, int.MinValue, long.MinValue
    ];

    private static readonly byte[][] Texts =
    [
        .. new[]
        {
            "0", "-1", "1", "2147483647", "2147483648", "4294967295", "9223372036854775807", "9e18", "1e309", "NaN", "null", "true", "\"\"",
            "[]", "{}", "\\ud800", "\\u0000", "\n", "\u001b[2J", "\u202e", "../", "''",
        }.Select(Encoding.UTF8.GetBytes)
    ];

    /// <summary>A changed copy.</summary>
    /// <param name="input">Stays as it is.</param>
    /// <param name="other">Parts of it may be taken over.</param>
    public byte[] Mutate(byte[] input, byte[] other)
    {
        var bytes = new List<byte>(input);
        int steps = 1 << random.Next(5);
        for (int i = 0; i < steps; i++)
            Step(bytes, other);
        if (random.Next(Rare) == 0)
            RepeatOften(bytes);
        else if (bytes.Count > Longest)
            bytes.RemoveRange(Longest, bytes.Count - Longest);
        return [.. bytes];
    }

    private void Step(List<byte> bytes, byte[] other)
    {
        if (bytes.Count == 0)
        {
            bytes.Add((byte)random.Next(256));
            return;
        }

        int at = random.Next(bytes.Count);
        switch (random.Next(15))
        {
            case 0: bytes[at] ^= (byte)(1 << random.Next(8)); break;
            case 1: bytes[at] = (byte)random.Next(256); break;
            case 2: bytes[at] += (byte)random.Next(-35, 36); break;
            case 3: case 4: PutNumber(bytes, at); break;
            case 5: case 6: PutDigits(bytes, at); break;
            case 7: bytes.RemoveRange(at, Math.Min(BlockLength(), bytes.Count - at)); break;
            case 8: bytes.InsertRange(at, Block(bytes)); break;
            case 9: Overwrite(bytes, at, Block(bytes)); break;
            case 10: bytes.InsertRange(at, Block(other)); break;
            case 11: Overwrite(bytes, at, Block(other)); break;
            case 12: bytes.InsertRange(at, Token()); break;
            case 13: Overwrite(bytes, at, Token()); break;
            default: Repeat(bytes, at, Longest); break;
        }
    }

    /// <summary>A binary number of 1, 2, 4 or 8 bytes in either order, or one near what stands there.</summary>
    private void PutNumber(List<byte> bytes, int at)
    {
        int size = 1 << random.Next(4);
        if (at + size > bytes.Count)
            return;
        Span<byte> number = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(number, Numbers[random.Next(Numbers.Length)]);
        number = number[..size];
        if (random.Next(2) == 0)
            number.Reverse();
        for (int i = 0; i < size; i++)
            bytes[at + i] = number[i];
    }

    /// <summary>Another number, or another text, instead of the digits that follow.</summary>
    private void PutDigits(List<byte> bytes, int at)
    {
        int start = bytes.FindIndex(at, letter => char.IsAsciiDigit((char)letter));
        if (start < 0)
            return;
        int end = start;
        while (end < bytes.Count && char.IsAsciiDigit((char)bytes[end]))
            end++;
        bytes.RemoveRange(start, end - start);
        bytes.InsertRange(start, Texts[random.Next(Texts.Length)]);
    }

    private void Repeat(List<byte> bytes, int at, int most)
    {
        byte[] part = [.. bytes.Skip(at).Take(BlockLength())];
        int times = Math.Min(1 << random.Next(8), (most - bytes.Count) / part.Length);
        for (int i = 0; i < times; i++)
            bytes.InsertRange(at, part);
    }

    private void RepeatOften(List<byte> bytes)
    {
        if (bytes.Count == 0)
            return;
        int at = random.Next(bytes.Count);
        byte[] part = [.. bytes.Skip(at).Take(BlockLength())];
        byte[] tail = [.. bytes.Skip(at)];
        bytes.RemoveRange(at, tail.Length);
        int most = random.Next(LongestRepeated / 16, LongestRepeated);
        while (bytes.Count < most)
            bytes.AddRange(part);
        bytes.AddRange(tail);
    }

    private byte[] Token() =>
        tokens.Length > 0 && random.Next(4) > 0 ? tokens[random.Next(tokens.Length)] : Texts[random.Next(Texts.Length)];

    private byte[] Block(IReadOnlyList<byte> from)
    {
        if (from.Count == 0)
            return [];
        int start = random.Next(from.Count);
        int length = Math.Min(BlockLength(), from.Count - start);
        byte[] block = new byte[length];
        for (int i = 0; i < length; i++)
            block[i] = from[start + i];
        return block;
    }

    private int BlockLength() => random.Next(3) switch { 0 => random.Next(1, 9), 1 => random.Next(1, 65), _ => random.Next(1, 513) };

    private static void Overwrite(List<byte> bytes, int at, byte[] block)
    {
        for (int i = 0; i < block.Length && at + i < bytes.Count; i++)
            bytes[at + i] = block[i];
    }
}
