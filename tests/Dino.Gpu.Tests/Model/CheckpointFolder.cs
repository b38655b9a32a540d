using Dino.Gpu.Checkpoints;

namespace Dino.Gpu.Tests.Model;

/// <summary>A folder of its own for one test, gone afterwards.</summary>
public sealed class CheckpointFolder : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("dino-model-").FullName;

    public string this[string name] => Path.Combine(Root, name);

    public string Write(string name, byte[] content)
    {
        File.WriteAllBytes(this[name], content);
        return this[name];
    }

    /// <summary>
    /// Loads a file that must be refused and returns the message, which must be one line that starts with the path.
    /// </summary>
    public string Refusal(string name, byte[] content)
    {
        string path = Write(name, content);
        long before = GC.GetAllocatedBytesForCurrentThread();
        string message = Assert.Throws<DinoException>(() => Checkpoint.Load(path)).Message;
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated < MaxAllocation, $"{allocated} bytes were allocated before the refusal: {message}");
        Assert.StartsWith(path, message);
        Assert.DoesNotContain(message, char.IsControl);
        return message;
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);

    /// <summary>
    /// What the readers may take to find out that a small file is bad: buffers, the pickle's objects, the header; never
    /// what the file claims.
    /// </summary>
    private const long MaxAllocation = 96 << 20;
}
