namespace Dino.Gpu.Data.Inputs;

/// <summary>
/// A file of which the bytes between two places can be left out: so that a page follows right after its dictionary, and a library that reads columns from their
/// start on reads that page alone. Disposes the file.
/// </summary>
/// <param name="file">Where the bytes come from.</param>
internal sealed class PageStream(Stream file) : Stream
{
    private long _gap = long.MaxValue;
    private long _skipped;

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => file.Length;

    public override long Position { get; set; }

    /// <summary>Leaves out what lies between: a read at <paramref name="first"/> reads what is at <paramref name="next"/>, until another gap is set.</summary>
    public void LeaveOut(long first, long next)
    {
        _gap = first;
        _skipped = next - first;
    }

    public override int Read(Span<byte> buffer)
    {
        bool isBefore = Position < _gap;
        file.Position = isBefore ? Position : Position + _skipped;
        int read = file.Read(isBefore ? buffer[..(int)Math.Min(buffer.Length, _gap - Position)] : buffer);
        Position += read;
        return read;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(Read(buffer.Span));

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => Task.FromResult(Read(buffer, offset, count));

    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
    {
        SeekOrigin.Begin => offset,
        SeekOrigin.Current => Position + offset,
        _ => Length + offset,
    };

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            file.Dispose();
        base.Dispose(disposing);
    }
}
