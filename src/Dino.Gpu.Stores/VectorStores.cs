using Dino.Gpu.Stores.Postgres;
using Dino.Gpu.Stores.Qdrant;

namespace Dino.Gpu.Stores;

/// <summary>Opens stores by their address.</summary>
public static class VectorStores
{
    /// <summary>Connects to a store, and looks whether its table is there. Changes nothing.</summary>
    /// <param name="address">Where it is.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <returns>The store; the caller disposes it.</returns>
    /// <exception cref="DinoException">
    /// There is no server, it refuses the user, or the table is another program's.
    /// </exception>
    public static async Task<IVectorStore> OpenAsync(StoreAddress address, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(address);
        return address.IsPostgres
            ? await PostgresStore.OpenAsync(address, cancellation).ConfigureAwait(false)
            : await QdrantStore.OpenAsync(address, cancellation).ConfigureAwait(false);
    }
}
