namespace Dino.Gpu.Data.Formats;

/// <summary>Sums by CRC-32 of data that come in parts.</summary>
internal static class CrcSum
{
    private const uint Polynomial = 0xEDB88320; // reflected: the highest bit is the coefficient of x^0

    /// <summary>
    /// The CRC-32 of data from those of its two parts. That of the first is multiplied by x^(8 n) in GF(2)[x] modulo
    /// the polynomial, where n is the length of the second; zlib calls it crc32_combine.
    /// </summary>
    public static uint Combine(uint first, uint second, long secondLength)
    {
        uint power = 1u << 23; // x^8, squared from bit to bit
        for (long n = secondLength; n > 0; n >>= 1)
        {
            if ((n & 1) != 0)
                first = Multiply(first, power);
            power = Multiply(power, power);
        }

        return first ^ second;
    }

    private static uint Multiply(uint a, uint b)
    {
        uint product = 0;
        for (uint bit = 1u << 31; bit != 0; bit >>= 1)
        {
            if ((a & bit) != 0)
                product ^= b;
            b = (b >> 1) ^ ((b & 1) != 0 ? Polynomial : 0); // times x
        }

        return product;
    }
}
