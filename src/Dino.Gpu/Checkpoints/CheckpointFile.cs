using System.Globalization;
using Dino.Gpu.Files;
using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.Checkpoints;

/// <summary>
/// A checkpoint opened for positioned reads, thread-safe. Tensors are read straight into their final arrays, so loading
/// costs the weights and nothing else. A mapping would count its pages twice and die on a file that shrinks.
/// </summary>
internal sealed class CheckpointFile : IDisposable
{
    private readonly SafeFileHandle? _handle;
    private readonly Lazy<byte[]>? _content;
    private readonly List<CheckpointFile> _parts = [];

    private CheckpointFile(string path, SafeFileHandle handle)
    {
        Path = path;
        _handle = handle;
        Length = RandomAccess.GetLength(handle);
    }

    private CheckpointFile(string path, long length, Func<byte[]> content)
    {
        Path = path;
        _content = new Lazy<byte[]>(content);
        Length = length;
    }

    /// <summary>As the caller gave it; the first word of every message.</summary>
    public string Path { get; }

    /// <summary>In bytes, when it was opened.</summary>
    public long Length { get; }

    /// <summary>Bytes of this and of all that <see cref="Add"/> joined to it.</summary>
    public long TotalLength => Length + _parts.Sum(part => part.TotalLength);

    /// <exception cref="DinoException">
    /// There is no such file, it may not be read, or it is a folder, a pipe or a device.
    /// </exception>
    public static CheckpointFile Open(string path) => new(path, OpenHandle(path));

    /// <inheritdoc cref="Open"/>
    public static SafeFileHandle OpenHandle(string path)
    {
        try
        {
            return RegularFile.Open(path);
        }
        catch (DinoException failure)
        {
            throw new WeightsException(OneLine($"{path}: {failure.Message}"), failure.Hint ?? SimilarName.HintIfMissing(path), failure);
        }
    }

    /// <summary>
    /// What is compressed inside this file, read like a file of its own. Nothing is inflated before the first read.
    /// </summary>
    /// <param name="length">Bytes that <paramref name="content"/> returns.</param>
    /// <param name="content">Inflates.</param>
    public CheckpointFile Inside(long length, Func<byte[]> content) => Add(new CheckpointFile(Path, length, content));

    /// <summary>Makes another file a part of this one, which disposes it.</summary>
    public CheckpointFile Add(CheckpointFile part)
    {
        _parts.Add(part);
        return part;
    }

    /// <summary>
    /// Fills <paramref name="destination"/> from <paramref name="offset"/>, or fails: a short read is a truncated file.
    /// </summary>
    public void Read(long offset, Span<byte> destination, string what)
    {
        if (offset < 0 || offset > Length || destination.Length > Length - offset)
        {
            throw Error(
                $"truncated: {what} needs bytes {Text(offset)} to {Text(offset + destination.Length)}, the file has {Text(Length)}");
        }
        if (_handle is null)
        {
            _content!.Value.AsSpan((int)offset, destination.Length).CopyTo(destination);
            return;
        }

        try
        {
            while (destination.Length > 0)
            {
                int read = RandomAccess.Read(_handle, destination, offset);
                if (read == 0) throw Error($"truncated while reading {what} at byte {Text(offset)}");
                destination = destination[read..];
                offset += read;
            }
        }
        catch (IOException e)
        {
            throw new WeightsException(OneLine($"{Path}: cannot be read: {e.Message}"), e);
        }
    }

    /// <summary>A failure of this file, in one line whatever the file's own names contain.</summary>
    /// <param name="problem">Without the path.</param>
    /// <param name="hint">What the user can do; null for nothing.</param>
    public WeightsException Error(string problem, string? hint = null) =>
        new(OneLine($"{Path}: {problem}"), hint is null ? null : OneLine(hint));

    public void Dispose()
    {
        _handle?.Dispose();
        _parts.ForEach(part => part.Dispose());
    }

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>Names in a hostile file may hold line breaks and terminal escapes.</summary>
    private static string OneLine(string text) => MessageText.Visible(text);
}
