using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Model;

/// <summary>Zip archives and safetensors files that are cut, overlap or lie about their sizes.</summary>
public sealed class HostileContainerTests : IDisposable
{
    private const int CentralCompressed = 20;
    private const int CentralSize = 24;
    private const int CentralOffset = 42;

    private readonly CheckpointFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Files_of_other_kinds_are_named()
    {
        Assert.Contains("no such file", Assert.Throws<WeightsException>(() => Checkpoint.Load(_folder["absent"])).Message);
        Assert.Contains("is a directory", Assert.Throws<WeightsException>(() => Checkpoint.Load(_folder.Root)).Message);
        Assert.Contains("empty", _folder.Refusal("a.bin", []));
        Assert.Contains("Git LFS pointer", _folder.Refusal("a.bin", "version https://git-lfs.github.com/spec/v1\n"u8.ToArray()));
        Assert.Contains("HTML", _folder.Refusal("a.bin", "\n<!doctype html>"u8.ToArray()));
        Assert.Contains("PNG", _folder.Refusal("a.pth", [0x89, 0x50, 0x4E, 0x47, 13, 10, 26, 10]));
        Assert.Contains("found bytes 3A514E47", _folder.Refusal("b.pth", [0x3A, 0x51, 0x4E, 0x47, 1, 2, 3, 4]));
        Assert.Contains("expected one", _folder.Refusal("a.bin", PickleBuilder.Zip([("word/document.xml", [1])])));
        Assert.Contains("TorchScript", _folder.Refusal("a.bin", PickleBuilder.Zip([("m/data.pkl", [1]), ("m/constants.pkl", [1])])));
    }

    [Fact]
    public void A_zip_cut_anywhere_is_refused()
    {
        byte[] whole = File.ReadAllBytes(GoldenData.PathOf("checkpoints", "tiny_hf.bin"));
        for (int cut = 1; cut < whole.Length; cut += 9973) Assert.Contains("truncated", _folder.Refusal("cut.bin", whole[..^cut]));
    }

    [Theory]
    [InlineData(CentralSize, 1u << 30, "stored in 16 bytes and claims 1073741824")]
    [InlineData(CentralCompressed, 15u, "stored in 15 bytes and claims 16")]
    [InlineData(CentralOffset, 0x7FFFFFFFu, "outside the archive")]
    [InlineData(CentralOffset, 1u, "no entry 'x/data/0' where the directory says")]
    public void A_zip_directory_that_lies_is_refused(int field, uint value, string expected)
    {
        byte[] zip = Archive();
        int entry = Find(zip, "PK\x01\x02"u8, "x/data/0", 46);
        BinaryPrimitives.WriteUInt32LittleEndian(zip.AsSpan(entry + field), value);
        Assert.Contains(expected, _folder.Refusal("lie.bin", zip));
    }

    [Fact]
    public void Both_sizes_of_an_entry_can_lie_together()
    {
        byte[] zip = Archive();
        int entry = Find(zip, "PK\x01\x02"u8, "x/data/0", 46);
        foreach (int field in (int[])[CentralSize, CentralCompressed])
            BinaryPrimitives.WriteUInt32LittleEndian(zip.AsSpan(entry + field), 1u << 30);
        int local = Find(zip, "PK\x03\x04"u8, "x/data/0", 30);
        zip[local + 6] |= 8; // Sizes follow the data, so the local header does not contradict.
        Assert.Contains("claims 1073741824 bytes", _folder.Refusal("lie.bin", zip));
        zip[local + 6] &= 0xF7;
        foreach (int field in (int[])[CentralSize, CentralCompressed])
            BinaryPrimitives.WriteUInt32LittleEndian(zip.AsSpan(entry + field), 17);
        Assert.Contains("17 bytes in the directory and 16 in its own header", _folder.Refusal("lie.bin", zip));
    }

