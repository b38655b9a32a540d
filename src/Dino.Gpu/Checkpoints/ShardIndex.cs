using System.Text.Json;
using Dino.Gpu.Files;

namespace Dino.Gpu.Checkpoints;

/// <summary>
/// A model in several files: <c>model.safetensors.index.json</c> says which tensor is in which of them.
/// </summary>
internal static class ShardIndex
{
    private const string MapKey = "weight_map";
    private const int MaxBytes = 16 << 20;
    private const int MaxShards = 1000;

    /// <summary>Whether a file that starts like this is such an index.</summary>
    public static bool IsAtStart(string path, ReadOnlySpan<byte> start) =>
        start.StartsWith("{"u8) && (start.IndexOf("weight_map"u8) >= 0 || path.EndsWith(".index.json", StringComparison.OrdinalIgnoreCase));

    /// <summary>The tensors of all files, which are opened as parts of <paramref name="index"/>.</summary>
    /// <param name="index">The index.</param>
    /// <param name="read">Reads one of the files.</param>
    /// <exception cref="DinoException">The index is broken, or a file lacks what the index says of it.</exception>
    public static TensorTable Read(CheckpointFile index, Func<CheckpointFile, TensorTable> read)
    {
        Dictionary<string, string> map = Map(index);
        var tables = new List<TensorTable>();
        var tensors = new List<TensorEntry>();
        foreach (string shard in Shards(index, map))
        {
            TensorTable table = read(index.Add(CheckpointFile.Open(Beside(index, shard))));
            tables.Add(table);
            tensors.AddRange(table.Tensors.Where(tensor => map.GetValueOrDefault(tensor.Name) == shard));
        }

        HashSet<string> found = [.. tensors.Select(tensor => tensor.Name), .. tables.SelectMany(table => table.NonTensors)];
        if (map.Keys.FirstOrDefault(name => !found.Contains(name)) is { } missing)
        {
            throw index.Error(
                $"it says that {MessageText.Quote(missing)} is in {MessageText.Quote(map[missing])}, which has no such tensor");
        }

        return new TensorTable
        {
            Format = tables[0].Format,
            Tensors = tensors,
            NonTensors = [.. tables.SelectMany(table => table.NonTensors)],
            Metadata = tables[0].Metadata,
            WantedBranch = tables[0].WantedBranch,
        };
    }

    /// <summary>The files of a model in the order of their names.</summary>
    /// <exception cref="DinoException">The index is broken.</exception>
    public static IReadOnlyList<string> Files(CheckpointFile index) => [.. Shards(index, Map(index)).Select(shard => Beside(index, shard))];

    private static string Beside(CheckpointFile index, string shard) => Path.Combine(Path.GetDirectoryName(index.Path) ?? "", shard);

    private static Dictionary<string, string> Map(CheckpointFile index)
    {
        if (index.Length > MaxBytes) throw index.Error($"an index of {index.Length} bytes, at most {MaxBytes} are read");
        byte[] json = new byte[index.Length];
        index.Read(0, json, "the index");
        return ConfigFile.Parse(index, json, (file, root) =>
        {
            if (!root.TryGetProperty(MapKey, out JsonElement entries) || entries.ValueKind != JsonValueKind.Object)
                throw file.Error($"a JSON file without {MapKey}, expected the index of a model in several files");
            var map = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (JsonProperty entry in entries.EnumerateObject())
            {
                if (entry.Value.ValueKind != JsonValueKind.String || !map.TryAdd(entry.Name, entry.Value.GetString()!))
                    throw file.Error($"{MapKey} names no file for {MessageText.Quote(entry.Name)}, or two");
            }

            return map;
        });
    }

    /// <summary>The names of files in the folder of the index: a path could lead anywhere.</summary>
    private static string[] Shards(CheckpointFile index, Dictionary<string, string> map)
    {
        string[] shards = [.. map.Values.Distinct().Order(StringComparer.Ordinal)];
        if (shards.Length is 0 or > MaxShards)
            throw index.Error($"the index of a model in several files names {shards.Length} of them, expected 1 to {MaxShards}");
        return shards.FirstOrDefault(shard => shard is "" or "." or ".." || shard.AsSpan().IndexOfAny("/\\\0") >= 0) is { } path
            ? throw index.Error($"it names {MessageText.Quote(path)}, expected a file of its own folder")
            : shards;
    }
}
