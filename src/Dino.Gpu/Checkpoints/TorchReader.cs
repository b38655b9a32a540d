using System.Buffers.Binary;
using System.Numerics;
using Dino.Gpu.Files;

namespace Dino.Gpu.Checkpoints;

/// <summary>
/// Finds the tensors of a file written by <c>torch.save</c>: a zip since torch 1.6, four pickles and raw storages
/// before.
/// </summary>
internal static class TorchReader
{
    private const int LegacyProtocol = 1001;
    private const string PickleName = "/data.pkl";

    // Place and length of the number itself in LegacyStart.
    private const int LegacyNumber = 4;
    private const int LegacyNumberLength = 10;

    // 0x1950A86A20F9469CFC6C, pickled by protocol 2: the first thing in a file of torch before 1.6.
    private static readonly byte[] LegacyStart =
    [
        0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, (byte)'.',
    ];

    public static bool IsZip(ReadOnlySpan<byte> start) => start.StartsWith("PK\x03\x04"u8) || start.StartsWith("PK\x05\x06"u8);

    /// <summary>By protocol 2 unless somebody asked for another, which puts a frame around the number.</summary>
    public static bool IsLegacy(ReadOnlySpan<byte> start)
    {
        if (start.Length < 4)
            return false;
        bool isFramed = start[0] == 0x80 && start[1] is 3 or 4 or 5;
        return isFramed
            ? start.IndexOf(LegacyStart.AsSpan(LegacyNumber, LegacyNumberLength)) >= 0
            : LegacyStart.AsSpan().StartsWith(start[..Math.Min(start.Length, LegacyStart.Length)]);
    }

    /// <exception cref="DinoException">Not written by torch.save, broken, or not a state dict.</exception>
    public static TensorTable ReadZip(CheckpointFile file, string? branch)
    {
        var zip = ZipDirectory.Read(file);
        IReadOnlyDictionary<string, ZipEntry> entries = zip.Entries;
        string[] pickles = [.. entries.Keys.Where(IsPickle)];
        if (pickles.Length != 1)
        {
            bool isNumPy = entries.Count > 0 && entries.Keys.All(name => name.EndsWith(".npy", StringComparison.Ordinal));
            string? inside = entries.Keys.FirstOrDefault(CheckpointNames.IsCheckpoint);
            string what = isNumPy ? "a NumPy .npz"
                : inside is not null ? $"a zip of a folder with {MessageText.Quote(inside)}"
                : $"a zip with {pickles.Length} entries NAME{PickleName}, expected one";
            throw file.Error($"{what}: not written by torch.save");
        }

        string root = pickles[0][..^PickleName.Length];
        if (entries.ContainsKey(root + "/constants.pkl"))
            throw file.Error("a TorchScript archive, expected a state dict written by torch.save");
        CheckByteOrder(file, zip, root);

        ZipEntry pickle = entries[pickles[0]];
        if (pickle.Size > PickleInput.MaxBytes)
            throw file.Error($"its pickle has {pickle.Size} bytes, at most {PickleInput.MaxBytes} are read");
        (CheckpointFile pickled, long start) = zip.Open(pickle);
        object? content = PickleReader.Read(new PickleInput(pickled, start, pickle.Size), ZipStorage);
        var opened = new Dictionary<string, (CheckpointFile, long)>(StringComparer.Ordinal); // a compressed storage is inflated once
        return StateDict.Read(file, CheckpointFormat.TorchZip, content, branch, storage =>
        {
            string name = $"{root}/data/{storage.Key}";
            if (!entries.TryGetValue(name, out ZipEntry entry)) throw file.Error($"storage {MessageText.Quote(name)} is missing");
            if (storage.Length != entry.Size / storage.Type.Size() || entry.Size % storage.Type.Size() != 0)
            {
                throw file.Error(
                    $"storage {MessageText.Quote(name)} claims {storage.Length} elements of {storage.Type.Name()}, "
                    + $"it has {entry.Size} bytes");
            }

            if (!opened.TryGetValue(name, out (CheckpointFile, long) place))
                opened.Add(name, place = zip.Open(entry));
            return place;
        });
    }

    /// <summary>NAME/data.pkl, in the archive's one folder.</summary>
    private static bool IsPickle(string name) =>
        name.EndsWith(PickleName, StringComparison.Ordinal)
        && name.IndexOf('/', StringComparison.Ordinal) == name.Length - PickleName.Length;

