using System.IO.Compression;
using System.IO.Hashing;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Files;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Formats;

public sealed class StoredZipTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Zip64 records are the same for small archives, so they can be tested without 4 GiB.</summary>
    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(0)]
    [InlineData(1000)]
    public void Members_come_back_aligned(long zip64From)
    {
        string path = _folder.Path("a.zip");
        byte[] large = new byte[5000];
        new Random(1).NextBytes(large);
        using (var file = new AtomicFile(path))
        {
            var zip = new StoredZip(file, zip64From);
            zip.Begin("first.npy", 3);
            zip.Write(large.AsSpan(0, 10));
            zip.Write(large.AsSpan(10));
            zip.End([7, 8, 9]);
            zip.Begin("größe.npy", 0);
            zip.End([]);
            zip.Finish();
            file.Complete();
        }

        byte[] bytes = File.ReadAllBytes(path);
        Assert.Equal(0, bytes.AsSpan().IndexOf(new byte[] { 7, 8, 9, large[0] }) % 64);
        using ZipArchive archive = ZipFile.OpenRead(path);
        Assert.Equal(["first.npy", "größe.npy"], archive.Entries.Select(entry => entry.FullName));
        using var content = new MemoryStream();
        using (Stream stream = archive.Entries[0].Open())
            stream.CopyTo(content);
        Assert.Equal([7, 8, 9, .. large], content.ToArray());
        Assert.Equal(Crc32.HashToUInt32(content.ToArray()), archive.Entries[0].Crc32);
        Assert.Equal(0u, archive.Entries[1].Crc32);
    }
}
