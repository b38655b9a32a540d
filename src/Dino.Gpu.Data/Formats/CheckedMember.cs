using System.IO.Compression;
using System.IO.Hashing;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// A member of a zip archive, read from its beginning to its end. There its checksum is verified, which .NET does not
/// do.
/// </summary>
internal sealed class CheckedMember : ForwardStream
{
    private readonly ZipArchiveEntry _entry;
    private readonly Stream _stream;
    private readonly Crc32 _crc = new();

    /// <exception cref="InvalidDataException">The archive is damaged.</exception>
    public CheckedMember(ZipArchiveEntry entry)
    {
        _entry = entry;
        _stream = entry.Open();
    }

    public override long Length => _entry.Length;

    /// <exception cref="InvalidDataException">This is the end, and the checksum does not match.</exception>
    public override int Read(Span<byte> buffer)
    {
        int read = _stream.Read(buffer);
        _crc.Append(buffer[..read]);
        if (read == 0 && !buffer.IsEmpty && _crc.GetCurrentHashAsUInt32() != _entry.Crc32)
            throw new InvalidDataException($"damaged: the member '{_entry.FullName}' does not match its checksum (CRC-32)");
        return read;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _stream.Dispose();
        base.Dispose(disposing);
    }
}
