namespace Dino.Gpu.Cli.Output;

/// <summary>A file under a temporary name beside its target, moved into place when whole and deleted when not.</summary>
internal sealed class PendingFile : IDisposable
{
    private readonly string _target;
    private readonly string _temporary;
    private bool _committed;

    private PendingFile(string target, string temporary, Stream stream)
    {
        _target = target;
        _temporary = temporary;
        Stream = stream;
    }

    /// <summary>Write here; owned by this file.</summary>
    public Stream Stream { get; }

    /// <exception cref="DinoException">The file could not be written there.</exception>
    public static PendingFile Create(string target)
    {
        string full = Path.GetFullPath(target);
        if (Directory.Exists(full))
            throw new DinoException($"cannot write '{target}': it is a folder; name a file in it");
        string folder = Path.GetDirectoryName(full)!;
        if (!Directory.Exists(folder))
            throw new DinoException($"cannot write '{target}': there is no folder '{folder}'");

        string temporary = Path.Combine(folder, $".{Path.GetFileName(full)}.{Guid.NewGuid():N}.tmp");
        try
        {
            return new PendingFile(full, temporary, new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.Read, 1 << 16));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new DinoException($"cannot write '{target}': folder '{folder}' takes no new file ({Reason(failure)})", failure);
        }
    }

    /// <summary>Fails now rather than after hours of work.</summary>
    /// <exception cref="DinoException">The file could not be written there.</exception>
    public static void EnsureCreatable(string target) => Create(target).Dispose();

    public void Commit()
    {
        Stream.Dispose();
        File.Move(_temporary, _target, overwrite: true);
        _committed = true;
    }

    public void Dispose()
    {
        if (_committed)
            return;
        try
        {
            Stream.Dispose();
        }
        catch (IOException)
        {
            // A full disk fails here once more; what matters is that the file goes.
        }

        File.Delete(_temporary);
    }

    private static string Reason(Exception failure) => failure is UnauthorizedAccessException ? "no permission" : failure.Message;
}
