using System.Text.RegularExpressions;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Runs;

/// <summary>A folder that holds one part of a run, or a whole run. Nothing writes to it.</summary>
/// <param name="Path">The folder.</param>
/// <param name="Record">Its <c>run.json</c>.</param>
internal sealed partial record RunPart(string Path, RunRecord Record)
{
    /// <summary>Parts that a message names; of more it says how many.</summary>
    private const int NumbersNamed = 10;

    public string Manifest => RunFolder.ManifestIn(Path);

    public string Errors => RunFolder.ErrorsIn(Path);

    /// <summary>Rows of this part.</summary>
    public long Rows => Record.LastRow - Record.FirstRow;

    /// <summary>Such as <c>part 3 of 8 (out/part-00003-of-00008)</c>, for messages.</summary>
    public string Name => Record.ShardCount == 1 ? Path : $"part {Record.ShardIndex} of {Record.ShardCount} ({Path})";

    /// <summary>Whether a folder holds parts of a run.</summary>
    public static bool HasParts(string folder) => PartsIn(folder).Any();

    /// <summary>Refuses one file for several parts: each would overwrite that of the others.</summary>
    /// <exception cref="DinoException">There are several parts.</exception>
    public static void RefuseSharedFile(string file, ShardSelection part)
    {
        if (part.Count > 1)
        {
            throw new DinoException(
                $"this is part {part.Index} of {part.Count} ({part.Source}), and every part would write {file}",
                "give a folder, such as -o out, and join the parts with 'dino merge', or say --shard none for the whole list");
        }
    }

    /// <summary>
    /// Refuses a whole run in a folder of parts, and a part in the folder of a whole run: one of the two was started
    /// with the wrong <c>--shard</c>.
    /// </summary>
    /// <param name="folder">Where the run is to go; it may not exist yet.</param>
    /// <param name="part">What is to run.</param>
    /// <exception cref="DinoException">The folder holds the other kind.</exception>
    public static void RefuseMixed(string folder, ShardSelection part)
    {
        if (!Directory.Exists(folder))
            return;
        if (part.Count == 1 && HasParts(folder))
        {
            throw new DinoException(
                $"{folder} holds parts of a run, and this would be a whole one",
                "say which part, such as --shard 3/8, or give another folder");
        }

        if (part.Count > 1 && RunRecord.Load(folder) is not null)
        {
            throw new DinoException(
                $"{folder} holds a whole run, and this would be part {part.Index} of {part.Count} ({part.Source})",
                "give another folder, or --shard none for the whole");
        }
    }

    /// <summary>Finds the parts of one run in folders, which are parts themselves or hold some.</summary>
    /// <param name="folders">As the user named them.</param>
    /// <returns>
    /// The parts in the order of the rows. Together they have each row of the list once. Their shards are not checked
    /// yet.
    /// </returns>
    /// <exception cref="DinoException">
    /// A folder is no part, or parts are missing, occur twice or are of different runs.
    /// </exception>
    public static IReadOnlyList<RunPart> Find(IEnumerable<string> folders)
    {
        List<RunPart> parts = [.. folders.SelectMany(FindIn)];
        foreach (RunPart part in parts.Skip(1))
        {
            if (part.Record.DifferenceFromPart(parts[0].Record) is { } difference)
                throw new DinoException(
                    $"{part.Path} is not of the same run as {parts[0].Path}: {difference}",
                    part.Record.MaxPixels == parts[0].Record.MaxPixels
                        ? null
                        : "the default of --max-pixels follows the machine's memory: run all parts with the same");
        }

        RunPart? twice = parts.GroupBy(part => part.Record.ShardIndex).FirstOrDefault(same => same.Count() > 1)?.Last();
        if (twice is not null)
            throw new DinoException(
                $"part {twice.Record.ShardIndex} of {twice.Record.ShardCount} is in "
                    + $"{parts.Find(part => part.Record.ShardIndex == twice.Record.ShardIndex)!.Path} and in {twice.Path}",
                "give one of them");
        RefuseMissing(parts);
        parts.Sort((a, b) => a.Record.ShardIndex.CompareTo(b.Record.ShardIndex));
        RefuseGaps(parts);
        return parts;
    }

