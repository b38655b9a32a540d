using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Dino.Gpu.Tests.Cli;

/// <summary>Checkpoints that must be refused.</summary>
internal static class BrokenCheckpoints
{
    /// <summary>A sound file with the tensors of something else.</summary>
    public static byte[] OtherArchitecture()
    {
        byte[] header = Encoding.UTF8.GetBytes("""
            {"conv1.weight":{"dtype":"F32","shape":[2,1,1,1],"data_offsets":[0,8]},
            "fc.bias":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}
            """);
        return [.. Length((ulong)header.Length), .. header, .. new byte[12]];
    }

    /// <summary>A header that claims 2^60 bytes.</summary>
    public static byte[] HugeHeader() => [.. Length(1UL << 60), .. "{}"u8];

    /// <summary>
    /// A torch file whose pickle calls os.system to write <paramref name="marker"/>, as an attacker's would.
    /// </summary>
    public static byte[] OsSystem(string marker)
    {
        using var file = new MemoryStream();
        using (var zip = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true))
        {
            using (Stream pickle = zip.CreateEntry("archive/data.pkl", CompressionLevel.NoCompression).Open())
                pickle.Write([0x80, 2, .. Encoding.ASCII.GetBytes($"cos\nsystem\n(S'touch {marker}'\ntR.")]);
            using Stream version = zip.CreateEntry("archive/version", CompressionLevel.NoCompression).Open();
            version.Write("3\n"u8);
        }

        return file.ToArray();
    }

    private static byte[] Length(ulong value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        return bytes;
    }
}