    /// <exception cref="DinoException">Broken, or not a state dict.</exception>
    public static TensorTable ReadLegacy(CheckpointFile file, string? branch)
    {
        var input = new PickleInput(file, 0, file.Length);
        if (PickleReader.Read(input, NoStorage) is not BigInteger) throw input.Error("expected torch's magic number");
        if (PickleReader.Read(input, NoStorage) is not (long)LegacyProtocol)
            throw input.Error($"expected torch's protocol {LegacyProtocol}");
        if (PickleReader.Read(input, NoStorage) is not PickleDict system) throw input.Error("expected torch's system information");
        if (system["little_endian"] is not true) throw file.Error("written on a big-endian machine, expected little-endian numbers");

        var storages = new Dictionary<string, TorchStorage>(StringComparer.Ordinal);
        object? content = PickleReader.Read(input, (pickle, id) => LegacyStorage(pickle, id, storages));
        if (PickleReader.Read(input, NoStorage) is not PickleList keys) throw input.Error("expected the list of storages");
        Dictionary<string, long> offsets = LegacyOffsets(file, input, keys, storages);
        return StateDict.Read(file, CheckpointFormat.TorchLegacy, content, branch, storage =>
            offsets.TryGetValue(storage.Key, out long offset)
                ? (file, offset)
                : throw file.Error($"storage {MessageText.Quote(storage.Key)} is missing"));
    }

    /// <summary>
    /// The storages follow the pickles in the order of the list of keys, each as an int64 number of elements and the
    /// elements.
    /// </summary>
    private static Dictionary<string, long> LegacyOffsets(
        CheckpointFile file, PickleInput input, PickleList keys, Dictionary<string, TorchStorage> storages)
    {
        var offsets = new Dictionary<string, long>(StringComparer.Ordinal);
        Span<byte> header = stackalloc byte[sizeof(long)];
        long position = input.Position;
        foreach (object? item in keys.Items)
        {
            if (item is not string key || !storages.TryGetValue(key, out TorchStorage? storage))
                throw input.Error("the list of storages names one that no tensor uses");
            file.Read(position, header, $"storage {MessageText.Quote(key)}");
            long length = BinaryPrimitives.ReadInt64LittleEndian(header);
            position += header.Length;
            if (length != storage.Length)
                throw file.Error($"storage {MessageText.Quote(key)} has {length} elements, its tensors claim {storage.Length}");
            if (length > (file.Length - position) / storage.Type.Size())
            {
                throw file.Error(
                    $"truncated: storage {MessageText.Quote(key)} needs {length} elements of {storage.Type.Name()} at byte {position}, "
                    + $"the file has {file.Length}");
            }

            if (!offsets.TryAdd(key, position)) throw file.Error($"two storages {MessageText.Quote(key)}");
            position += length * storage.Type.Size();
        }

        return offsets;
    }

    /// <summary><c>('storage', torch.FloatStorage, key, location, length)</c></summary>
    private static object ZipStorage(PickleInput input, PickleTuple id) => id.Items switch
    {
        ["storage", PickleImport { Kind: PickleImportKind.Storage } import, string key, _, long and >= 0 and var length] =>
            new TorchStorage(key, import.Type, length),
        ["storage", PickleImport { Kind: PickleImportKind.Inert }, ..] => PickleInert.Instance, // quantized or complex, no weight of a ViT
        _ => throw input.Error("a storage reference that torch.save does not write"),
    };

    /// <summary>As in the zip, and a view of another storage, which torch has not written since 0.4.</summary>
    private static TorchStorage LegacyStorage(PickleInput input, PickleTuple id, Dictionary<string, TorchStorage> storages)
    {
        if (id.Items is not
            ["storage", PickleImport { Kind: PickleImportKind.Storage } import, string key, _, long and >= 0 and var length, null])
            throw input.Error("a storage reference that torch.save has not written since 0.4");
        if (!storages.TryGetValue(key, out TorchStorage? storage))
            storages.Add(key, storage = new TorchStorage(key, import.Type, length));
        if (storage.Type != import.Type || storage.Length != length)
            throw input.Error($"storage {MessageText.Quote(key)} has two types or sizes");
        return storage;
    }

    private static object NoStorage(PickleInput input, PickleTuple id) => throw input.Error("a storage where none belongs");

    private static void CheckByteOrder(CheckpointFile file, ZipDirectory zip, string root)
    {
        if (!zip.Entries.TryGetValue(root + "/byteorder", out ZipEntry entry)) return;
        byte[] text = new byte[Math.Min(entry.Size, 16)];
        (CheckpointFile inside, long start) = zip.Open(entry);
        inside.Read(start, text, "the byte order");
        if (!text.AsSpan().SequenceEqual("little"u8)) throw file.Error("written on a big-endian machine, expected little-endian numbers");
    }
}
