using System.IO.Enumeration;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Inputs;

/// <summary>
/// Files below a folder whose path matches segments of names, in the byte order of their whole paths. Of a folder's
/// names no more are in memory than
/// <see cref="SortedNames"/> keeps, and those of the folders above it. Hidden entries are skipped, and <c>**</c> does
/// not follow links to folders, so there are no cycles.
/// A folder named as an image, such as <c>cat.jpg</c>, is walked as any other; where no image comes of it, it is taken
/// for one itself, so that it becomes a row that fails
/// instead of a picture that nobody misses. Links that lead nowhere and pipes are files here, and fail when they are
/// read. A folder below the first that cannot be listed, or not to its end, is a row that fails, before what could be
/// listed of it. Names of a folder that are one name once their bytes are text are rows that fail, too.
/// </summary>
/// <param name="segments">Names with <see cref="GlobPattern"/>'s wildcards in them, names as they stand, or <c>**</c>
/// for any depth of folders, none included.</param>
/// <param name="imagesOnly">Whether only files with an image's extension are taken.</param>
internal sealed class FolderWalk(string[] segments, bool imagesOnly)
{
    /// <summary>Why a name is not read that more than one entry of its folder has. Bytes that are not UTF-8 reach .NET
    /// as U+FFFD, and reading one of the two would read the other.</summary>
    internal const string SeveralOfTheName = "several files or folders here differ only in bytes that are not UTF-8; rename them";

    /// <summary>Why a folder cannot be listed that its own folder had a moment ago.</summary>
    internal const string NoSuchFolder = "no such folder; if its name is not valid UTF-8, rename it";

    private const string AnyDepth = "**";

    private static readonly EnumerationOptions Everything = new() { AttributesToSkip = 0, IgnoreInaccessible = false };

    private readonly Dictionary<(string Path, ulong Segments), bool> _hasImages = []; // of folders named as images
    private readonly SortedDictionary<string, long> _leftOut = new(StringComparer.Ordinal); // files by extension
    private bool _isLookingAhead; // what is listed will be listed again

    /// <summary>Whether upper and lower case are the same.</summary>
    public bool IgnoreCase { get; init; } = OperatingSystem.IsWindows();

    /// <summary>A name to come: a file, or a folder, whose name ends in the separator and in which the segments of a
    /// set may match.</summary>
    private readonly record struct Entry(string Name, ulong Segments)
    {
        public bool IsFolder => Segments != 0;
    }

    /// <summary>A folder that is being walked: what its paths begin with, and its names in order.</summary>
    private readonly record struct Level(
        string Prefix, SortedNames Names, IEnumerator<(Entry Entry, bool IsOneOfSeveral)> Entries) : IDisposable
    {
        public Level(string prefix, SortedNames names)
            : this(prefix, names, WithSeveral(names))
        {
        }

        public void Dispose()
        {
            Entries.Dispose();
            Names.Dispose();
        }

        /// <summary>The names in order, where equal ones follow each other.</summary>
        private static IEnumerator<(Entry Entry, bool IsOneOfSeveral)> WithSeveral(SortedNames names)
        {
            Entry? held = null;
            bool isSame = false; // as the one before
            foreach ((string name, ulong segments) in names)
            {
                bool isNextSame = held?.Name == name;
                if (held is { } entry)
                    yield return (entry, isSame || isNextSame);
                held = new Entry(name, segments);
                isSame = isNextSame;
            }

            if (held is { } last)
                yield return (last, isSame);
        }
    }

    /// <summary>For every image below a folder, at any depth.</summary>
    public static FolderWalk OfImages() => new([AnyDepth], imagesOnly: true);

    /// <summary>One line about the files that were passed over since they are no pictures; null where there were
    /// none.</summary>
    /// <param name="folder">Where the walk began.</param>
    public string? LeftOut(string folder)
    {
        const int Named = 6;
        if (_leftOut.Count == 0)
            return null;
        long count = _leftOut.Values.Sum();
        IEnumerable<string> kinds = _leftOut.OrderByDescending(kind => kind.Value).Take(Named).Select(
            kind => $"{kind.Value} {(kind.Key.Length > 0 ? kind.Key : "without extension")}");
        string others = _leftOut.Count > Named ? ", ..." : "";
        return $"left out of '{folder}': {count} {(count == 1 ? "file that is no picture" : "files that are no pictures")} "
            + $"({string.Join(", ", kinds)}{others})";
    }

