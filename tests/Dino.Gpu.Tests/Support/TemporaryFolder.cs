namespace Dino.Gpu.Tests.Support;

/// <summary>A folder of its own for one test, gone afterwards.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public TemporaryFolder() => Directory.CreateDirectory(Root);

    public string Root { get; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"dino-test-{Guid.NewGuid():N}");

    /// <summary>Every file below the folder, hidden and temporary ones too.</summary>
    public string[] Files => Directory.GetFiles(Root, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 });

    public string Path(params string[] parts) => System.IO.Path.Combine([Root, .. parts]);

    public string Write(string name, byte[] content)
    {
        string path = Path(name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
        return path;
    }

    public string Write(string name, string text) => Write(name, System.Text.Encoding.UTF8.GetBytes(text));

    /// <summary>A named pipe, which Windows does not have.</summary>
    public string Fifo(string name)
    {
        string path = Path(name);
        MakeFifo(path);
        return path;
    }

    /// <inheritdoc cref="Fifo"/>
    public static void MakeFifo(string path)
    {
        using var mkfifo = System.Diagnostics.Process.Start("mkfifo", [path]);
        mkfifo.WaitForExit();
        Assert.Equal(0, mkfifo.ExitCode);
    }

    /// <summary>Bytes in the files of a folder that a run writes to meanwhile.</summary>
    public static long Bytes(string folder, string pattern) =>
        !Directory.Exists(folder) ? 0 : Directory.GetFiles(folder, pattern).Sum(file =>
    {
        try
        {
            return new FileInfo(file).Length;
        }
        catch (FileNotFoundException)
        {
            return 0; // a journal that became a shard meanwhile
        }
    });

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
