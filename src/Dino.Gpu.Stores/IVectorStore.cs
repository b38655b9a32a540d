using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Stores;

/// <summary>
/// A table or collection of vectors in a database, one row a picture, all made by one model. One process may use it
/// from several threads: calls wait for each other, and there is one connection. The caller disposes it.
/// </summary>
public interface IVectorStore : IAsyncDisposable
{
    /// <summary>The address without the password.</summary>
    string Name { get; }

    /// <summary>What the vectors are; null as long as there is no table.</summary>
    StoreContents? Contents { get; }

    /// <summary>Makes the table if there is none, or checks that the one there takes these vectors.</summary>
    /// <param name="dimension">Values of a vector.</param>
    /// <param name="model">What makes the vectors; null if that is not known.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="DinoException">
    /// Another model made the vectors that are there, or the server refuses or is gone.
    /// </exception>
    Task PrepareAsync(int dimension, Provenance? model, CancellationToken cancellation = default);

    /// <summary>Finds which pictures are there.</summary>
    /// <param name="ids">Keys: <see cref="StoredPicture.Id"/>.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <returns>The SHA-256 of those that are there, by key; null if it is not known.</returns>
    /// <exception cref="DinoException">The server refuses or is gone.</exception>
    Task<IReadOnlyDictionary<Guid, string?>> DigestsAsync(IReadOnlyList<Guid> ids, CancellationToken cancellation = default);

    /// <summary>
    /// Writes rows: all of them or none. A row of the same picture is replaced; of several rows of one picture the
    /// last stays.
    /// </summary>
    /// <param name="rows">Vectors of <see cref="StoreContents.Dimension"/> values.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="DinoException">The server refuses or is gone.</exception>
    Task<StoreWrite> WriteAsync(IReadOnlyList<StoredVector> rows, CancellationToken cancellation = default);

    /// <summary>Deletes every row with another key.</summary>
    /// <param name="ids">Keys to keep.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <returns>Rows deleted.</returns>
    /// <exception cref="DinoException">The server refuses or is gone.</exception>
    Task<long> KeepOnlyAsync(IEnumerable<Guid> ids, CancellationToken cancellation = default);

    /// <summary>
    /// Builds an HNSW graph for the cosine, unless there is one. Searches are approximate from then on.
    /// </summary>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="DinoException">The vectors are too long for it, or the server refuses or is gone.</exception>
    Task BuildHnswAsync(CancellationToken cancellation = default);

    /// <summary>Finds the nearest pictures.</summary>
    /// <param name="query">(dimension), of any length.</param>
    /// <param name="k">The most results.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <returns>The best first.</returns>
    /// <exception cref="DinoException">The server refuses or is gone.</exception>
    Task<IReadOnlyList<StoreHit>> SearchAsync(ReadOnlyMemory<float> query, int k, CancellationToken cancellation = default);

    /// <summary>Counts the rows.</summary>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="DinoException">The server refuses or is gone.</exception>
    Task<long> CountAsync(CancellationToken cancellation = default);
}

/// <summary>
/// What a write changed. Rows that were there already, the same in every value, count nowhere; in Qdrant, which does not
/// keep the values as they came, a row without a digest, or of a model that is not known, counts as another.
/// </summary>
/// <param name="Added">Pictures that are new.</param>
/// <param name="Replaced">Pictures whose row was another.</param>
public readonly record struct StoreWrite(int Added, int Replaced);