    /// <summary>The files that match.</summary>
    /// <param name="start">What every path begins with: a folder with its separator, or nothing for the current
    /// one.</param>
    /// <exception cref="DinoException">The folder at the start cannot be listed, or there are more segments than
    /// 64.</exception>
    public IEnumerable<InputItem> Files(string start)
    {
        if (segments.Length > 64)
            throw new DinoException($"a pattern of {segments.Length} names cannot be matched, the limit is 64");
        _hasImages.Clear();
        _leftOut.Clear();
        return Walk(start, WithSkipped(1), isTop: true);
    }

    private IEnumerable<InputItem> Walk(string start, ulong active, bool isTop = false)
    {
        // Names are sorted with folders as "name/", so that walking in this order is the order of whole paths: "a.png"
        // before "a/b.png".
        var open = new Stack<Level>();
        try
        {
            string? problem = null;
            open.Push(new Level(start, isTop ? Top(start, active) : List(start, active, out problem)));
            if (problem is not null)
                yield return Unlisted(start, problem);
            while (open.TryPeek(out Level level))
            {
                if (!level.Entries.MoveNext())
                {
                    open.Pop().Dispose();
                    continue;
                }

                ((string name, ulong inside), bool isOneOfSeveral) = level.Entries.Current;
                string path = level.Prefix + name;
                if (isOneOfSeveral)
                {
                    yield return InputItem.File(Path.TrimEndingDirectorySeparator(path)) with { Problem = SeveralOfTheName };
                    continue;
                }

                if (inside == 0)
                {
                    yield return InputItem.File(path);
                    continue;
                }

                open.Push(new Level(path, List(path, inside, out problem)));
                if (problem is not null)
                    yield return Unlisted(path, problem);
            }
        }
        finally
        {
            foreach (Level level in open)
                level.Dispose();
        }
    }

    private static InputItem Unlisted(string prefix, string problem) =>
        InputItem.File(Path.TrimEndingDirectorySeparator(prefix)) with { Problem = $"cannot list this folder: {problem}" };

    /// <summary>The entries of the folder at the start; one that is not there has none.</summary>
    private SortedNames Top(string start, ulong active)
    {
        if (!Directory.Exists(start.Length == 0 ? "." : start))
            return new SortedNames();
        SortedNames names = List(start, active, out string? problem);
        if (problem is null)
            return names;
        names.Dispose();
        throw new DinoException($"cannot list folder '{start}': {problem}");
    }

    /// <summary>The entries of a folder that match, or may lead to matches, in order; those before a problem, where
    /// there is one.</summary>
    /// <param name="prefix">The folder, with its separator; nothing for the current one.</param>
    /// <param name="active">The segments that may match in it.</param>
    /// <param name="problem">Why not all entries could be listed; else null.</param>
    private SortedNames List(string prefix, ulong active, out string? problem)
    {
        string folder = prefix.Length == 0 ? "." : prefix;
        var sorted = new SortedNames();
        bool isDone = false;
        problem = null;
        try
        {
            foreach (Entry entry in Entries(prefix, folder, active))
                sorted.Add(entry.Name, entry.Segments);
            isDone = true;
        }
        catch (DirectoryNotFoundException) // gone meanwhile, or its name is not the one that .NET sees
        {
            isDone = true;
            problem = NoSuchFolder;
        }
        catch (UnauthorizedAccessException)
        {
            isDone = true;
            problem = "permission denied";
        }
        catch (IOException failure) // a path that is too long, a disk or a server that does not answer
        {
            isDone = true;
            problem = MessageText.OneLine(failure.Message);
        }
        finally
        {
            if (!isDone)
                sorted.Dispose();
        }

        return sorted;
    }

    private IEnumerable<Entry> Entries(string prefix, string folder, ulong active)
    {
        // A name as it stands needs no listing, and can be "..".
        if (ulong.IsPow2(active) && segments[ulong.Log2(active)] is var only && IsNamedAsItStands(only))
            return Named(prefix, only, active);
        var names = new FileSystemEnumerable<Entry>(folder, (ref FileSystemEntry entry) => ToEntry(ref entry, active), Everything)
        {
            ShouldIncludePredicate = (ref FileSystemEntry entry) =>
                entry.IsDirectory ? Inside(ref entry, active) != 0
                    || IsNamedAsImage(entry.FileName, active) : IsTakenFile(entry.FileName, active),
        };
        return names.Select(entry => FolderOrImage(prefix, entry, active));
    }

    /// <summary>Where letter case does not count, the file system has to say so too, but of <c>..</c>.</summary>
    private bool IsNamedAsItStands(string segment) =>
        !GlobPattern.HasWildcard(segment) && (!IgnoreCase || OperatingSystem.IsWindows() || segment is "." or "..");