    /// <summary>Refuses parts that have not been run to their end.</summary>
    /// <exception cref="DinoException">A shard is missing; the message says of which parts and what to do.</exception>
    public static void RefuseUnfinished(IReadOnlyList<RunPart> parts)
    {
        if (parts.FirstOrDefault(part => File.Exists(RunFolder.ErrorsBehindIn(part.Path))) is { } waiting)
            throw new DinoException(
                $"{waiting.Name} is not complete, lines of its errors.jsonl wait in {RunFolder.ErrorsBehindIn(waiting.Path)}",
                "run the command that began it, which resumes it");
        var unfinished = parts.Select(part => (Part: part, Rows: RowsInShards(part.Path, part.Record)))
            .Where(one => one.Rows < one.Part.Rows).ToList();
        if (unfinished.Count == 0)
            return;
        RunRecord first = unfinished[0].Part.Record;
        string shard = first.ShardCount == 1 ? "" : $" with --shard {first.ShardIndex}/{first.ShardCount}";
        string others = unfinished.Count == 1
            ? ""
            : $"; neither are parts {Numbers(unfinished.Skip(1).Select(one => one.Part.Record.ShardIndex), unfinished.Count - 1)}";
        throw new DinoException(
            $"{unfinished[0].Part.Name} is not complete, {unfinished[0].Rows} of its {Quantity.Of(unfinished[0].Part.Rows, "row")} "
                + $"are in whole shards{others}",
            $"run the command that began it{shard}, which resumes it");
    }

    /// <summary>Shard <paramref name="number"/> of this part.</summary>
    public string Shard(long number) => RunFolder.ShardIn(Path, number, Record.Format);

    /// <summary>Rows of the list in a shard.</summary>
    public (long First, long Last) RowsOf(long shard)
    {
        long first = Record.FirstRow + shard * Record.ShardSize;
        return (first, Math.Min(first + Record.ShardSize, Record.LastRow));
    }

    /// <summary>
    /// Rows of the shards that are there. Counts the files: a record that was edited may claim any number of shards.
    /// </summary>
    /// <param name="path">The folder.</param>
    /// <param name="record">Its record.</param>
    public static long RowsInShards(string path, RunRecord record)
    {
        var part = new RunPart(path, record);
        return Directory.EnumerateFiles(path)
            .Select(file => RunFolder.ShardNumber(System.IO.Path.GetFileName(file), record.Format))
            .Where(shard => shard >= 0 && shard < record.Shards)
            .Sum(shard => part.RowsOf(shard).Last - part.RowsOf(shard).First);
    }

    private static IEnumerable<RunPart> FindIn(string folder)
    {
        if (!Directory.Exists(folder))
            throw new DinoException($"there is no folder {folder}", SimilarName.Hint(folder));
        string[] below = [.. PartsIn(folder).Order(StringComparer.Ordinal)];
        RunRecord? record = RunRecord.Load(folder);
        if (record is not null && below.Length > 0)
            throw new DinoException(
                $"{folder} is a run itself and holds parts of one, such as {System.IO.Path.GetFileName(below[0])}",
                "give the folders of the parts, or a copy without them");
        if (record is not null)
            return [new RunPart(folder, record)];
        return below.Length > 0
            ? below.Select(path => new RunPart(path, RunRecord.Load(path) ?? throw NoRecord(path)))
            : throw NoRecord(folder, $" and no folders such as part-00000-of-00008");
    }

    private static IEnumerable<string> PartsIn(string folder) =>
        Directory.EnumerateDirectories(folder).Where(path => PartName().IsMatch(System.IO.Path.GetFileName(path)));

    private static DinoException NoRecord(string folder, string also = "") =>
        new($"{folder} has no {RunRecord.FileName}{also}: expected what 'dino embed INPUT -o DIR' writes");

    private static void RefuseMissing(List<RunPart> parts)
    {
        int count = parts[0].Record.ShardCount;
        var there = parts.Select(part => part.Record.ShardIndex).ToHashSet();
        if (there.Count == count)
            return;
        // Only the first are looked for: a record may claim any number of parts.
        int[] missing = [.. Enumerable.Range(0, count).Where(index => !there.Contains(index)).Take(NumbersNamed)];
        string parted = count - there.Count == 1 ? "part" : "parts";
        throw new DinoException(
            $"{parted} {Numbers(missing, count - there.Count)} of {count} {(parted == "part" ? "is" : "are")} missing",
            $"give the folder too, or run it with --shard {missing[0]}/{count}");
    }

    private static void RefuseGaps(List<RunPart> parts)
    {
        long next = 0;
        foreach (RunPart part in parts)
        {
            if (part.Record.FirstRow != next)
                throw new DinoException(
                    $"{part.Name} starts at row {part.Record.FirstRow} of the list, expected row {next}: the parts do not fit together");
            next = part.Record.LastRow;
        }

        if (next != parts[0].Record.InputRows)
            throw new DinoException(
                $"{parts[^1].Name} ends at row {next} of the list, which has {parts[0].Record.InputRows}: the parts do not fit together");
    }

    /// <summary>1, 2, 5 and 92 more.</summary>
    private static string Numbers(IEnumerable<int> numbers, int count) =>
        string.Join(", ", numbers.Take(NumbersNamed)) + (count > NumbersNamed ? $" and {count - NumbersNamed} more" : "");

    [GeneratedRegex(@"^part-\d{5,}-of-\d{5,}$", RegexOptions.CultureInvariant)]
    private static partial Regex PartName();
}
