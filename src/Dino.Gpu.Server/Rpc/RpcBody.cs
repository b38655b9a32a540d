using System.Buffers.Binary;
using Dino.Gpu.Files;
using Dino.Gpu.Server.Requests;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace Dino.Gpu.Server.Rpc;

/// <summary>
/// The body of a gRPC call, which is counted and timed while it arrives: gRPC hands over a message only once it is there
/// as a whole. Failures are gRPC's own, because gRPC reads before any interceptor runs.
/// </summary>
internal sealed class RpcBody : ForwardStream
{
    private const int PrefixLength = 5; // of a message: a flag, and four bytes of its length

    private readonly Stream _body;
    private readonly BodyMemory.Lease _lease;
    private readonly TimeSpan _patience;
    private readonly CancellationToken _aborted;
    private readonly CancellationToken _stopping;
    private readonly bool _isUnary;
    private readonly long _most;
    private readonly byte[] _prefix = new byte[PrefixLength];
    private CancellationTokenSource? _timeout; // while a message is under way
    private long _counted;
    private int _prefixed; // bytes of the next message's prefix that are there
    private long _left; // of the message under way

    private RpcBody(HttpContext context, DinoServerOptions options, BodyMemory.Lease lease, CancellationToken stopping)
    {
        BodyRate.TurnOff(context);
        _stopping = stopping;
        _body = context.Request.Body;
        _aborted = context.RequestAborted;
        _patience = options.BodyTimeout;
        _most = Math.Min(int.MaxValue, options.MaxBodyBytes);
        _lease = lease;
        _isUnary = context.GetEndpoint()?.Metadata.GetMetadata<GrpcMethodMetadata>()?.Method.Type == MethodType.Unary;
        if (_isUnary)
            Begin(); // a stream may rest before its first message
    }

    /// <summary>Runs a call whose body is counted and timed.</summary>
    /// <param name="context">The call.</param>
    /// <param name="call">Answers it.</param>
    /// <param name="memory">Counts its bytes.</param>
    /// <param name="options">Limits.</param>
    /// <param name="stopping">Ends a stream that rests: nobody is to wait for a message that may never come.</param>
    public static async Task RunAsync(
        HttpContext context, RequestDelegate call, BodyMemory memory, DinoServerOptions options, CancellationToken stopping)
    {
        using BodyMemory.Lease lease = memory.Begin();
        using var body = new RpcBody(context, options, lease, stopping);
        context.Request.Body = body;
        context.Features.Set(body);
        await call(context).ConfigureAwait(false);
    }

    /// <summary>The body of a call.</summary>
    public static RpcBody? Of(ServerCallContext context) => context.GetHttpContext().Features.Get<RpcBody>();

    /// <summary>A message of a stream is there: the next may take its time to begin.</summary>
    public void Arrived()
    {
        _timeout?.Dispose();
        _timeout = null;
    }

    /// <summary>A message of a stream was answered: its memory comes back.</summary>
    public void Answered()
    {
        _lease.Return(_counted);
        _counted = 0;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        bool rests = !_isUnary && _left == 0 && _prefixed == 0; // no message has begun
        using var end = CancellationTokenSource.CreateLinkedTokenSource(_timeout?.Token ?? CancellationToken.None, cancellationToken);
        int read;
        try
        {
            ValueTask<int> reading = _body.ReadAsync(buffer, end.Token);
            CancellationTokenRegistration stop = default;
            if (rests && !reading.IsCompleted) // what is here already is answered
                stop = _stopping.UnsafeRegister(static its => ((CancellationTokenSource)its!).Cancel(), end);
            await using (stop.ConfigureAwait(false))
                read = await reading.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_timeout is { IsCancellationRequested: true } && !_aborted.IsCancellationRequested)
        {
            throw FailureInterceptor.Of(RequestFailure.TooSlow(_patience));
        }
        catch (OperationCanceledException) when (rests && _stopping.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw FailureInterceptor.Of(RequestFailure.Stopping());
        }
        catch (BadHttpRequestException failure)
        {
            throw FailureInterceptor.Of(failure.StatusCode == StatusCodes.Status413PayloadTooLarge
                ? RequestFailure.TooLarge(_most)
                : RequestFailure.Invalid("the body is damaged: it could not be read to its end"));
        }
        catch (IOException)
        {
            throw new RpcException(new Status(StatusCode.Cancelled, "the client left")); // gRPC would log any other as an error of ours
        }

        if (read > 0)
            Count(read);
        Follow(buffer.Span[..read]);
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _timeout?.Dispose();
        base.Dispose(disposing);
    }

    private void Begin()
    {
        _timeout = CancellationTokenSource.CreateLinkedTokenSource(_aborted);
        _timeout.CancelAfter(_patience);
    }

    /// <summary>Looks at the length that each message announces: gRPC has no reason for one that is too large.</summary>
    private void Follow(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int used = (int)Math.Min(bytes.Length, _left > 0 ? _left : PrefixLength - _prefixed);
            if (_left > 0)
                _left -= used;
            else
                Announce(bytes[..used]);
            bytes = bytes[used..];
        }
    }

    private void Announce(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_prefix.AsSpan(_prefixed));
        _prefixed = (_prefixed + bytes.Length) % PrefixLength;
        if (_prefixed > 0)
            return;
        _left = BinaryPrimitives.ReadUInt32BigEndian(_prefix.AsSpan(1));
        if (_left > _most)
            throw FailureInterceptor.Of(RequestFailure.TooLarge(_most));
    }

    private void Count(int read)
    {
        try
        {
            _lease.Take(read);
            _counted += read;
        }
        catch (RequestFailure failure)
        {
            throw FailureInterceptor.Of(failure);
        }

        if (_timeout is null)
            Begin();
    }
}