    [Fact]
    public void Zip_entries_do_not_share_bytes()
    {
        byte[] zip = Archive();
        int entry = Find(zip, "PK\x01\x02"u8, "x/data/0", 46);
        int local = Find(zip, "PK\x03\x04"u8, "x/data/0", 30);
        zip[local + 6] |= 8;
        foreach (int field in (int[])[CentralSize, CentralCompressed])
            BinaryPrimitives.WriteUInt32LittleEndian(zip.AsSpan(entry + field), 40);
        Assert.Contains("'x/data/0' and 'x/version' overlap", _folder.Refusal("overlap.bin", zip));
    }

    [Fact]
    public void Zip_entries_have_different_names()
    {
        Assert.Contains(
            "two entries named 'x/data/0'", _folder.Refusal("twice.bin", PickleBuilder.Archive([(byte)'N'], ("0", [1]), ("0", [2]))));
    }

    [Theory]
    [InlineData(12, 0xFFFFFFF0u, "its directory claims")]
    [InlineData(16, 0xFFFFFFF0u, "its directory claims")]
    [InlineData(8, 0xFFF0FFF0u, "claims 65520 entries")]
    public void The_end_of_a_zip_does_not_lie(int field, uint value, string expected)
    {
        byte[] zip = Archive();
        BinaryPrimitives.WriteUInt32LittleEndian(zip.AsSpan(zip.Length - 22 + field), value);
        Assert.Contains(expected, _folder.Refusal("end.bin", zip));
    }

    /// <summary>A megabyte of zeros takes a kilobyte: what a file inflates to is bounded by its length.</summary>
    [Fact]
    public void Compressed_entries_are_no_bombs()
    {
        byte[] bomb = PickleBuilder.Zip([("x/data.pkl", new byte[8 << 20])], CompressionLevel.Optimal);
        Assert.Contains("compressed entries claim", _folder.Refusal("a.bin", bomb));

        // two entries that are small enough alone, and a size that lies in either direction
        byte[] half = new byte[800_000];
        Assert.Contains(
            "compressed entries claim",
            _folder.Refusal("a.bin", PickleBuilder.Zip([("x/data.pkl", half), ("x/data/0", half)], CompressionLevel.Optimal)));
        foreach (uint claimed in (uint[])[799_999, 800_001])
        {
            byte[] lie = PickleBuilder.Zip([("x/data.pkl", half)], CompressionLevel.Optimal);
            int entry = Find(lie, "PK\x01\x02"u8, "x/data.pkl", 46);
            BinaryPrimitives.WriteUInt32LittleEndian(lie.AsSpan(entry + CentralSize), claimed);
            int local = Find(lie, "PK\x03\x04"u8, "x/data.pkl", 30);
            BinaryPrimitives.WriteUInt32LittleEndian(lie.AsSpan(local + 22), claimed);
            Assert.Contains("a compressed entry is damaged", _folder.Refusal("a.bin", lie));
        }
    }

    [Fact]
    public void A_damaged_compressed_entry_is_refused()
    {
        byte[] whole = File.ReadAllBytes(GoldenData.PathOf("checkpoints", "variants", "deflated.pth"));
        int data = Find(whole, "PK\x03\x04"u8, "archive/data/0", 30) + 30 + "archive/data/0".Length;
        for (int i = 5; i < 21; i++) // behind the header of the block
        {
            byte[] damaged = [.. whole];
            damaged[data + i] ^= 0x10;
            string path = _folder.Write("a.pth", damaged);
            Assert.Contains(
                "a compressed entry is damaged",
                Assert.Throws<WeightsException>(() => Checkpoint.Load(path, new CheckpointOptions { Heads = 2 })).Message);
        }
    }

