using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// Writes a zip archive of stored members, as <c>np.savez</c> does: without compression, with zip64 if needed, and with
/// a fixed time stamp. The data of every member starts at a multiple of 64 bytes, so that it can be mapped. The first
/// bytes of a member can be filled in when it ends.
/// </summary>
/// <param name="file">Where the archive goes; the caller completes it.</param>
/// <param name="zip64From">The size or offset from which the directory uses zip64.</param>
internal sealed class StoredZip(AtomicFile file, long zip64From = uint.MaxValue)
{
    private const int LocalLength = 30;
    private const int Zip64Length = 20;
    private const int PaddingLength = 6;
    private const int Alignment = 64;
    private const ushort Version = 45; // zip64
    private const ushort Utf8Names = 0x0800;
    private const ushort FirstOfJanuary1980 = 0x21;

    private readonly List<Member> _members = [];
    private readonly Crc32 _crc = new();
    private long _position;
    private long _hashed;

    /// <summary>Starts a member.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="reserved">Bytes at its start that <see cref="End"/> fills in.</param>
    public void Begin(string name, int reserved)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(name);
        long unpadded = _position + LocalLength + utf8.Length + Zip64Length + PaddingLength;
        int padding = PaddingLength + (int)(-unpadded & (Alignment - 1));
        var member = new Member(utf8, _position, padding, reserved);
        _members.Add(member);
        byte[] start = [.. Local(member), .. new byte[reserved]];
        file.Write(start);
        _position += start.Length;
        _hashed = 0;
        _crc.Reset();
    }

    /// <summary>Appends to the member.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        file.Write(bytes);
        _crc.Append(bytes);
        _hashed += bytes.Length;
        _position += bytes.Length;
    }

    /// <summary>Ends the member.</summary>
    /// <param name="start">The reserved bytes.</param>
    public void End(ReadOnlySpan<byte> start)
    {
        Member member = _members[^1];
        if (start.Length != member.Reserved)
            throw new ArgumentException($"{member.Reserved} bytes are reserved, got {start.Length}.");
        member.Size = member.Reserved + _hashed;
        member.Crc = CrcSum.Combine(Crc32.HashToUInt32(start), _crc.GetCurrentHashAsUInt32(), _hashed);
        byte[] whole = [.. Local(member), .. start];
        file.Write(stream =>
        {
            stream.Position = member.Offset;
            stream.Write(whole);
            stream.Position = _position;
        });
    }

    /// <summary>Writes the directory.</summary>
    public void Finish()
    {
        long start = _position;
        using var directory = new MemoryStream();
        foreach (Member member in _members)
            directory.Write(Central(member));
        long size = directory.Length;
        if (start >= zip64From || size >= zip64From || _members.Count >= ushort.MaxValue)
        {
            directory.Write(Fields(w => w
                .U32(0x06064B50).U64(44).U16(Version).U16(Version).U32(0).U32(0)
                .U64(_members.Count).U64(_members.Count).U64(size).U64(start)));
            directory.Write(Fields(w => w.U32(0x07064B50).U32(0).U64(start + size).U32(1)));
            directory.Write(Fields(w => w
                .U32(0x06054B50).U16(0).U16(0).U16(ushort.MaxValue).U16(ushort.MaxValue).U32(uint.MaxValue).U32(uint.MaxValue).U16(0)));
        }
        else
        {
            directory.Write(Fields(w => w
                .U32(0x06054B50).U16(0).U16(0).U16(_members.Count).U16(_members.Count).U32(size).U32(start).U16(0)));
        }

        file.Write(directory.ToArray());
    }

    /// <summary>
    /// The header before a member. The sizes are in its zip64 field, because they are not known when it is first
    /// written.
    /// </summary>
    private static byte[] Local(Member member) => Fields(w => w
        .U32(0x04034B50).U16(Version).U16(Flags(member)).U16(0).U16(0).U16(FirstOfJanuary1980)
        .U32(member.Crc).U32(uint.MaxValue).U32(uint.MaxValue)
        .U16(member.Name.Length).U16(Zip64Length + member.Padding).Bytes(member.Name)
        .U16(1).U16(Zip64Length - 4).U64(member.Size).U64(member.Size)
        // the alignment field of Android's zipalign
        .U16(0xD935).U16(member.Padding - 4).U16(Alignment).Bytes(new byte[member.Padding - PaddingLength]));

    private byte[] Central(Member member)
    {
        bool large = member.Size >= zip64From || member.Offset >= zip64From;
        byte[] extra = large ? Fields(w => w.U16(1).U16(24).U64(member.Size).U64(member.Size).U64(member.Offset)) : [];
        long size = large ? uint.MaxValue : member.Size;
        return Fields(w => w
            .U32(0x02014B50).U16(Version).U16(Version).U16(Flags(member)).U16(0).U16(0).U16(FirstOfJanuary1980)
            .U32(member.Crc).U32(size).U32(size)
            .U16(member.Name.Length).U16(extra.Length).U16(0).U16(0).U16(0).U32(0)
            .U32(large ? uint.MaxValue : member.Offset).Bytes(member.Name).Bytes(extra));
    }

    private static int Flags(Member member) => Ascii.IsValid(member.Name) ? 0 : Utf8Names;

    private static byte[] Fields(Action<FieldWriter> write)
    {
        var writer = new FieldWriter();
        write(writer);
        return writer.ToArray();
    }

    private sealed class Member(byte[] name, long offset, int padding, int reserved)
    {
        public byte[] Name { get; } = name;

        public long Offset { get; } = offset;

        public int Padding { get; } = padding;

        public int Reserved { get; } = reserved;

        public long Size { get; set; }

        public uint Crc { get; set; }
    }

    /// <summary>Little-endian fields one after the other.</summary>
    private sealed class FieldWriter
    {
        private readonly MemoryStream _bytes = new();

        public FieldWriter U16(int value) => Integer(value, 2);

        public FieldWriter U32(long value) => Integer(value, 4);

        public FieldWriter U64(long value) => Integer(value, 8);

        public FieldWriter Bytes(byte[] bytes)
        {
            _bytes.Write(bytes);
            return this;
        }

        public byte[] ToArray() => _bytes.ToArray();

        private FieldWriter Integer(long value, int size)
        {
            Span<byte> bytes = stackalloc byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
            _bytes.Write(bytes[..size]);
            return this;
        }
    }
}
