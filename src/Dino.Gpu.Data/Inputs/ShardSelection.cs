using System.Globalization;

namespace Dino.Gpu.Data.Inputs;

/// <summary>Which part of the input list this run takes.</summary>
/// <param name="Index">The part, from 0.</param>
/// <param name="Count">Parts that the list is cut into; 1 for the whole list.</param>
/// <param name="Source">What said so, for messages: <c>--shard</c>, <c>Slurm</c>, <c>Kubernetes</c>, <c>AWS Batch</c>,
/// or <c>none</c>.</param>
internal sealed record ShardSelection(int Index, int Count, string Source)
{
    private const string Option = "--shard";

    private static readonly Scheduler[] Schedulers =
    [
        new("Slurm", "SLURM_ARRAY_TASK_ID"),
        new("Kubernetes", "JOB_COMPLETION_INDEX"),
        new("AWS Batch", "AWS_BATCH_JOB_ARRAY_INDEX"),
    ];

    /// <summary>A scheduler and the variable that numbers its tasks.</summary>
    private sealed record Scheduler(string Name, string Index);

    /// <summary>The whole list.</summary>
    public static ShardSelection Whole { get; } = new(0, 1, "none");

    /// <summary>Rows of this part, from First up to and without Last. The parts of a list differ in length by one row
    /// at most, and may be empty.</summary>
    public (long First, long Last) Rows(long rows) => ((long)((Int128)rows * Index / Count), (long)((Int128)rows * (Index + 1) / Count));

    /// <summary>Whether the text is a value of <c>--shard</c>: <c>i/n</c>, <c>auto</c>, <c>auto/n</c> or
    /// <c>none</c>.</summary>
    /// <returns>What is wrong, or null.</returns>
    public static string? Check(string value)
    {
        if (value is "none" or "auto")
            return null;
        string[] parts = value.Split('/');
        if (parts.Length != 2 || Number(parts[1]) is not { } count || parts[0] != "auto" && Number(parts[0]) is null)
            return $"{Option}: expected i/n such as 0/8, auto, auto/n or none, found '{value}'";
        if (count == 0)
            return $"{Option}: expected at least one part, found '{value}'";
        return parts[0] != "auto"
            && Number(parts[0]) >= count
                ? $"{Option}: part {parts[0]} of {count} is not there, they are counted from 0 to {count - 1}"
                : null;
    }

    /// <summary>What the option says, or else the scheduler that started this process.</summary>
    /// <param name="value">Value of <c>--shard</c>; null where it is not given.</param>
    /// <param name="environment">Environment variables.</param>
    /// <exception cref="DinoException">The value is wrong, or what the scheduler says does not tell which part of how
    /// many.</exception>
    public static ShardSelection From(string? value, IReadOnlyDictionary<string, string> environment)
    {
        if (value is not null && Check(value) is { } problem)
            throw new DinoException(problem);
        if (value == "none")
            return Whole;
        string[] parts = value?.Split('/') ?? ["auto"];
        int? count = parts.Length == 2 ? Number(parts[1]) : null;
        if (parts[0] != "auto")
            return new ShardSelection(Number(parts[0])!.Value, count!.Value, Option);

        Scheduler[] found = [.. Schedulers.Where(one => Text(environment, one.Index) is not null)];
        if (found.Length > 1)
            throw new DinoException(
                $"{found[0].Index} and {found[1].Index} are both set, and may mean different parts of the list: say which with "
                    + $"--shard i/n, or --shard none for the whole list");
        if (found.Length == 0)
        {
            return value is null ? Whole : throw new DinoException(
                $"--shard {value}: no scheduler says which part, expected one of "
                    + $"{string.Join(", ", Schedulers.Select(one => one.Index))}; give it as --shard i/n");
        }

        Scheduler scheduler = found[0];
        return count is { } given
            ? Part(scheduler, Value(environment, scheduler.Index), given, $"--shard {value}")
            : FromScheduler(scheduler, environment);
    }

