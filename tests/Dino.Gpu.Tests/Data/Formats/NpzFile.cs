using System.IO.Compression;
using System.Text;
using Dino.Gpu.Data.Formats;

namespace Dino.Gpu.Tests.Data.Formats;

/// <summary>Makes an <c>.npz</c> of arrays that dino would not write.</summary>
internal static class NpzFile
{
    /// <summary>
    /// An array <c>embedding</c> of (rows, values), zero where no bytes are given, and others beside it.
    /// </summary>
    public static string Write(
        string file,
        IEnumerable<(string Name, string Type, string Shape, byte[] Bytes)> others,
        CompressionLevel level = CompressionLevel.NoCompression,
        int rows = 1,
        int values = 1,
        byte[]? embedding = null)
    {
        File.Delete(file);
        using ZipArchive zip = ZipFile.Open(file, ZipArchiveMode.Create);
        using (Stream member = zip.CreateEntry("embedding.npy", level).Open())
        {
            member.Write(NpyHeader.Reserve("<f4", rows, [values]));
            byte[] row = embedding ?? new byte[values * sizeof(float)];
            for (int i = 0; i < rows; i++)
                member.Write(row);
        }

        foreach ((string name, string type, string shape, byte[] bytes) in others)
        {
            string descr = type.StartsWith('[') ? type : $"'{type}'"; // fields, or one type
            byte[] dictionary = Encoding.ASCII.GetBytes($"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n");
            using Stream member = zip.CreateEntry(name + ".npy", level).Open();
            member.Write([0x93, .. "NUMPY"u8, 1, 0, (byte)dictionary.Length, (byte)(dictionary.Length >> 8), .. dictionary, .. bytes]);
        }

        return file;
    }
}
