using System.Collections.Concurrent;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Embedding;

/// <summary>
/// Tells a picture that is missing from a folder that vanished during the work, such as a drive that was unmounted. One
/// missing picture is a failed row. A vanished folder would be a failed row for each of its pictures, so it ends the
/// run instead. Thread-safe.
/// </summary>
internal sealed class SeenFolders
{
    /// <summary>Folders that were looked at; true for those that had something in them.</summary>
    private readonly ConcurrentDictionary<string, bool> _seen = new(RealPath.Comparer);

    /// <summary>Takes a folder and the folders above it for seen.</summary>
    public void Add(string folder)
    {
        for (string? place = folder; place is not null && _seen.GetValueOrDefault(place) is false; place = Path.GetDirectoryName(place))
            _seen[place] = true;
    }

    /// <summary>Looks at the folder of an input, before the input is read. One system call a folder.</summary>
    public void Visit(InputItem item)
    {
        if (Path.GetDirectoryName(item.Archive ?? item.Path) is { } folder && _seen.TryAdd(folder, false) && HasEntries(folder))
            Add(folder);
    }

    /// <summary>What vanished, if that is why an input cannot be read; else null.</summary>
    public string? Vanished(InputItem item)
    {
        string file = item.Archive ?? item.Path;
        if (item.Problem is not null || !RegularFile.IsMissing(file))
            return null;
        if (item.Archive is not null)
            return item.Archive; // its members were listed before the work began
        string? folder = Path.GetDirectoryName(file);
        while (folder is not null && !_seen.GetValueOrDefault(folder))
            folder = Path.GetDirectoryName(folder);
        // A folder where a drive was mounted is still there afterwards, and empty.
        return folder is null || HasEntries(folder) ? null : folder.Length == 0 ? "." : folder;
    }

    private static bool HasEntries(string folder)
    {
        try
        {
            return Directory.EnumerateFileSystemEntries(folder.Length == 0 ? "." : folder).Any();
        }
        catch (UnauthorizedAccessException)
        {
            return true; // a folder that may be entered but not listed
        }
        catch (Exception failure) when (failure is IOException or ArgumentException)
        {
            return false;
        }
    }
}
