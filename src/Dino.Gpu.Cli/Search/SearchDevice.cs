using Dino.Gpu.Cli.Embedding;
using Dino.Gpu.Search;

namespace Dino.Gpu.Cli.Search;

/// <summary>Vectors of a table on a device.</summary>
internal static class SearchDevice
{
    /// <summary>Of several devices the first: a search takes one.</summary>
    /// <exception cref="DinoException">The device cannot be used.</exception>
    public static NearestNeighbours Open(EmbeddingTable table, DinoOptions options)
    {
        string device = options.Device.Split(',')[0].Trim();
        if (device.EndsWith(":all", StringComparison.OrdinalIgnoreCase))
            device = device[..^":all".Length];
        return NearestNeighbours.Create(table.Values, table.Dimension, new NearestNeighboursOptions { Device = device, Threads = options.Threads });
    }
}
