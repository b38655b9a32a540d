using Dino.Gpu.Files;
using Microsoft.AspNetCore.Http;

namespace Dino.Gpu.Server.Requests;

/// <summary>
/// The body of a request, which ends with a failure that names the limit where it is too long or too slow. Whatever
/// is kept of it is counted.
/// </summary>
internal sealed class LimitedBody : ForwardStream
{
    private const int FirstBuffer = 16 << 10;

    private readonly Stream _body;
    private readonly long? _announced;
    private readonly long _most;
    private readonly BodyMemory.Lease _lease;
    private readonly CancellationTokenSource _timeout;
    private readonly CancellationToken _aborted;
    private readonly TimeSpan _patience;
    private long _read;

    private LimitedBody(HttpContext context, DinoServerOptions options, BodyMemory.Lease lease)
    {
        _body = context.Request.Body;
        _announced = context.Request.ContentLength;
        _most = options.MaxBodyBytes;
        _lease = lease;
        _aborted = context.RequestAborted;
        _patience = options.BodyTimeout;
        _timeout = CancellationTokenSource.CreateLinkedTokenSource(_aborted);
        _timeout.CancelAfter(_patience);
        BodyRate.TurnOff(context);
    }

    /// <summary>Begins to read a body.</summary>
    /// <exception cref="RequestFailure">It announces more bytes than are allowed, or is compressed.</exception>
    public static LimitedBody Of(HttpContext context, DinoServerOptions options, BodyMemory.Lease lease)
    {
        string coding = context.Request.Headers.ContentEncoding.ToString();
        if (coding.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Any(IsCoded))
        {
            throw RequestFailure.UnsupportedType(
                $"Content-Encoding: expected identity, found {EmbeddingsRequest.Short(coding)}", "send the body as it is");
        }

        return context.Request.ContentLength > options.MaxBodyBytes
            ? throw RequestFailure.TooLarge(options.MaxBodyBytes)
            : new LimitedBody(context, options, lease);

        static bool IsCoded(string one) => !one.Equals("identity", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Reads all of the body.</summary>
    public Task<ReadOnlyMemory<byte>> ReadAllAsync() => ReadAllAsync(this);

    /// <summary>
    /// Reads a part of the body to its end. Memory is taken for what has come, and as much again: a client that
    /// announces many bytes and sends none takes little from others.
    /// </summary>
    /// <param name="part">A stream over this one.</param>
    public async Task<ReadOnlyMemory<byte>> ReadAllAsync(Stream part)
    {
        int first = LargerThan(0);
        _lease.Take(first);
        byte[] buffer = GC.AllocateUninitializedArray<byte>(first);
        int length = 0;
        while (true)
        {
            if (length == buffer.Length)
            {
                // Perhaps that was all: a single byte tells, and the buffer need not grow.
                byte[] one = new byte[1];
                if (await part.ReadAsync(one).ConfigureAwait(false) == 0)
                    break;
                int larger = LargerThan(length);
                _lease.Take(larger - length);
                Array.Resize(ref buffer, larger);
                buffer[length++] = one[0];
            }

            int read = await part.ReadAsync(buffer.AsMemory(length)).ConfigureAwait(false);
            if (read == 0)
                break;
            length += read;
        }

        if (length < buffer.Length / 2)
        {
            _lease.Return(buffer.Length - length); // a form may have many small files
            Array.Resize(ref buffer, length);
        }

        return buffer.AsMemory(0, length);
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            int read = await _body.ReadAsync(buffer, _timeout.Token).ConfigureAwait(false);
            _read += read;
            return _read > _most ? throw RequestFailure.TooLarge(_most) : read;
        }
        catch (OperationCanceledException) when (_timeout.IsCancellationRequested && !_aborted.IsCancellationRequested)
        {
            throw RequestFailure.TooSlow(_patience);
        }
        catch (BadHttpRequestException failure) when (failure.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            throw RequestFailure.TooLarge(_most);
        }
        catch (IOException failure) when (failure is not BadHttpRequestException)
        {
            throw RequestFailure.Invalid("the body is damaged: it could not be read to its end");
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _timeout.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>The next size of a buffer: no part of a body is longer than what was announced.</summary>
    private int LargerThan(int length)
    {
        long larger = Math.Min(Array.MaxLength, Math.Max(2L * length, FirstBuffer));
        return (int)(_announced > length ? Math.Min(larger, _announced.Value) : larger);
    }
}
