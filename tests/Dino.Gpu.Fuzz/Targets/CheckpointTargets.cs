using System.IO.Compression;
using System.Text;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Classification;

namespace Dino.Gpu.Fuzz.Targets;

/// <summary>Weights, what stands beside them, and classifiers.</summary>
internal static class CheckpointTargets
{
    private static readonly byte[][] Opcodes =
    [
        "."u8.ToArray(), "("u8.ToArray(), "t"u8.ToArray(), "Q"u8.ToArray(), "R"u8.ToArray(), "]"u8.ToArray(), "}"u8.ToArray(),
        "u"u8.ToArray(), "s"u8.ToArray(), "e"u8.ToArray(), "a"u8.ToArray(), "0"u8.ToArray(), "1"u8.ToArray(), "2"u8.ToArray(),
        "b"u8.ToArray(), "N"u8.ToArray(), ")"u8.ToArray(), [0x81], [0x85], [0x86], [0x87], [0x88], [0x89], [0x8A, 1, 5], [0x8B],
        [0x8C, 1, 97], [0x8D], [0x8E], [0x8F], [0x90], [0x91], [0x92], [0x93], [0x94], [0x95], [0x96], "q\0"u8.ToArray(),
        "q\u0001"u8.ToArray(), "h\0"u8.ToArray(), "h\u0001"u8.ToArray(), "K\u0001"u8.ToArray(), "K\u0008"u8.ToArray(),
        "ctorch._utils\n_rebuild_tensor_v2\n"u8.ToArray(), "ctorch._utils\n_rebuild_parameter\n"u8.ToArray(),
        "ctorch._tensor\n_rebuild_from_type_v2\n"u8.ToArray(), "ccollections\nOrderedDict\n"u8.ToArray(),
        "ctorch\nFloatStorage\n"u8.ToArray(), "ctorch\nHalfStorage\n"u8.ToArray(), "cbuiltins\nset\n"u8.ToArray(),
        "cargparse\nNamespace\n"u8.ToArray(), "X\u0007\0\0\0storage"u8.ToArray(), "X\u0001\0\0\00"u8.ToArray(),
        "X\u0007\0\0\0teacher"u8.ToArray(),
        "(X\u0007\0\0\0storagectorch\nFloatStorage\nX\u0001\0\0\00X\u0003\0\0\0cpuK\u0001tQ"u8.ToArray(),
    ];

    public static IEnumerable<FuzzTarget> All { get; } =
    [
        new("pickle", input => ReadCheckpoint(input.Write("pickle.bin", Archive(input.Bytes)))) { Tokens = Opcodes },
        new("torch-zip", input => ReadCheckpoint(input.Write("zip.bin")))
        {
            Tokens = [.. Opcodes, "PK\u0001\u0002"u8.ToArray(), "PK\u0003\u0004"u8.ToArray(), "PK\u0005\u0006"u8.ToArray(),
                "PK\u0006\u0006"u8.ToArray(), "PK\u0006\u0007"u8.ToArray(), "/data.pkl"u8.ToArray(), "/data/0"u8.ToArray()],
        },
        new("torch-legacy", input => ReadCheckpoint(input.Write("legacy.bin"))) { Tokens = Opcodes },
        new("safetensors", input => ReadCheckpoint(input.Write("weights.safetensors")))
        {
            Tokens = Json("dtype", "shape", "data_offsets", "__metadata__", "F32", "F16", "BF16", "F64", "I64", "num_attention_heads",
                "layer_norm_eps"),
        },
        new("config", ReadConfig)
        {
            Tokens = Json("hidden_act", "gelu", "qkv_bias", "num_channels", "model_type", "vit", "num_attention_heads", "layer_norm_eps",
                "hidden_size", "num_hidden_layers", "intermediate_size", "patch_size", "image_size"),
        },
        new("probe", input => ProbeFile.Read(input.Write("probe.safetensors")))
        {
            Tokens = Json("weight", "bias", "classes", "dtype", "shape", "data_offsets", "__metadata__", "F32"),
        },
    ];

    /// <summary>Words of a JSON format, as keys and as values.</summary>
    public static byte[][] Json(params string[] words) =>
    [
        .. words.Select(word => Encoding.UTF8.GetBytes($"\"{word}\"")),
        .. words.Select(word => Encoding.UTF8.GetBytes($",\"{word}\":")),
        "{"u8.ToArray(), "}"u8.ToArray(), "["u8.ToArray(), "]"u8.ToArray(), ","u8.ToArray(), ":null"u8.ToArray(),
    ];

    /// <summary>Lists the tensors, and loads them where they are a model.</summary>
    private static void ReadCheckpoint(string path)
    {
        CheckpointInfo info = CheckpointInfo.Read(path);
        if (info.Problem is { } problem)
            throw new DinoException(problem);
        Checkpoint.Load(path);
    }

    /// <summary>A zip as torch writes it, around the pickle and one storage.</summary>
    private static byte[] Archive(byte[] pickle)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            Add(zip, "archive/data.pkl", pickle);
            Add(zip, "archive/data/0", new byte[4 * SeedFiles.StorageLength]);
        }

        return stream.ToArray();
    }

    private static void Add(ZipArchive zip, string name, byte[] content)
    {
        using Stream member = zip.CreateEntry(name, CompressionLevel.NoCompression).Open();
        member.Write(content);
    }

    /// <summary>A good checkpoint beside a config that may be any.</summary>
    private static void ReadConfig(FuzzInput input)
    {
        string folder = Path.Combine(input.Folder, "config");
        Directory.CreateDirectory(folder);
        string weights = Path.Combine(folder, "model.safetensors");
        if (!File.Exists(weights))
            SeedFiles.WriteWeights(weights);
        input.Write(Path.Combine("config", "config.json"));
        ReadCheckpoint(weights);
    }
}
