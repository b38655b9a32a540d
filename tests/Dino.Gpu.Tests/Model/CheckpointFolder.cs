using Dino.Gpu.Checkpoints;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Model;

/// <summary>A folder of its own for checkpoints that are written and refused.</summary>
public sealed class CheckpointFolder : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public string Root => _folder.Root;

    public string this[string name] => _folder.Path(name);

    public string Write(string name, byte[] content) => _folder.Write(name, content);

    /// <summary>
    /// Loads a file that must be refused and returns the message, which must be one line that starts with the path.
    /// </summary>
    public string Refusal(string name, byte[] content)
    {
        string path = Write(name, content);
        long before = GC.GetAllocatedBytesForCurrentThread();
        string message = Assert.Throws<WeightsException>(() => Checkpoint.Load(path)).Message;
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated < MaxAllocation, $"{allocated} bytes were allocated before the refusal: {message}");
        Assert.StartsWith(path, message);
        Assert.DoesNotContain(message, char.IsControl);
        return message;
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>
    /// What the readers may take to find out that a small file is bad: buffers, the pickle's objects, the header; never
    /// what the file claims.
    /// </summary>
    private const long MaxAllocation = 96 << 20;
}
