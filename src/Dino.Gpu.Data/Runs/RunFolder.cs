using System.Globalization;
using System.Text.RegularExpressions;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Runs;

/// <summary>
/// The folder of a run that can be resumed: <c>run.json</c>, <c>manifest.jsonl</c> (the input list),
/// <c>shard-00000.npy</c> and so on, <c>errors.jsonl</c>, and <c>shard-00000.journal</c> for rows whose shard is not
/// full. One process at a time works in it.
/// </summary>
internal sealed partial class RunFolder : IDisposable
{
    private const string LockName = ".lock";

    /// <summary>Of a shard or journal: others' files, such as tar archives, may begin so.</summary>
    private const string ShardPattern = @"shard-\d{5,18}\.(npy|npz|jsonl|csv|parquet|safetensors|journal)";

    private readonly FileStream _lock;
    private readonly bool _isNew;

    private RunFolder(string path, FileStream lockFile, bool isNew)
    {
        Path = path;
        _lock = lockFile;
        _isNew = isNew;
    }

    public string Path { get; }

    public string Manifest => ManifestIn(Path);

    public string Errors => ErrorsIn(Path);

    /// <summary>
    /// Lines of <see cref="Errors"/> that belong behind others still to come, see <see cref="RunErrors"/>.
    /// </summary>
    public string ErrorsBehind => ErrorsBehindIn(Path);

    /// <summary>
    /// Whether a file of that name in a run's folder is the run's: it may be written, or deleted by <c>--overwrite</c>.
    /// </summary>
    public static bool IsOwn(string fileName) =>
        fileName is RunRecord.FileName or LockName || OwnName().IsMatch(fileName) || IsTemporary(fileName);

