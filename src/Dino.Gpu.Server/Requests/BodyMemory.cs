using Microsoft.AspNetCore.Http;

namespace Dino.Gpu.Server.Requests;

/// <summary>
/// Bounds the bytes of all bodies, and of vectors for answers, that are in memory at the same time. Memory is taken as
/// bytes arrive, so that a client which only announces many takes little. Thread-safe.
/// </summary>
/// <param name="options">The bound.</param>
internal sealed class BodyMemory(DinoServerOptions options)
{
    private long _used;

    /// <summary>Bytes in memory now.</summary>
    public long Used => Interlocked.Read(ref _used);

    /// <summary>The memory of one request.</summary>
    public Lease Begin() => new(this);

    /// <summary>What one request has taken. Disposing it gives all of it back. Thread-safe.</summary>
    public sealed class Lease(BodyMemory memory) : IDisposable
    {
        private readonly Lock _lock = new();
        private long _taken;
        private bool _disposed;

        /// <summary>Takes memory.</summary>
        /// <exception cref="RequestFailure">There is too little at the moment.</exception>
        /// <exception cref="ObjectDisposedException">The request is over: nobody would give the memory back.</exception>
        public void Take(long bytes)
        {
            lock (_lock)
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                if (Interlocked.Add(ref memory._used, bytes) > memory.Most)
                {
                    Interlocked.Add(ref memory._used, -bytes);
                    throw RequestFailure.Busy("too many large requests are under way");
                }

                _taken += bytes;
            }
        }

        /// <summary>Takes memory for an answer.</summary>
        /// <exception cref="RequestFailure">
        /// There is too little at the moment, or there would be too little without any other request.
        /// </exception>
        public void TakeForAnswer(long bytes)
        {
            lock (_lock)
            {
                if (_taken + bytes > memory.Most)
                {
                    throw new RequestFailure(
                        StatusCodes.Status422UnprocessableEntity,
                        "answer_too_large",
                        $"the answer is too large (expected at most {memory.Most - _taken} bytes of values, found {bytes})",
                        "send fewer pictures at once");
                }

                Take(bytes);
            }
        }

        /// <summary>Gives some of what was taken back.</summary>
        public void Return(long bytes)
        {
            lock (_lock)
            {
                Interlocked.Add(ref memory._used, -bytes);
                _taken -= bytes;
            }
        }

        public void Dispose()
        {
            lock (_lock)
            {
                Interlocked.Add(ref memory._used, -_taken);
                _taken = 0;
                _disposed = true;
            }
        }
    }

    /// <summary>
    /// The bound. One request that is allowed always fits while there is no other: its buffers grow by doubling, and
    /// pictures in its JSON are decoded beside it.
    /// </summary>
    private long Most => Math.Max(options.MaxBufferedBytes, 4 * options.MaxBodyBytes);
}
