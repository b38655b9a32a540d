using System.Globalization;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Server.Requests;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Dino.Gpu.Server.Model;

/// <summary>
/// The index that requests search and change. What changes is on the disk before the request is answered; changes that
/// come at the same time are written together. An index that is not a <c>.dinoidx</c> file stays in memory.
/// Thread-safe.
/// </summary>
internal sealed partial class ServerIndex(VectorIndex vectors, DinoServerOptions options, ILogger logger) : IDisposable
{
    private const int StandardNeighbors = 10;
    private const int MostNeighbors = 10_000;
    private const int LongestId = 4096;
    private const int SearchesAtOnce = 2; // each takes every core

    private readonly PassGate _passes = new(SearchesAtOnce, options.MaxPasses);
    private readonly Lock _changing = new();
    private readonly HashSet<string> _ofClients = []; // ids that no picture was indexed under
    private readonly Lock _lock = new();
    private Task _saving = Task.CompletedTask;
    private Task? _next;
    private volatile bool _isUnsaved; // the last save failed

    public int Count => vectors.Count;

    public int Dimension => vectors.Dimension;

    public VectorIndex Vectors => vectors;

    /// <summary>
    /// Whether the index had an id when it was opened, and has it still. A client may put any id, and is not to choose
    /// by that which file is shown.
    /// </summary>
    public bool WasIndexed(string id)
    {
        lock (_changing)
            return !_ofClients.Contains(id) && vectors.Contains(id);
    }

    /// <summary>An id of a request. It may have control characters: names of files have them, and so an index.</summary>
    /// <exception cref="RequestFailure">It is empty, or too long.</exception>
    public static string CheckId(string id) => id.Length is > 0 and <= LongestId
        ? id
        : throw RequestFailure.Invalid($"expected an id of 1 to {LongestId} characters", "id");

    /// <summary>An id of a request that puts a vector under it.</summary>
    /// <exception cref="RequestFailure">It is empty, too long, or new and with control characters.</exception>
    public string CheckIdToPut(string id) => !CheckId(id).Any(char.IsControl) || vectors.Contains(id)
        ? id
        : throw RequestFailure.Invalid("expected an id without control characters, or one that the index has", "id");

    /// <summary>Finds the nearest vectors.</summary>
    /// <param name="query">A vector.</param>
    /// <param name="k">How many; null for the usual number.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="RequestFailure">The query does not fit, or too many searches wait.</exception>
    public Task<IReadOnlyList<VectorHit>> SearchAsync(float[] query, int? k, CancellationToken cancellation)
    {
        RequireVector(query);
        if (k is < 1 or > MostNeighbors)
            throw RequestFailure.Invalid($"k: expected a whole number from 1 to {MostNeighbors}, found {k}", "k");
        return vectors.Count == 0
            ? Task.FromResult<IReadOnlyList<VectorHit>>([])
            : _passes.RunAsync(() => vectors.Search(query, k ?? StandardNeighbors, cancellation), cancellation);
    }

    /// <summary>Puts a vector under an id, in the place of all others of that id.</summary>
    /// <returns>Whether there were others.</returns>
    public async Task<bool> PutAsync(string id, float[] vector)
    {
        RequireWritable();
        RequireVector(vector);
        if (ValueEncoder.Misfit(vectors.Type, vector) is { } value)
            throw RequestFailure.NoHalf("embedding", value, "scale the vector: a search compares directions only");
        return await ChangeAsync(() => Replace(id, vector), _ => true).ConfigureAwait(false) > 0;
    }

    /// <summary>Removes all vectors of an id.</summary>
    /// <exception cref="RequestFailure">There is none.</exception>
    public async Task DeleteAsync(string id)
    {
        RequireWritable();
        if (await ChangeAsync(() => Remove(id), removed => removed > 0).ConfigureAwait(false) == 0)
            throw new RequestFailure(StatusCodes.Status404NotFound, "not_found", "the index has no such id");
    }

    public void Dispose()
    {
        vectors.Dispose();
        _passes.Dispose();
    }

    /// <summary>
    /// Changes the index and saves it. After a save that failed nothing is changed until another succeeds: else clients
    /// would fill the memory with what the disk has no room for.
    /// </summary>
    /// <param name="change">The change; it returns how many rows of the id there were.</param>
    /// <param name="isChanged">Whether there is something to save.</param>
    /// <exception cref="RequestFailure">The file cannot be written, or another process has written to it.</exception>
    private async Task<int> ChangeAsync(Func<int> change, Func<int, bool> isChanged)
    {
        try
        {
            if (_isUnsaved)
                await SaveAsync().ConfigureAwait(false);
            int rows = await Task.Run(change).ConfigureAwait(false);
            if (isChanged(rows))
                await SaveAsync().ConfigureAwait(false);
            return rows;
        }
        catch (DinoException failure)
        {
            NotChanged(failure.Message); // where the file lies is nothing for a client
            throw new RequestFailure(
                StatusCodes.Status503ServiceUnavailable, "index_unavailable", "the index cannot be changed now; the server's log says why");
        }
    }

    private int Replace(string id, float[] vector)
    {
        lock (_changing)
        {
            int replaced = vectors.Replace(id, vector);
            if (replaced == 0)
                _ofClients.Add(id);
            return replaced;
        }
    }

    private int Remove(string id)
    {
        lock (_changing)
        {
            int removed = vectors.Remove(id);
            _ofClients.Remove(id); // if it comes again, a client puts it
            return removed;
        }
    }

    private void RequireVector(float[] vector)
    {
        if (vector.Length != Dimension)
            throw RequestFailure.Invalid($"embedding: expected {Dimension} finite numbers, found {vector.Length} values", "embedding");
        if (Array.FindIndex(vector, value => !float.IsFinite(value)) is var place and >= 0)
        {
            throw RequestFailure.Invalid(
                string.Create(CultureInfo.InvariantCulture, $"embedding: expected finite numbers, found {vector[place]} at index {place}"),
                "embedding");
        }
    }

    /// <summary>Refuses a change before there is any work for it.</summary>
    /// <exception cref="RequestFailure">Nobody may change the index.</exception>
    public void RequireWritable()
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

        _isUnsaved = true;
        vectors.Save();
        _isUnsaved = false;
    }

    [LoggerMessage(5, LogLevel.Error, "the index is not changed: {Reason}")]
    private partial void NotChanged(string reason);
}
