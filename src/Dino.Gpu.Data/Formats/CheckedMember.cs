using System.IO.Compression;
using System.IO.Hashing;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// A member of a zip archive, read from its beginning to its end. There its checksum is verified, which .NET does not
/// do.
/// </summary>
internal sealed class CheckedMember : Stream
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

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => _entry.Length;

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

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

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _stream.Dispose();
        base.Dispose(disposing);
    }
}
