using System.Text;
using System.Text.Json;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Formats;

public sealed class JsonLinesWriterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Lines_are_as_documented()
    {
        using var stream = new MemoryStream();
        using (var writer = JsonLinesWriter.ToStream(stream, RowSchema.Plain([2])))
        {
            writer.Write(new RowInfo { Row = 0, Path = "häns/\"1\".jpg" }, [0.1f, -2]);
            writer.Write(new RowInfo { Row = 1, Path = "b.jpg", Error = "truncated" }, [float.NaN, float.NaN]);
            writer.Complete();
        }

        Assert.Equal(
            "{\"path\":\"häns/\\\"1\\\".jpg\",\"embedding\":[0.1,-2]}\n{\"path\":\"b.jpg\",\"embedding\":null,\"error\":\"truncated\"}\n",
            Encoding.UTF8.GetString(stream.ToArray()));
    }

    [Fact]
    public void Rows_of_several_vectors_carry_their_shape()
    {
        using var stream = new MemoryStream();
        using var writer = JsonLinesWriter.ToStream(stream, RowSchema.Plain([2, 1]));
        writer.Write(new RowInfo { Row = 0, Path = "a" }, [1, 2]);
        Assert.Equal("{\"path\":\"a\",\"shape\":[2,1],\"embedding\":[1,2]}\n", Encoding.UTF8.GetString(stream.ToArray()));
    }

    [Fact]
    public void Every_float32_reads_back_bit_for_bit()
    {
        var random = new Random(7);
        float[] row = [.. Enumerable.Range(0, 10_000)
            .Select(_ => BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue))).Where(float.IsFinite)];
        row = [.. row, -0f, float.Epsilon, float.MaxValue, 1 / 3f];
        using var stream = new MemoryStream();
        using var writer = JsonLinesWriter.ToStream(stream, RowSchema.Plain([row.Length]));
        writer.Write(new RowInfo { Row = 0, Path = "x" }, row);

        using JsonDocument line = JsonDocument.Parse(stream.ToArray());
        float[] back = [.. line.RootElement.GetProperty("embedding").EnumerateArray().Select(number => number.GetSingle())];
        Assert.Equal(row.Select(BitConverter.SingleToInt32Bits), back.Select(BitConverter.SingleToInt32Bits));
    }

    [Fact]
    public void File_appears_only_when_complete()
    {
        string path = _folder.Path("out.jsonl");
        using (JsonLinesWriter abandoned = JsonLinesWriter.ToFile(path, RowSchema.Plain([1])))
            abandoned.Write(new RowInfo { Row = 0, Path = "a" }, [1]);
        Assert.Empty(_folder.Files);

        using (JsonLinesWriter writer = JsonLinesWriter.ToFile(path, RowSchema.Plain([1])))
        {
            writer.Write(new RowInfo { Row = 0, Path = "a" }, [1]);
            Assert.False(File.Exists(path));
            writer.Complete();
        }

        Assert.Equal([path], _folder.Files);
    }
}
