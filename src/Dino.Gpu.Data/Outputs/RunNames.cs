using System.Text.RegularExpressions;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Outputs;

/// <summary>Names of the files that a run keeps in its folder. No other command replaces them.</summary>
internal static partial class RunNames
{
    /// <summary>The record of the run. A folder that has one holds a run.</summary>
    public const string Record = "run.json";

    /// <summary>Held by the process that works in the folder.</summary>
    public const string Lock = ".lock";

    /// <summary>The fixed part of a message.</summary>
    internal const string IsOfARun = "it is a file of the run in";

    /// <summary>Names of shards and journals. Other files, such as tar archives, may begin alike.</summary>
    public const string ShardPattern = @"shard-(\d{5,18})\.(npy|npz|jsonl|csv|parquet|safetensors|journal)";

    /// <summary>
    /// Whether a file of that name belongs to the run, which may write it or, with <c>--overwrite</c>, delete it.
    /// </summary>
    public static bool IsOwn(string fileName) =>
        fileName is Record or Lock || IsListOrShard(fileName) || IsTemporary(fileName);

    /// <summary>Whether it is the name of a shard, a journal, the list of inputs or a log of failed images.</summary>
    public static bool IsListOrShard(string fileName) => ListOrShard().IsMatch(fileName);

    /// <summary>
    /// Whether <see cref="AtomicFile"/> left this of one of the run's files when the process was killed. Other programs
    /// may have temporary files of their own in the folder.
    /// </summary>
    public static bool IsTemporary(string fileName) =>
        AtomicFile.OutputOf(fileName) is { } output && (output == Record || IsListOrShard(output));

    /// <summary>Refuses an output that is a file of a run: the run could not be read or resumed after it.</summary>
    /// <param name="path">The output; links are followed.</param>
    /// <exception cref="DinoException">It is one.</exception>
    public static void Refuse(string path)
    {
        string file = new RealPath().Of(path);
        if (IsOwn(Path.GetFileName(file)) && Path.GetDirectoryName(file) is { } folder && File.Exists(Path.Combine(folder, Record)))
            throw new DinoException($"cannot write {path}: {IsOfARun} {folder}", "give another name or folder");
    }

    [GeneratedRegex($@"^({ShardPattern}|errors(-behind)?\.jsonl|manifest\.jsonl)$", RegexOptions.CultureInvariant)]
    private static partial Regex ListOrShard();
}
