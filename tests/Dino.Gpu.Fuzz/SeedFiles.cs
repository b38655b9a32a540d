using System.Buffers.Binary;
using System.Text;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Model;

namespace Dino.Gpu.Fuzz;

/// <summary>Whole files in every format, as small as they can be: what mutations begin with.</summary>
internal static class SeedFiles
{
    /// <summary>Numbers in the one storage of a pickle's model.</summary>
    public const int StorageLength = 256;

    private static readonly VitWeights Weights = SyntheticWeights.Create(new VitConfig
    {
        HiddenSize = 2,
        LayerCount = 1,
        HeadCount = 1,
        MlpSize = 2,
        PatchSize = 1,
        TrainedGrid = 1,
        LayerNormEpsilon = 1e-12,
    });

    /// <summary>A model as safetensors.</summary>
    public static void WriteWeights(string path) => SafetensorsWriter.Write(path, Weights);

    /// <summary>A finished run without its record.</summary>
    public static void CopyRun(string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (string file in Directory.EnumerateFiles(Path.Combine(SourceFolder.Fixtures, "run")))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
    }

    /// <summary>The pickle of a state dict, as torch writes it, with one storage for all tensors.</summary>
    /// <param name="isLegacy">As before torch 1.6.</param>
    public static byte[] Pickle(bool isLegacy)
    {
        string path = Path.GetTempFileName();
        try
        {
            WriteWeights(path);
            using var pickle = new MemoryStream();
            pickle.Write([0x80, 2, (byte)'}', (byte)'(']);
            foreach (CheckpointTensor tensor in CheckpointInfo.Read(path).Tensors)
                WriteTensor(pickle, tensor, isLegacy);
            pickle.Write("u."u8);
            return pickle.ToArray();
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>The file of before torch 1.6: number, protocol, system, pickle, keys, storage.</summary>
    public static byte[] Legacy()
    {
        using var file = new MemoryStream();
        file.Write([0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, (byte)'.']);
        file.Write([0x80, 2, (byte)'M', 0xE9, 3, (byte)'.']);
        file.Write([0x80, 2, (byte)'}', (byte)'(', .. Text("little_endian"), 0x88, (byte)'u', (byte)'.']);
        file.Write(Pickle(isLegacy: true));
        file.Write([0x80, 2, (byte)']', .. Text("0"), (byte)'a', (byte)'.']);
        byte[] length = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(length, StorageLength);
        file.Write(length);
        file.Write(new byte[sizeof(float) * StorageLength]);
        return file.ToArray();
    }

    private static void WriteTensor(MemoryStream pickle, CheckpointTensor tensor, bool isLegacy)
    {
        pickle.Write(Text(tensor.Name));
        pickle.Write("ctorch._utils\n_rebuild_tensor_v2\n(("u8);
        pickle.Write(Text("storage"));
        pickle.Write("ctorch\nFloatStorage\n"u8);
        pickle.Write(Text("0"));
        pickle.Write(Text("cpu"));
        pickle.Write([(byte)'M', unchecked((byte)StorageLength), StorageLength >> 8]);
        if (isLegacy)
            pickle.WriteByte((byte)'N');
        pickle.Write("tQK\0("u8);
        long stride = 1;
        var strides = new Stack<byte>();
        foreach (long side in tensor.Shape.Reverse())
        {
            strides.Push((byte)stride);
            stride *= side;
        }

        foreach (long side in tensor.Shape)
            pickle.Write([(byte)'K', (byte)side]);
        pickle.Write("t("u8);
        foreach (byte step in strides)
            pickle.Write([(byte)'K', step]);
        pickle.Write([(byte)'t', 0x89, .. "ccollections\nOrderedDict\n)RtR"u8]);
    }

    private static byte[] Text(string text)
    {
        byte[] letters = Encoding.UTF8.GetBytes(text);
        return [(byte)'X', (byte)letters.Length, 0, 0, 0, .. letters];
    }
}
