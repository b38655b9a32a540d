using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Search;

namespace Dino.Gpu.Cli.Commands;

/// <summary>Vectors of a table on a device.</summary>
internal static class SearchDevice
{
    /// <summary>Uses the first of several devices.</summary>
    /// <exception cref="DinoException">The device cannot be used.</exception>
    public static NearestNeighbors Open(EmbeddingTable table, DinoOptions options)
    {
        var search = new NearestNeighborsOptions { Device = ModelOptions.FirstDevice(options.Device), Threads = options.Threads };
        return NearestNeighbors.Create(table.Values, table.Dimension, search);
    }
}
