using System.Security.Cryptography;
using Dino.Gpu.Files;

namespace Dino.Gpu.Checkpoints;

/// <summary>
/// <c>FILE.part</c>: what has arrived of a file, at most one download at a time. It stays for the next run unless it is
/// discarded or becomes the file.
/// </summary>
internal sealed class DownloadPart : IAsyncDisposable
{
    // Of Windows, and errno of Linux and macOS.
    private const int Sharing = unchecked((int)0x80070020);
    private const int Lock = unchecked((int)0x80070021);
    private const int WouldBlock = 11;
    private const int WouldBlockOfDarwin = 35;

    private readonly FileStream _stream;

    private DownloadPart(FileStream stream)
    {
        _stream = stream;
        IsOfEarlierRun = stream.Length > 0;
    }

    /// <summary>Its path.</summary>
    public string Path => _stream.Name;

    /// <summary>Bytes that have arrived.</summary>
    public long Length => _stream.Length;

    /// <summary>Whether it begins with bytes of an earlier run, which may have been of another file.</summary>
    public bool IsOfEarlierRun { get; private set; }

    /// <summary>Opens the part of a file, or makes it.</summary>
    /// <param name="path">The part.</param>
    /// <exception cref="DinoException">It cannot be written, is a link, or another download has it.</exception>
    public static DownloadPart Open(string path)
    {
        if (OutputPath.Resolve(path) != path)
            throw new WeightsException($"cannot write {path}: it is a link, expected the rest of an earlier download");
        try
        {
            // Unbuffered: what has arrived is in the file even if the process is killed.
            return new DownloadPart(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0));
        }
        catch (IOException e) when (IsLocked(e))
        {
            throw new WeightsException($"cannot write {path}: another download is writing it", "wait for its end, or name another file", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WeightsException($"cannot write {path}: {WriteFailure.Reason(e)}", e);
        }
    }

    /// <summary>Whether another process, or another stream of this one, has the file.</summary>
    private static bool IsLocked(IOException failure) =>
        failure.HResult is Sharing or Lock || (!OperatingSystem.IsWindows() && failure.HResult is WouldBlock or WouldBlockOfDarwin);

    /// <summary>Appends.</summary>
    /// <exception cref="DinoException">The disk is full or failing.</exception>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        try
        {
            _stream.Position = _stream.Length;
            _stream.Write(bytes);
        }
        catch (IOException e)
        {
            throw WriteFailure.Of(Path, e);
        }
    }

    /// <summary>Drops all bytes.</summary>
    public void StartOver()
    {
        _stream.SetLength(0);
        IsOfEarlierRun = false;
    }

    /// <summary>SHA-256 of the bytes, in lower-case hexadecimal.</summary>
    public string Sha256()
    {
        _stream.Position = 0;
        return Convert.ToHexStringLower(SHA256.HashData(_stream));
    }

    /// <summary>Makes it the file.</summary>
    /// <param name="path">The file, links resolved.</param>
    /// <exception cref="IOException">The disk is full or failing.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be written.</exception>
    public void PutInPlace(string path) => AtomicFile.PutInPlace(_stream, path);

    /// <summary>Deletes it.</summary>
    public void Discard()
    {
        _stream.Close();
        File.Delete(Path);
    }

    /// <summary>Deletes it if nothing has arrived.</summary>
    public void DiscardEmpty()
    {
        if (_stream.CanWrite && _stream.Length == 0)
            Discard();
    }

    /// <summary>Deletes it unless it has become the file.</summary>
    public void DiscardUnfinished()
    {
        if (_stream.CanWrite)
            Discard();
    }

    public ValueTask DisposeAsync() => _stream.DisposeAsync();
}
