using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;

namespace Dino.Gpu.Tests.Kernels.Assembler;

/// <summary>
/// What the assembler made of a text, kept between runs beside the tools themselves: the same text, architecture and
/// version of the tools give the same machine code, and the assembler takes a minute or two for all kernels. Failures
/// are not kept. What nobody asked for in a month goes.
/// </summary>
internal static class AssemblyCache
{
    private static readonly Lazy<string> Folder = new(Open);

    /// <summary>The name of what the assembler for an architecture makes of a text with these arguments.</summary>
    public static string KeyOf(string ptx, int architecture, string arguments) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{CudaTools.Version(architecture)}\n{arguments}\n{ptx}")))[..32];

    /// <summary>What is kept under a name; what <paramref name="make"/> returns, from now on, where nothing is.</summary>
    public static byte[] Get(string name, Func<byte[]> make)
    {
        string file = Path.Combine(Folder.Value, name + ".gz");
        try
        {
            using var from = new GZipStream(File.OpenRead(file), CompressionMode.Decompress);
            using var content = new MemoryStream();
            from.CopyTo(content);
            File.SetLastWriteTimeUtc(file, DateTime.UtcNow);
            return content.ToArray();
        }
        catch (Exception exception) when (exception is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            byte[] made = make();
            Keep(file, made);
            return made;
        }
    }

    /// <summary>Under another name first: processes that run at once see all of it or nothing.</summary>
    private static void Keep(string file, byte[] content)
    {
        string temporary = $"{file}.{Guid.NewGuid():N}";
        try
        {
            using (var to = new GZipStream(File.Create(temporary), CompressionLevel.Fastest))
                to.Write(content);
            File.Move(temporary, file, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            File.Delete(temporary); // a full or read-only cache: the next run assembles again
        }
    }

    private static string Open()
    {
        DirectoryInfo folder = Directory.CreateDirectory(Path.Combine(CudaTools.Cache, "assembled"));
        foreach (FileInfo old in folder.GetFiles().Where(file => file.LastWriteTimeUtc < DateTime.UtcNow.AddDays(-30)))
            old.Delete();
        return folder.FullName;
    }
}
