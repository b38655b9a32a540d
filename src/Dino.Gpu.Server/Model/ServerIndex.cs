using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Server.Requests;
using Microsoft.AspNetCore.Http;

namespace Dino.Gpu.Server.Model;

/// <summary>
/// The index that requests search and change. What changes is on the disk before the request is answered; changes that
/// come at the same time are written together. An index that is not a <c>.dinoidx</c> file stays in memory.
/// Thread-safe.
/// </summary>
internal sealed class ServerIndex(VectorIndex vectors, DinoServerOptions options) : IDisposable
{
    /// <summary>The most neighbors of a search.</summary>
    public const int MostNeighbors = 10_000;

    private const int SearchesAtOnce = 2; // each takes every core

    private readonly PassGate _passes = new(SearchesAtOnce, options.MaxPasses);
    private readonly Lock _lock = new();
    private Task _saving = Task.CompletedTask;
    private Task? _next;

    public int Count => vectors.Count;

    public int Dimension => vectors.Dimension;

    public VectorIndex Vectors => vectors;

    public bool Contains(string id) => vectors.Contains(id);

    /// <summary>Finds the nearest vectors.</summary>
    /// <exception cref="RequestFailure">The query does not fit, or too many searches wait.</exception>
    public Task<IReadOnlyList<VectorHit>> SearchAsync(float[] query, int k, CancellationToken cancellation)
    {
        if (query.Length != Dimension)
        {
            throw RequestFailure.Invalid(
                $"the query has another number of values (expected {Dimension}, found {query.Length})", "embedding");
        }

        if (!query.All(float.IsFinite))
            throw RequestFailure.Invalid("the query has a value that is no finite number", "embedding");
        return vectors.Count == 0
            ? Task.FromResult<IReadOnlyList<VectorHit>>([])
            : _passes.RunAsync(() => vectors.Search(query, k, cancellation), cancellation);
    }

    /// <summary>Puts a vector under an id, in the place of all others of that id.</summary>
    /// <returns>Whether there were others.</returns>
    public async Task<bool> PutAsync(string id, float[] vector)
    {
        RequireWritable();
        int replaced = await Task.Run(() => vectors.Replace(id, vector)).ConfigureAwait(false);
        await SaveAsync().ConfigureAwait(false);
        return replaced > 0;
    }

    /// <summary>Removes all vectors of an id.</summary>
    /// <returns>How many there were.</returns>
    public async Task<int> DeleteAsync(string id)
    {
        RequireWritable();
        int removed = await Task.Run(() => vectors.Remove(id)).ConfigureAwait(false);
        if (removed > 0)
            await SaveAsync().ConfigureAwait(false);
        return removed;
    }

    public void Dispose()
    {
        vectors.Dispose();
        _passes.Dispose();
    }

    private void RequireWritable()
    {
        if (!options.IsIndexWritable)
            throw new RequestFailure(StatusCodes.Status403Forbidden, "read_only", "this server's index cannot be changed");
    }

    /// <summary>Waits for a save that begins after this call.</summary>
    private Task SaveAsync()
    {
        if (!vectors.HasFile)
            return Task.CompletedTask;
        lock (_lock)
            return _next ??= SaveAfterAsync(_saving);
    }

    private async Task SaveAfterAsync(Task before)
    {
        await Task.Yield(); // out of the lock
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_lock)
        {
            _saving = _next!;
            _next = null;
        }

        vectors.Save();
    }
}