    private Entry[] Named(string prefix, string name, ulong active)
    {
        string path = prefix + name;
        if (IsLast(active))
        {
            bool isFile = File.Exists(path)
                || new FileInfo(path).LinkTarget is not null
                || (ImageFileNames.IsImage(name) && Directory.Exists(path));
            return isFile && IsTaken(name) ? [new Entry(name, 0)] : [];
        }

        return Directory.Exists(path) ? [new Entry(name + Path.DirectorySeparatorChar, WithSkipped(active << 1))] : [];
    }

    private Entry ToEntry(ref FileSystemEntry entry, ulong active) => entry.IsDirectory
        ? new Entry(string.Concat(entry.FileName, [Path.DirectorySeparatorChar]), Inside(ref entry, active))
        : new Entry(entry.FileName.ToString(), 0);

    /// <summary>A folder named as an image is taken for one where no image comes of it.</summary>
    private Entry FolderOrImage(string prefix, Entry entry, ulong active)
    {
        ReadOnlySpan<char> name = Path.TrimEndingDirectorySeparator(entry.Name.AsSpan());
        bool isFile = name.Length == entry.Name.Length;
        return isFile
            || !IsNamedAsImage(name, active)
            || (entry.IsFolder && HasImages(prefix + entry.Name, entry.Segments)) ? entry : new Entry(name.ToString(), 0);
    }

    /// <summary>Whether an image comes of a folder that is named as one; remembered, for such folders inside of it
    /// would be asked again at every level.</summary>
    private bool HasImages(string path, ulong active)
    {
        if (!_hasImages.TryGetValue((path, active), out bool any))
        {
            bool wasLookingAhead = _isLookingAhead;
            _isLookingAhead = true;
            _hasImages[(path, active)] = any = Walk(path, active).Any();
            _isLookingAhead = wasLookingAhead;
        }

        return any;
    }

    private bool IsNamedAsImage(ReadOnlySpan<char> name, ulong active) => ImageFileNames.IsImage(name) && IsMatch(name, active);

    /// <summary>The segments that may match inside a folder of that name; none where it is not entered.</summary>
    private ulong Inside(ref FileSystemEntry folder, ulong active)
    {
        ulong inside = 0;
        for (int i = 0; i < segments.Length; i++)
        {
            ulong segment = 1UL << i;
            if ((active & segment) == 0)
                continue;
            if (segments[i] == AnyDepth)
                inside |= ImageFileNames.IsHidden(folder.FileName) || folder.Attributes.HasFlag(FileAttributes.ReparsePoint) ? 0 : segment;
            else if (i < segments.Length - 1 && IsNamed(folder.FileName, segments[i]))
                inside |= segment << 1;
        }

        return WithSkipped(inside);
    }

    /// <summary>Whether a file's name matches the last segment, if that is active.</summary>
    private bool IsMatch(ReadOnlySpan<char> name, ulong active) =>
        IsLast(active) && IsTaken(name) && IsNamed(name, segments[^1] == AnyDepth ? "*" : segments[^1]);

    private bool IsTakenFile(ReadOnlySpan<char> name, ulong active)
    {
        if (!IsLast(active) || !IsNamed(name, segments[^1] == AnyDepth ? "*" : segments[^1]))
            return false;
        if (IsTaken(name))
            return true;
        if (!_isLookingAhead)
        {
            string extension = Path.GetExtension(name).ToString().ToLowerInvariant();
            _leftOut[extension] = _leftOut.GetValueOrDefault(extension) + 1;
        }

        return false;
    }

    private bool IsTaken(ReadOnlySpan<char> name) => !imagesOnly || ImageFileNames.IsImage(name);

    private bool IsLast(ulong active) => (active >> (segments.Length - 1) & 1) != 0;

    /// <summary>Adds the segment behind each <c>**</c>, which may stand for no folder at all.</summary>
    private ulong WithSkipped(ulong active)
    {
        for (int i = 0; i < segments.Length - 1; i++)
        {
            if ((active >> i & 1) != 0 && segments[i] == AnyDepth)
                active |= 2UL << i;
        }

        return active;
    }

    private bool IsNamed(ReadOnlySpan<char> name, string segment)
    {
        if (!GlobPattern.HasWildcard(segment))
            return name.Equals(segment, IgnoreCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal);
        return (!ImageFileNames.IsHidden(name) || segment.StartsWith('.')) && GlobPattern.IsMatch(segment, name, IgnoreCase);
    }
}