    [Fact]
    public void Compressed_encrypted_and_foreign_entries_are_refused()
    {
        byte[] packed = Archive();
        packed[Find(packed, "PK\x01\x02"u8, "x/data/0", 46) + 10] = 14;
        Assert.Contains("is compressed by method 14", _folder.Refusal("a.bin", packed));
        byte[] zip = Archive();
        zip[Find(zip, "PK\x01\x02"u8, "x/data/0", 46) + 8] |= 1;
        Assert.Contains("is encrypted", _folder.Refusal("a.bin", zip));
        Assert.Contains(
            "big-endian",
            _folder.Refusal("a.bin", PickleBuilder.Zip([("x/data.pkl", [(byte)'N', (byte)'.']), ("x/byteorder", "big"u8.ToArray())])));
    }

    [Theory]
    [InlineData(1L << 60)]
    [InlineData(-1)]
    [InlineData(17 << 20)]
    public void A_safetensors_header_of_absurd_length_is_not_allocated(long length)
    {
        string message = _folder.Refusal("a.safetensors", [.. BitConverter.GetBytes(length), (byte)'{', (byte)'}']);
        Assert.Contains($"claims {(ulong)length} bytes, at most", message);
    }

    [Theory]
    [InlineData(
        """{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[4],"data_offsets":[8,24]}}""",
        24, "'b' overlaps")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "a gap of 4 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 12, "4 bytes after the last")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,16]}}""", 8, "claims data bytes 0 to 16")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "claims data bytes 8 to 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""", 8, "claims data bytes -8")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "(3) F32 in 8 bytes, expected 12")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}""", 8, "(1) F32 in 8 bytes, expected 4")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "negative size")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}""", 8, "absurdly large")]
    [InlineData("""{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}""", 8, "not an integer of 64 bits")]
    [InlineData(
        """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}""",
        16, "two entries named 'a'")]
    [InlineData("""{"a":{"dtype":"F32","dtype":"F16","shape":[2],"data_offsets":[0,8]}}""", 8, "repeated property 'dtype'")]
    [InlineData("""{"a":{"dtype":"F5","shape":[2],"data_offsets":[0,8]}}""", 8, "the type 'F5'")]
    [InlineData("""{"a":{"shape":[2],"data_offsets":[0,8]}}""", 8, "lacks dtype")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", 8, "pair of data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[[2]],"data_offsets":[0,8]}}""", 8, "not valid JSON")]
    [InlineData("""{"a":[[[[[[[[[[[[1]]]]]]]]]]]]}""", 0, "not valid JSON")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}""", 8, "not valid JSON")]
    [InlineData("{}{}", 0, "not valid JSON")]
    [InlineData("{}", 0, "no tensors at all")]
    public void A_safetensors_header_that_lies_is_refused(string header, int dataLength, string expected) =>
        Assert.Contains(expected, _folder.Refusal("a.safetensors", Safetensors(header, dataLength)));

    [Fact]
    public void A_safetensors_file_cut_anywhere_is_refused()
    {
        byte[] whole = Safetensors("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8);
        for (int length = 1; length < whole.Length; length++) Assert.DoesNotContain(
            "not a DINO ViT", _folder.Refusal("a.safetensors", whole[..length]));
    }

    private static byte[] Safetensors(string header, int dataLength)
    {
        byte[] text = Encoding.UTF8.GetBytes(header);
        return [.. BitConverter.GetBytes((long)text.Length), .. text, .. new byte[dataLength]];
    }

    private static byte[] Archive() =>
        PickleBuilder.Archive(
            PickleBuilder.Dictionary(p => p.Text("cls_token").Tensor("0", 4, 0, [1, 1, 4], [4, 4, 1])), ("0", new byte[16]));

    /// <summary>Offset of the header with this signature and name.</summary>
    private static int Find(byte[] zip, ReadOnlySpan<byte> signature, string name, int headerLength)
    {
        for (int i = 0; i < zip.Length - headerLength - name.Length; i++)
        {
            if (zip.AsSpan(i).StartsWith(signature) && zip.AsSpan(i + headerLength).StartsWith(Encoding.ASCII.GetBytes(name))) return i;
        }

        throw new InvalidOperationException(name);
    }
}
