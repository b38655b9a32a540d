using System.IO.Hashing;
using Dino.Gpu.Data.Formats;

namespace Dino.Gpu.Tests.Data.Formats;

public sealed class CrcSumTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 5)]
    [InlineData(5, 0)]
    [InlineData(1, 1)]
    [InlineData(1000, 3)]
    [InlineData(100, 12_345)]
    [InlineData(3, 70_001)]
    public void Two_sums_make_that_of_both_parts(int first, int second)
    {
        byte[] bytes = new byte[first + second];
        new Random(first).NextBytes(bytes);
        Assert.Equal(
            Crc32.HashToUInt32(bytes),
            CrcSum.Combine(Crc32.HashToUInt32(bytes.AsSpan(0, first)), Crc32.HashToUInt32(bytes.AsSpan(first)), second));
    }
}
