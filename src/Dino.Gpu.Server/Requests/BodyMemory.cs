namespace Dino.Gpu.Server.Requests;

/// <summary>
/// Bounds the bytes of all bodies that are in memory at the same time. Memory is taken as bytes arrive, so that a
/// client which only announces many takes none. Thread-safe.
/// </summary>
/// <param name="options">The bound.</param>
internal sealed class BodyMemory(DinoServerOptions options)
{
    private long _used;

    /// <summary>Bytes in memory now.</summary>
    public long Used => Interlocked.Read(ref _used);

    /// <summary>The memory of one request.</summary>
    public Lease Begin() => new(this);

    /// <summary>What one request has taken. Disposing it gives all of it back.</summary>
    public sealed class Lease(BodyMemory memory) : IDisposable
    {
        private long _taken;

        /// <summary>Takes memory.</summary>
        /// <exception cref="RequestFailure">There is too little at the moment.</exception>
        public void Take(long bytes)
        {
            if (Interlocked.Add(ref memory._used, bytes) > memory.Most)
            {
                Interlocked.Add(ref memory._used, -bytes);
                throw RequestFailure.Busy("too many large requests are under way");
            }

            _taken += bytes;
        }

        public void Dispose()
        {
            Interlocked.Add(ref memory._used, -_taken);
            _taken = 0;
        }
    }

    private long Most => Math.Max(options.MaxBufferedBytes, options.MaxBodyBytes);
}