    /// <summary>The variables of this process.</summary>
    public static IReadOnlyDictionary<string, string> ProcessEnvironment() =>
        Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>().ToDictionary(
            entry => (string)entry.Key, entry => (string)entry.Value!);

    private static ShardSelection FromScheduler(Scheduler scheduler, IReadOnlyDictionary<string, string> environment) =>
        scheduler.Name switch
        {
            "Slurm" => FromSlurm(scheduler, environment),
            "Kubernetes" => FromCount(scheduler, environment, "JOB_COMPLETIONS", "set it to the Job's completions in its manifest"),
            _ => FromCount(scheduler, environment, "AWS_BATCH_JOB_ARRAY_SIZE", "AWS Batch sets it in the children of an array job"),
        };

    /// <summary>A Slurm array is numbered as its user likes: --array=1-8, --array=0-70:10. Evenly spaced numbers are
    /// parts 0, 1, 2, ...</summary>
    private static ShardSelection FromSlurm(Scheduler slurm, IReadOnlyDictionary<string, string> environment)
    {
        foreach (string variable in new[] { "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_COUNT" })
        {
            if (Text(environment, variable) is null)
                throw MissingCount(slurm, variable, "Slurm sets it in array jobs");
        }

        int id = Value(environment, slurm.Index);
        int first = Value(environment, "SLURM_ARRAY_TASK_MIN");
        int last = Value(environment, "SLURM_ARRAY_TASK_MAX");
        int count = Value(environment, "SLURM_ARRAY_TASK_COUNT");
        if (count == 1 && id == first)
            return Whole with { Source = slurm.Name };
        if (count < 1
            || last < first
            || id < first
            || id > last
            || count > 1
            && last == first
            || (last - first) % Math.Max(count - 1, 1) != 0
            || (id - first) % Math.Max((last - first) / Math.Max(count - 1, 1), 1) != 0)
        {
            throw new DinoException(
                $"Slurm task {id} is no part of the list (expected evenly spaced numbers, found {count} from {first} to {last})",
                "use an array such as --array=0-7, or --shard i/n");
        }

        return new ShardSelection((id - first) / ((last - first) / (count - 1)), count, slurm.Name);
    }

    private static ShardSelection FromCount(
        Scheduler scheduler, IReadOnlyDictionary<string, string> environment, string countVariable, string hint)
    {
        if (Text(environment, countVariable) is null)
            throw MissingCount(scheduler, countVariable, hint);
        int count = Value(environment, countVariable);
        if (count == 0)
            throw new DinoException(
                $"{countVariable} is 0, expected the number of parts, 1 at least: {hint}, or say --shard auto/n, or --shard none for "
                    + $"the whole list");
        return Part(scheduler, Value(environment, scheduler.Index), count, scheduler.Name);
    }

    private static ShardSelection Part(Scheduler scheduler, int index, int count, string source) => index < count
        ? new ShardSelection(index, count, source)
        : throw new DinoException(
            $"{scheduler.Index} is {index}, and parts of {count} are counted from 0 to {count - 1}: number the tasks from 0, or say "
                + $"--shard i/n");

    private static DinoException MissingCount(Scheduler scheduler, string variable, string hint) => new(
        $"{scheduler.Index} is set, but {variable} is not, so it is not known how many parts there are: {hint}, or say --shard "
            + $"auto/n, or --shard none for the whole list");

    private static string? Text(IReadOnlyDictionary<string, string> environment, string variable) =>
        environment.TryGetValue(variable, out string? text) && text.Length > 0 ? text : null;

    private static int Value(IReadOnlyDictionary<string, string> environment, string variable) =>
        Number(environment[variable]) ?? throw new DinoException(
            $"{variable} is '{environment[variable]}', expected a whole number; say --shard i/n, or --shard none for the whole list");

    private static int? Number(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : null;
}