    /// <summary>Opens a folder, making it where there is none.</summary>
    /// <exception cref="DinoException">It cannot be made or written, or another process works in it.</exception>
    public static RunFolder Open(string path)
    {
        if (File.Exists(path))
            throw new DinoException(
                $"{path} is a file, expected a folder: give another, or a name that ends in {FormatCatalog.Extensions} for one file");
        try
        {
            bool isNew = !Directory.Exists(path);
            Directory.CreateDirectory(path);
            var folder = new RunFolder(path, Lock(System.IO.Path.Combine(path, LockName)), isNew);
            folder.DeleteAll(IsTemporary);
            return folder;
        }
        catch (IOException failure) when (Directory.Exists(path) && File.Exists(System.IO.Path.Combine(path, LockName)))
        {
            throw new DinoException($"{path} is in use by another dino: wait for it, or choose another folder", failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw WriteFailure.Of(path, failure);
        }
    }

    /// <summary>
    /// A lock on a file that is gone, as another process deleted it between its opening and its locking, would keep
    /// nobody out.
    /// </summary>
    private static FileStream Lock(string path)
    {
        while (true)
        {
            var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
            if (File.Exists(path))
                return file;
            file.Dispose();
        }
    }

    /// <summary>Whether a process works in a folder, be it this one.</summary>
    public static bool IsInUse(string path)
    {
        string lockPath = System.IO.Path.Combine(path, LockName);
        try
        {
            if (File.Exists(lockPath))
                new FileStream(lockPath, FileMode.Open, FileAccess.Read, FileShare.None).Dispose();
            return false;
        }
        catch (FileNotFoundException)
        {
            return false; // gone meanwhile
        }
        catch (IOException)
        {
            return true;
        }
    }

    /// <summary>Where part <paramref name="index"/> of <paramref name="count"/> of a run has its folder.</summary>
    public static string PartPath(string path, int index, int count) =>
        System.IO.Path.Combine(path, string.Create(CultureInfo.InvariantCulture, $"part-{index:D5}-of-{count:D5}"));

    public static string ManifestIn(string path) => System.IO.Path.Combine(path, "manifest.jsonl");

    public static string ErrorsBehindIn(string path) => System.IO.Path.Combine(path, "errors-behind.jsonl");

    public static string ErrorsIn(string path) => System.IO.Path.Combine(path, "errors.jsonl");

    public static string ShardIn(string path, long number, string format) =>
        System.IO.Path.Combine(path, string.Create(CultureInfo.InvariantCulture, $"shard-{number:D5}.{format}"));

    public string Shard(long number, string format) => ShardIn(Path, number, format);

    public string Journal(long number) => Shard(number, "journal");

    /// <summary>Whether a run with these properties was begun here and is to be resumed.</summary>
    /// <param name="now">What is to be run.</param>
    /// <param name="overwrite">Deletes what another run left.</param>
    /// <exception cref="DinoException">Another run was begun here; the message says what differs.</exception>
    public bool Resumes(RunRecord now, bool overwrite)
    {
        if (!File.Exists(System.IO.Path.Combine(Path, RunRecord.FileName)))
            RefuseForeignLists();
        if (overwrite)
        {
            Clear();
            return false;
        }

        if (RunRecord.Load(Path) is { } earlier)
        {
            return now.DifferenceFrom(earlier) is { } difference
                ? throw new DinoException(
                    $"{Path} holds another run ({difference})",
                    "give the same options to resume it, another folder, or --overwrite to start again")
                : true;
        }

        string? foreign = Directory.EnumerateFiles(Path).Select(System.IO.Path.GetFileName).FirstOrDefault(
            name => ShardName().IsMatch(name!));
        return foreign is null
            ? false
            : throw new DinoException(
                $"{Path} holds {foreign} but no {RunRecord.FileName}: choose another folder, or --overwrite to delete the shards there");
    }

    /// <summary>Deletes a file of the folder, if it is there.</summary>
    /// <exception cref="DinoException">It cannot be deleted.</exception>
    public static void Delete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new DinoException($"cannot delete {path}: {WriteFailure.Reason(failure)}", failure);
        }
    }

    /// <summary>Deletes what runs write here, and nothing else.</summary>
    public void Clear()
    {
        // The record first: without it nothing that is left would be taken for a run.
        Delete(System.IO.Path.Combine(Path, RunRecord.FileName));
        DeleteAll(OwnName().IsMatch);
    }

    /// <summary>Lets other processes in. A folder that was made for a run which never began goes again.</summary>
    public void Dispose()
    {
        _lock.Dispose();
        if (_isNew && !Directory.EnumerateFileSystemEntries(Path).Any())
            Directory.Delete(Path);
    }

    /// <summary>A folder of pictures may have lists of those names of its own.</summary>
    private void RefuseForeignLists()
    {
        string? foreign = InputList.IsOther(Manifest) ? Manifest : new[] { Errors, ErrorsBehind }.FirstOrDefault(ErrorLog.IsOther);
        if (foreign is not null)
            throw new DinoException($"{foreign} is not dino's and would be overwritten: choose another folder");
    }

    private void DeleteAll(Predicate<string> isOne)
    {
        foreach (string file in Directory.EnumerateFiles(Path, "*", new EnumerationOptions { AttributesToSkip = 0 }))
        {
            if (isOne(System.IO.Path.GetFileName(file)))
                Delete(file);
        }
    }

    /// <summary>
    /// What <see cref="AtomicFile"/> leaves of a run's own files when the process is killed; others may write files of
    /// theirs into the folder.
    /// </summary>
    private static bool IsTemporary(string fileName) =>
        AtomicFile.OutputOf(fileName) is { } output && (output == RunRecord.FileName || OwnName().IsMatch(output));

    [GeneratedRegex($@"^{ShardPattern}$", RegexOptions.CultureInvariant)]
    private static partial Regex ShardName();

    [GeneratedRegex($@"^({ShardPattern}|errors(-behind)?\.jsonl|manifest\.jsonl)$", RegexOptions.CultureInvariant)]
    private static partial Regex OwnName();
}
