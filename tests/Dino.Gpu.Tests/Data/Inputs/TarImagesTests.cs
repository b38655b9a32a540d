using System.Formats.Tar;
using System.Text;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Inputs;

public sealed class TarImagesTests : IDisposable
{
    private static readonly string LongName = $"{new string('d', 120)}/{new string('ü', 120)}.jpg";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(TarEntryFormat.Gnu)]
    [InlineData(TarEntryFormat.Pax)]
    [InlineData(TarEntryFormat.Ustar)]
    [InlineData(TarEntryFormat.V7)]
    public void Images_come_in_the_archives_order_with_their_bytes(TarEntryFormat format)
    {
        string[] names = [
            "b.jpg", "b.json", "b.cls", "a.PNG", "./dir/c.webp", "empty.jpg", ".hidden.jpg", "._b.jpg", "./.cache/x.jpg", "notes"
        ];
        string tar = Write(
            "shard.tar", format, [.. names, .. format is TarEntryFormat.Gnu or TarEntryFormat.Pax ? [LongName] : Array.Empty<string>()]);
        using var list = InputList.Settle([tar], TextReader.Null);
        Assert.Equal([new CarriedColumn("archive", ColumnType.Text)], list.Columns);
        InputItem[] items = [.. list.Items()];
        string[] expected = ["b.jpg", "a.PNG", "./dir/c.webp", "empty.jpg"];
        Assert.Equal(
            format is TarEntryFormat.Gnu or TarEntryFormat.Pax ? [.. expected, LongName] : expected, items.Select(item => item.Path));
        Assert.All(items, item =>
        {
            Assert.Equal(tar, item.Archive);
            Assert.Equal([tar], item.Columns);
            Assert.Equal(Content(item.Path), item.ReadBytes());
        });
    }

    [Fact]
    public void Archives_stand_beside_other_inputs()
    {
        string tar = Write("a.tar", TarEntryFormat.Pax, ["in.jpg"]);
        string csv = _folder.Write("l.csv", "path,label\nlisted.jpg,cat\n");
        using var list = InputList.Settle([MissingFiles.List("plain.jpg"), tar, csv], TextReader.Null);
        Assert.Equal(["archive", "label"], list.Columns.Select(column => column.Name));
        object?[][] expected = [[null, null], [tar, null], [null, "cat"]];
        Assert.Equal(expected, list.Items().Select(item => item.Columns));
        Assert.Equal([null, tar, null], list.Items().Select(item => item.Archive));
    }

    [Fact]
    public void A_glob_of_archives_is_sorted_and_a_folder_takes_none()
    {
        string two = Write("s/2.tar", TarEntryFormat.Ustar, ["c.jpg"]);
        string one = Write("s/1.tar", TarEntryFormat.Ustar, ["b.jpg", "a.jpg"]);
        _folder.Write("s/x.jpg", []);
        using var list = InputList.Settle([_folder.Path("s", "*.tar")], TextReader.Null);
        Assert.Equal([(one, "b.jpg"), (one, "a.jpg"), (two, "c.jpg")], list.Items().Select(item => (item.Archive!, item.Path)));
        using var folder = InputList.Settle([_folder.Path("s")], TextReader.Null);
        Assert.Equal([_folder.Path("s/x.jpg")], folder.Items().Select(item => item.Path));
    }

    [Fact]
    public void Links_in_an_archive_are_rows_that_fail()
    {
        string tar = _folder.Path("links.tar");
        using (var writer = new TarWriter(File.Create(tar)))
        {
            writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "a.jpg") { DataStream = new MemoryStream(Content("a.jpg")) });
            writer.WriteEntry(new PaxTarEntry(TarEntryType.HardLink, "hard.jpg") { LinkName = "a.jpg" });
            writer.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, "soft.jpg") { LinkName = "a.jpg" });
            writer.WriteEntry(new PaxTarEntry(TarEntryType.Directory, "dir.jpg"));
            var sparse = new PaxTarEntry(
                TarEntryType.RegularFile,
                "GNUSparseFile.1/s.jpg",
                new Dictionary<string,
                string>
                { ["GNU.sparse.name"] = "s.jpg", ["GNU.sparse.major"] = "1" })
            {
                DataStream = new MemoryStream(new byte[600]),
            };
            writer.WriteEntry(sparse);
        }

        using var list = InputList.Settle([tar], TextReader.Null);
        InputItem[] items = [.. list.Items()];
        Assert.Equal(["a.jpg", "hard.jpg", "soft.jpg", "s.jpg"], items.Select(item => item.Path));
        Assert.Equal(Content("a.jpg"), items[0].ReadBytes());
        Assert.Contains("is a link to a.jpg", Assert.Throws<DinoException>(items[1].ReadBytes).Message);
        Assert.Contains("is a link to a.jpg", Assert.Throws<DinoException>(items[2].ReadBytes).Message);
        Assert.Contains("sparse", Assert.Throws<DinoException>(items[3].ReadBytes).Message);
    }

    /// <summary>
    /// Wherever an archive is cut, the members before are good and a row says so; only the padding behind its end mark
    /// is not missed.
    /// </summary>
    [Fact]
    public void A_truncated_archive_has_a_row_that_fails()
    {
        byte[] whole = File.ReadAllBytes(Write("whole.tar", TarEntryFormat.Pax, ["a.jpg", LongName, "b.jpg", "labels.json"]));
        int end = whole.AsSpan().LastIndexOfAnyExcept((byte)0) / 512 * 512 + 512; // the last member's data
        using var all = InputList.Settle([_folder.Write("end.tar", whole[..(end + 512)])], TextReader.Null);
        InputItem[] items = [.. all.Items()];
        Assert.Equal(["a.jpg", LongName, "b.jpg"], items.Select(item => item.Path));
        for (int length = 0; length < end + 512; length += length % 512 == 0 ? 100 : 412)
        {
            string cut = _folder.Write("cut.tar", whole[..length]);
            if (length < items[0].Offset + items[0].Length)
            {
                Assert.Contains("cut short", Fails(cut));
                continue;
            }

            using var list = InputList.Settle([cut], TextReader.Null);
            InputItem[] left = [.. list.Items()];
            Assert.Equal(
                items.Where(item => item.Offset + item.Length <= length).Select(item => (item.Path, item.Offset)),
                left[..^1].Select(item => (item.Path, item.Offset)));
            Assert.Equal(cut, left[^1].Path);
            Assert.StartsWith($"archive is cut short after {length} bytes", left[^1].Problem);
            Assert.EndsWith("members from there on are missing", left[^1].Problem);
            Assert.Equal([cut], left[^1].Columns);
        }
    }

    /// <summary>
    /// Sizes of long names and of attributes that no archive has: the members before are good, and a row says so. The
    /// reader would allocate what is claimed.
    /// </summary>
    [Theory]
    [InlineData('L', "26264057000")] // 3 GB
    [InlineData('L', "77777777777")]
    [InlineData('K', "00010000000")] // 2 MiB of an archive that has them
    [InlineData('x', "26264057000")]
    [InlineData('g', "-0000000001")]
    [InlineData('x', "zzz")]
    [InlineData('x', "00000000406", "26 size=99999999999999999\n")]
    [InlineData('x', "00000000406", "12 size=-512\n")]
    [InlineData('x', "00000000406", "17 size=224xabcd\n")]
    [InlineData('x', "00000000406", "99 path=a.jpg\n")]
    [InlineData('0', "77777777777")]
    public void Damaged_sizes_are_a_row_that_fails(char type, string size, string data = "")
    {
        byte[] whole = File.ReadAllBytes(Write("1.tar", TarEntryFormat.Ustar, ["a.jpg"]));
        byte[] first = whole[..(whole.AsSpan().LastIndexOfAnyExcept((byte)0) / 512 * 512 + 512)];
        byte[] header = Header("b.jpg", type, size);
        byte[] content = new byte[size == "00010000000" ? 3 << 20 : 512];
        Encoding.ASCII.GetBytes(data).CopyTo(content, 0);
        byte[] last = Header("c.jpg", '0', "00000000000");
        string tar = _folder.Write("damaged.tar", [.. first, .. header, .. content, .. last, .. new byte[1024]]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        using var list = InputList.Settle([tar], TextReader.Null);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 32 << 20);
        InputItem[] items = [.. list.Items()];
        Assert.Equal(["a.jpg", tar], items.Select(item => item.Path));
        Assert.Matches("^archive is (damaged|cut short)", items[1].Problem);
    }

    [Fact]
    public void A_name_with_a_nul_is_a_row_that_fails()
    {
        string tar = _folder.Path("nul.tar");
        using (var writer = new TarWriter(File.Create(tar)))
        {
            writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "a.jpg") { DataStream = new MemoryStream(Content("a.jpg")) });
            writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "bNb.jpg") { DataStream = new MemoryStream(Content("b")) });
        }

        byte[] bytes = File.ReadAllBytes(tar);
        int name = bytes.AsSpan().IndexOf("path=bNb.jpg"u8);
        bytes[name + 6] = 0;
        File.WriteAllBytes(tar, bytes);
        using var list = InputList.Settle([tar], TextReader.Null);
        InputItem[] items = [.. list.Items()];
        Assert.Equal(2, items.Length);
        Assert.Contains("NUL", Assert.Throws<DinoException>(items[1].ReadBytes).Message);
        Assert.Equal(Content("a.jpg"), items[0].ReadBytes());
    }

    [Fact]
    public void Joined_archives_are_read_to_the_last()
    {
        byte[] one = File.ReadAllBytes(Write("1.tar", TarEntryFormat.Gnu, ["a.jpg", "b.jpg"]));
        byte[] two = File.ReadAllBytes(Write("2.tar", TarEntryFormat.Pax, ["c.jpg", LongName]));
        using var list = InputList.Settle(
            [_folder.Write("both.tar", [.. one, .. new byte[200 * 512], .. two, .. new byte[512]])], TextReader.Null);
        Assert.Equal(["a.jpg", "b.jpg", "c.jpg", LongName], list.Items().Select(item => item.Path));
        Assert.All(list.Items(), item => Assert.Equal(Content(item.Path), item.ReadBytes()));

        using var junk = InputList.Settle(
            [_folder.Write("junk.tar", [.. one, .. Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("hello world ", 100)))])],
            TextReader.Null);
        Assert.Equal(3, junk.Count);
        Assert.StartsWith($"archive is damaged from byte {one.Length} on", junk.Items().Last().Problem);
    }

    [Fact]
    public void What_is_no_archive_of_images_is_one_line()
    {
        Assert.Contains("no images in archive", Fails(Write("none.tar", TarEntryFormat.Pax, ["a.json"])));
        Assert.Contains("no images in archive", Fails(_folder.Write("zeros.tar", new byte[10240])));
        Assert.Contains("no tar archive", Fails(_folder.Write("text.tar", string.Concat(Enumerable.Repeat("hello world ", 100)))));
        Assert.Contains("no tar archive", Fails(_folder.Write("gz.tar", [0x1F, 0x8B, .. new byte[1000].Select((_, i) => (byte)(i * 7))])));
        Assert.Contains("compressed archive", Fails(_folder.Write("a.tar.gz", [0x1F, 0x8B])));
        Assert.Contains("compressed archive", Fails(_folder.Write("a.tgz", [0x1F, 0x8B])));
    }

    [Fact]
    public void An_archive_that_shrinks_or_goes_during_the_run_fails_its_rows()
    {
        string tar = Write("a.tar", TarEntryFormat.Ustar, ["a.jpg", "b.jpg"]);
        using var list = InputList.Settle([tar], TextReader.Null);
        InputItem[] items = [.. list.Items()];
        File.WriteAllBytes(tar, File.ReadAllBytes(tar)[..1000]);
        string message = Assert.Throws<ImageException>(items[1].ReadBytes).Message;
        Assert.StartsWith($"archive {tar}: ends after 1000 bytes", message);
        File.Delete(tar);
        Assert.Equal($"archive {tar}: no such file", Assert.Throws<DinoException>(items[0].ReadBytes).Message);
    }

    private static string Fails(string file)
    {
        string message = Assert.Throws<DinoException>(() => InputList.Settle([file], TextReader.Null)).Message;
        Assert.Contains(file, message);
        Assert.DoesNotContain('\n', message);
        return message;
    }

    /// <summary>Different bytes for each name, of lengths that are and are not whole blocks.</summary>
    private static byte[] Content(string name) =>
        name.StartsWith("empty", StringComparison.Ordinal)
            ? []
            : Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(name + "|", 1 + name.Length * 37 % 100)));

    private string Write(string file, TarEntryFormat format, string[] names)
    {
        string tar = _folder.Write(file, []);
        using var writer = new TarWriter(File.Create(tar), format, leaveOpen: false);
        foreach (string name in names)
        {
            TarEntry entry = format switch
            {
                TarEntryFormat.Gnu => new GnuTarEntry(TarEntryType.RegularFile, name),
                TarEntryFormat.Pax => new PaxTarEntry(TarEntryType.RegularFile, name),
                TarEntryFormat.Ustar => new UstarTarEntry(TarEntryType.RegularFile, name),
                _ => new V7TarEntry(TarEntryType.V7RegularFile, name),
            };
            entry.DataStream = new MemoryStream(Content(name));
            writer.WriteEntry(entry);
        }

        return tar;
    }

    private static byte[] Header(string name, char type, string size)
    {
        byte[] header = new byte[512];
        Encoding.ASCII.GetBytes(name).CopyTo(header, 0);
        string numbers = "0000644\0" + "0000000\0" + "0000000\0" + size.PadRight(11, '\0') + "\0" + "00000000000\0";
        Encoding.ASCII.GetBytes(numbers).CopyTo(header, 100);
        header[156] = (byte)type;
        Encoding.ASCII.GetBytes("ustar\00000").CopyTo(header, 257);
        header.AsSpan(148, 8).Fill((byte)' ');
        Encoding.ASCII.GetBytes($"{Convert.ToString(header.Sum(value => value), 8).PadLeft(6, '0')}\0 ").CopyTo(header, 148);
        return header;
    }
}
