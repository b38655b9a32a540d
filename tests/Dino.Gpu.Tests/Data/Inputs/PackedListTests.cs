using System.IO.Compression;
using System.Text;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Inputs;

/// <summary>Lists that are packed by gzip, and damaged.</summary>
public sealed class PackedListTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Whatever is missing of it: the end of the text, or only the sum behind it, which .NET alone does not miss.</summary>
    [Theory]
    [InlineData("in.csv.gz", 4)]
    [InlineData("in.csv.gz", 8)]
    [InlineData("in.csv.gz", 200)]
    [InlineData("in.jsonl.gz", 8)]
    [InlineData("@list.txt.gz", 8)]
    [InlineData("@list.txt.gz", 200)]
    public void A_packed_list_that_was_cut_is_no_list(string name, int missing)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            if (!name.StartsWith('@'))
                gzip.Write(name.StartsWith("in.csv", StringComparison.Ordinal) ? "path\n"u8 : ""u8);
            for (int i = 0; i < 500; i++)
            {
                string line = name.Contains("jsonl", StringComparison.Ordinal) ? $"{{\"path\":\"{i}.jpg\"}}\n" : $"{i}.jpg\n";
                gzip.Write(Encoding.UTF8.GetBytes(line));
                if (i == 250)
                    gzip.Flush();
            }
        }

        Assert.Contains("truncated", Settle(name, packed.ToArray()[..^missing]));
    }

    /// <summary>.NET calls the first an unsupported compression method, and reads the second as if nothing were wrong.</summary>
    [Theory]
    [InlineData("in.csv.gz", "path\na.jpg\n")]
    [InlineData("in.jsonl.gz", "{\"path\":\"a.jpg\"}\n")]
    [InlineData("in.json.gz", "[{\"path\":\"a.jpg\"}]")]
    [InlineData("@list.txt.gz", "a.jpg\n")]
    public void A_packed_list_that_is_damaged_says_so(string name, string text)
    {
        using var stream = new MemoryStream();
        using (var gzip = new GZipStream(stream, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(Encoding.UTF8.GetBytes(text));
        byte[] packed = stream.ToArray();
        foreach (int wrong in (int[])[14, packed.Length - 8, packed.Length - 1]) // data, CRC, length
        {
            byte[] damaged = [.. packed];
            damaged[wrong] ^= 0xFF;
            Assert.EndsWith(
                $"{name.TrimStart('@')}': damaged: its packed data cannot be unpacked, or do not match their checksum (gzip)",
                Settle(name, damaged));
        }

        foreach (string more in (string[])["!!", "garbage", "\0\0garbage", new string('x', 100_000)])
        {
            Assert.EndsWith(
                $"{name.TrimStart('@')}': damaged: other data follow what is packed (gzip)",
                Settle(name, [.. packed, .. Encoding.ASCII.GetBytes(more)]));
        }

        // Zeros of a tape, and a second member, as 'cat a.gz b.gz' makes one.
        Assert.Null(Settle(name, [.. packed, .. new byte[10_000]]));
        if (!name.Contains("json.", StringComparison.Ordinal))
            Assert.Null(Settle(name, [.. packed, .. packed]));
    }

    /// <summary>One whose packed data are longer than what is read of them at once, wherever a member ends.</summary>
    [Theory]
    [InlineData(4000)]
    [InlineData(40_000)]
    public void A_long_packed_list_is_read_to_its_end(int length)
    {
        byte[] noise = new byte[length];
        new Random(length).NextBytes(noise);
        string lines = string.Concat(noise.Chunk(40).Select(name => Convert.ToHexString(name) + ".jpg\n"));
        using var packed = new MemoryStream();
        for (int member = 0; member < 3; member++)
        {
            using var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true);
            gzip.Write(Encoding.UTF8.GetBytes(lines));
        }

        using var list = InputList.Settle(["@" + _folder.Write("list.txt.gz", packed.ToArray())], TextReader.Null);
        Assert.Equal(string.Concat(Enumerable.Repeat(lines, 3)), string.Concat(list.Items().Select(item => item.Path + "\n")));
        Assert.EndsWith("other data follow what is packed (gzip)", Settle("@list.txt.gz", [.. packed.ToArray(), .. noise[..100]]));
    }

    /// <summary>Why the list is refused; null if it is not.</summary>
    private string? Settle(string name, byte[] bytes)
    {
        string file = _folder.Write(name.TrimStart('@'), bytes);
        try
        {
            InputList.Settle([name.StartsWith('@') ? "@" + file : file], TextReader.Null).Dispose();
            return null;
        }
        catch (DinoException failure)
        {
            return failure.Message;
        }
    }
}
