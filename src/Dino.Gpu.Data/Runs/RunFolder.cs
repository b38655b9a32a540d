using System.Globalization;
using System.Text.RegularExpressions;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Runs;

/// <summary>
/// The folder of a run that can be resumed. It holds <c>run.json</c>, <c>manifest.jsonl</c> (the input list),
/// <c>shard-00000.npy</c> and so on, <c>errors.jsonl</c>, and <c>shard-00000.journal</c> for rows whose shard is not
/// full. One process at a time works in it.
/// </summary>
internal sealed partial class RunFolder : IDisposable
{
    /// <summary>Extension of a journal.</summary>
    public const string JournalName = "journal";

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
    /// Lines of <see cref="Errors"/> that must wait for earlier ones, see <see cref="RunErrors"/>.
    /// </summary>
    public string ErrorsBehind => ErrorsBehindIn(Path);

    /// <summary>Opens a folder, and makes it if it does not exist.</summary>
    /// <exception cref="DinoException">It cannot be made or written, or another process works in it.</exception>
    public static RunFolder Open(string path)
    {
        string name = System.IO.Path.TrimEndingDirectorySeparator(path);
        if (File.Exists(name))
        {
            throw new DinoException(
                $"{path} {OutputPath.IsFile}",
                name != path && FormatCatalog.FromExtension(name) is not null
                    ? $"leave out the slash for one file: {name}"
                    : $"give another name, or one that ends in {FormatCatalog.Extensions} for one file");
        }

        try
        {
            bool isNew = !Directory.Exists(path);
            Directory.CreateDirectory(path);
            string lockPath = System.IO.Path.Combine(path, RunNames.Lock);
            OwnFile.RefuseLink(lockPath);
            var folder = new RunFolder(path, Lock(lockPath), isNew);
            try
            {
                folder.DeleteAll(RunNames.IsTemporary);
                folder.RefuseLinks();
                return folder;
            }
            catch
            {
                folder.Dispose();
                throw;
            }
        }
        catch (IOException failure) when (Directory.Exists(path) && File.Exists(System.IO.Path.Combine(path, RunNames.Lock)))
        {
            throw new DinoException($"{path} is in use by another dino", "wait for it, or choose another folder", failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw WriteFailure.OfNew(path, failure);
        }
    }

    /// <summary>
    /// Takes the lock. If another process deletes the file between opening and locking, the lock keeps nobody out, so
    /// this tries again.
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

    /// <summary>Whether any process works in a folder, this one included.</summary>
    public static bool IsInUse(string path)
    {
        string lockPath = System.IO.Path.Combine(path, RunNames.Lock);
        try
        {
            if (File.Exists(lockPath))
                new FileStream(lockPath, FileMode.Open, FileAccess.Read, FileShare.None).Dispose();
            return false;
        }
        catch (FileNotFoundException)
        {
            return false; // deleted meanwhile
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

    public string Journal(long number) => Shard(number, JournalName);

    /// <summary>The number of a shard by the name of its file; -1 for other files.</summary>
    public static long ShardNumber(string fileName, string format)
    {
        Match match = ShardName().Match(fileName);
        return match.Success && match.Groups[2].ValueSpan.SequenceEqual(format)
            ? long.Parse(match.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture)
            : -1;
    }

    /// <summary>The record of the run in the folder, if it is to be resumed; null where a run begins.</summary>
    /// <param name="now">What is to be run.</param>
    /// <param name="overwrite">Deletes what another run left.</param>
    /// <param name="allowMixed">
    /// Whether a run of another processor or device resumes too. Its rows and those to come then differ in their last
    /// digits, and its record says so.
    /// </param>
    /// <exception cref="DinoException">Another run was begun here; the message says what differs.</exception>
    public RunRecord? Resume(RunRecord now, bool overwrite, bool allowMixed)
    {
        if (!HoldsRun())
            RefuseForeignLists();
        if (overwrite)
            Clear();
        RunRecord? earlier = overwrite ? null : RunRecord.Load(Path);
        if (earlier is not null)
        {
            if (now.DifferenceFrom(earlier, allowMixed) is { } difference)
            {
                bool isMixedOnly = !allowMixed && now.DifferenceFrom(earlier, allowMixed: true) is null;
                throw new DinoException(
                    $"{Path} holds another run ({difference})",
                    isMixedOnly
                        ? "run it where it began, or with the same --vector; --allow-mixed resumes it with rows that differ in their "
                            + "last digits"
                        : now.MaxPixels != earlier.MaxPixels
                            ? $"the default of --max-pixels follows the machine's memory: give --max-pixels {earlier.MaxPixels}"
                            : "give the same options to resume it, another folder, or --overwrite to start again");
            }

            if (now.HasArithmeticOf(earlier))
                return earlier;
            RunRecord mixed = earlier.MixedWith([now]);
            if (mixed != earlier)
                mixed.Save(Path);
            return mixed;
        }

        string? foreign = Directory.EnumerateFiles(Path).Select(System.IO.Path.GetFileName).FirstOrDefault(
            name => ShardName().IsMatch(name!));
        return foreign is null
            ? null
            : throw new DinoException(
                $"{Path} holds {foreign} but no {RunRecord.FileName}", "choose another folder, or --overwrite to delete the shards there");
    }

    /// <summary>Deletes a file of the folder, if it exists.</summary>
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
        // The record goes first: without it, what is left is not taken for a run.
        Delete(System.IO.Path.Combine(Path, RunRecord.FileName));
        DeleteAll(RunNames.IsListOrShard);
    }

    /// <summary>Lets other processes in. Deletes a folder that was made for a run that never began.</summary>
    public void Dispose()
    {
        _lock.Dispose();
        if (_isNew && !Directory.EnumerateFileSystemEntries(Path).Any())
            Directory.Delete(Path);
    }

    /// <summary>
    /// Refuses links where the run would write: whoever may write into the folder could plant one, and have the run
    /// change a file elsewhere. A link to an existing shard is only read.
    /// </summary>
    private void RefuseLinks()
    {
        foreach (string file in Directory.EnumerateFileSystemEntries(Path, "*", new EnumerationOptions { AttributesToSkip = 0 }))
        {
            string name = System.IO.Path.GetFileName(file);
            if (name == RunRecord.FileName || (RunNames.IsListOrShard(name) && (!ShardName().IsMatch(name) || !File.Exists(file))))
                OwnFile.RefuseLink(file);
            else if (name.EndsWith('.' + JournalName, StringComparison.Ordinal) && ShardName().IsMatch(name))
                OwnFile.RefuseLink(file);
        }
    }

    /// <summary>Whether there is a record of a run. Another program may have a file of that name.</summary>
    private bool HoldsRun()
    {
        try
        {
            return RunRecord.Load(Path) is not null;
        }
        catch (DinoException)
        {
            return false;
        }
    }

    /// <summary>A folder of pictures may have lists of those names of its own.</summary>
    private void RefuseForeignLists()
    {
        string? foreign = InputList.IsOther(Manifest) ? Manifest : new[] { Errors, ErrorsBehind }.FirstOrDefault(ErrorLog.IsOther);
        if (foreign is not null)
            throw new DinoException($"{foreign} is not dino's and would be overwritten", "choose another folder");
    }

    private void DeleteAll(Predicate<string> isOne)
    {
        foreach (string file in Directory.EnumerateFiles(Path, "*", new EnumerationOptions { AttributesToSkip = 0 }))
        {
            if (isOne(System.IO.Path.GetFileName(file)))
                Delete(file);
        }
    }

    [GeneratedRegex($@"^{RunNames.ShardPattern}$", RegexOptions.CultureInvariant)]
    private static partial Regex ShardName();
}
