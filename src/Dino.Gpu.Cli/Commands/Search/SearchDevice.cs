using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Search;

namespace Dino.Gpu.Cli.Commands;

/// <summary>Vectors of a table on a device.</summary>
internal static class SearchDevice
{
    /// <summary>Of several devices the first: a search takes one.</summary>
    /// <exception cref="DinoException">The device cannot be used.</exception>
    public static NearestNeighbours Open(EmbeddingTable table, DinoOptions options)
    {
        var search = new NearestNeighboursOptions { Device = ModelOptions.FirstDevice(options.Device), Threads = options.Threads };
        return NearestNeighbours.Create(table.Values, table.Dimension, search);
    }
}
