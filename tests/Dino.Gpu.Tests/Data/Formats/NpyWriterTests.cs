using System.Text;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Formats;

/// <summary>The <c>.npy</c> writer: what NumPy's format says, and nothing left behind that is not whole.</summary>
public sealed class NpyWriterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0, new[] { 384 })]
    [InlineData(1, new[] { 384 })]
    [InlineData(1234, new[] { 3 })]
    [InlineData(2, new[] { 5, 7 })]
    [InlineData(3, new[] { 2, 3, 4, 5 })]
    public void Rows_come_back(int rows, int[] rowShape)
    {
        string path = _folder.Path("rows.npy");
        int length = rowShape.Aggregate(1, (product, side) => product * side);
        float[] values = [.. Enumerable.Range(0, rows * length).Select(i => i * 0.5f - 3)];
        using (var npy = new NpyWriter(path, rowShape))
        {
            for (int row = 0; row < rows; row++)
                npy.WriteRow(values.AsSpan(row * length, length));
            Assert.Equal(rows, npy.Rows);
            npy.Complete();
        }

        Npy read = Npy.Read(path);
        Assert.Equal([rows, .. rowShape], read.Shape);
        Assert.Equal(values, read.Floats);
        Assert.Equal([path], Directory.GetFiles(_folder.Root));
    }

    [Fact]
    public void Header_is_what_the_format_asks_for()
    {
        string path = _folder.Path("header.npy");
        using (var npy = NpyWriter.Of(FloatType.Float16, path))
        {
            npy.WriteRow([(Half)7]);
            npy.WriteRow([(Half)9]);
            npy.Complete();
        }

        byte[] file = File.ReadAllBytes(path);
        Assert.Equal([0x93, .. "NUMPY"u8, 1, 0], file[..8]);
        int header = BitConverter.ToUInt16(file, 8);
        Assert.Equal(0, (10 + header) % 64);
        string text = Encoding.ASCII.GetString(file, 10, header);
        Assert.Equal("{'descr': '<f2', 'fortran_order': False, 'shape': (2,), }", text.TrimEnd());
        Assert.EndsWith(" \n", text);
        Assert.Equal([0, 0x47, 0x80, 0x48], file[(10 + header)..]); // 7 and 9
    }

    [Fact]
    public void Nothing_appears_until_it_is_completed()
    {
        string path = _folder.Path("partial.npy");
        File.WriteAllText(path, "before");
        using (var npy = new NpyWriter(path, 2))
        {
            npy.WriteRow([1f, 2f]);
            Assert.Equal("before", File.ReadAllText(path));
        }

        Assert.Equal("before", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFiles(_folder.Root));
    }

    [Fact]
    public void Rows_must_fit()
    {
        using var npy = new NpyWriter(_folder.Path("fit.npy"), 2);
        Assert.Throws<ArgumentException>(() => npy.WriteRow([1f]));
        Assert.Throws<InvalidOperationException>(() => npy.WriteRow([(Half)1, (Half)2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => new NpyWriter(_folder.Path("none.npy"), 0));
    }

    [Theory]
    [InlineData("missing/a.npy", "there is no directory")]
    [InlineData(".", "it is a directory")]
    [InlineData("", "cannot write")]
    public void Unwritable_place_is_one_line(string name, string expected)
    {
        string message = Assert.Throws<DinoException>(
            () => new NpyWriter(name.Length == 0 ? "" : _folder.Path(name), 2)).Message;
        Assert.Contains(expected, message);
        Assert.DoesNotContain('\n', message);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Root));
    }

    [Fact]
    public void Device_is_not_replaced_by_a_file()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Unix devices");
        Assert.Contains("device", Assert.Throws<DinoException>(() => new NpyWriter("/dev/null", 2)).Message);
        Assert.Equal(0, new FileInfo("/dev/null").Length);
    }

    [Fact]
    public void Link_stays_a_link()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a privilege there");
        string target = _folder.Path("target.npy");
        string link = _folder.Path("link.npy");
        File.WriteAllText(target, "before");
        File.CreateSymbolicLink(link, target);
        using (var npy = new NpyWriter(link, 1))
        {
            npy.WriteRow([4f]);
            npy.Complete();
        }

        Assert.Equal(target, new FileInfo(link).LinkTarget);
        Assert.Equal([4f], Npy.Read(target).Floats);
    }
}
