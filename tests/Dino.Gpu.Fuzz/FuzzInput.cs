namespace Dino.Gpu.Fuzz;

/// <summary>An input on its way to a reader.</summary>
/// <param name="folder">Where files of it may be written; later inputs use it again.</param>
/// <param name="bytes">The input.</param>
internal sealed class FuzzInput(string folder, byte[] bytes)
{
    public byte[] Bytes => bytes;

    /// <summary>Bytes that the reader is given, which its memory is held against.</summary>
    public long FileBytes { get; private set; } = bytes.Length;

    /// <summary>Where files are written.</summary>
    public string Folder => folder;

    /// <summary>Makes the input a file.</summary>
    /// <returns>Its path.</returns>
    public string Write(string name) => Write(name, bytes);

    /// <summary>Makes a file of what the input was packed into.</summary>
    /// <returns>Its path.</returns>
    public string Write(string name, byte[] content)
    {
        FileBytes = Math.Max(FileBytes, content.Length);
        string path = Path.Combine(folder, name);
        File.WriteAllBytes(path, content);
        return path;
    }
}
