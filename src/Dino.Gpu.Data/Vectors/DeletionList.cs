using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Vectors;

/// <summary>
/// The files that <c>dedup --list</c> names. A user who deletes them all must still have every picture. So each is
/// checked against the files as they are now, whatever the embeddings say: the picture to keep exists, it is another
/// file, and both are what was embedded.
/// </summary>
internal sealed class DeletionList
{
    private readonly List<(string Path, FileIdentity File)> _files = [];
    private readonly HashSet<FileIdentity> _kept = [];

    private DeletionList()
    {
    }

    /// <summary>The paths, group by group.</summary>
    public IReadOnlyList<string> Paths { get; private set; } = [];

    /// <summary>Duplicates in archives, which have no file of their own, or with line breaks in their paths.</summary>
    public int Unlistable { get; private set; }

    /// <summary>Duplicates that are the file to keep under another name, such as a hard link.</summary>
    public int SameFile { get; private set; }

    /// <summary>
    /// Duplicates that may have changed since they were embedded: no digest was recorded, and their bytes differ from
    /// those of the picture to keep.
    /// </summary>
    public int Unproven { get; private set; }

    /// <summary>Checks all files of the groups.</summary>
    /// <exception cref="DinoException">
    /// A file is missing or is not what was embedded, so nothing can be listed.
    /// </exception>
    public static DeletionList Check(IEnumerable<DuplicateGroup> groups, CancellationToken cancellation)
    {
        var list = new DeletionList();
        foreach (DuplicateGroup group in groups)
        {
            cancellation.ThrowIfCancellationRequested();
            list.Add(group);
        }

        // A file of one group may be kept under another name in another group.
        list.Paths = [.. list._files.Where(file => !list._kept.Contains(file.File)).Select(file => file.Path)];
        list.SameFile += list._files.Count - list.Paths.Count;
        return list;
    }

    private void Add(DuplicateGroup group)
    {
        RowInfo[] files = [.. group.Duplicates.Select(one => one.Image).Where(IsListable)];
        Unlistable += group.Duplicates.Count - files.Length;
        if (files.Length == 0)
            return;
        var kept = PictureNow.Of(group.Keep);
        _kept.Add(kept.File);
        foreach (ScoredPicture reference in group.References)
            _kept.Add(PictureNow.Of(reference.Image).File);
        foreach (RowInfo file in files)
        {
            var now = PictureNow.Of(file);
            if (now.File == kept.File)
                SameFile++;
            else if (!(now.IsRecorded && kept.IsRecorded) && now.Sha256 != kept.Sha256)
                Unproven++;
            else
                _files.Add((file.Path, now.File));
        }
    }

    private static bool IsListable(RowInfo image) => image.Archive is null && !image.Path.AsSpan().ContainsAny('\n', '\r');
}
