using System.Globalization;
using System.Text.Json;
using Dino.Gpu.Fuzz;
using Dino.Gpu.Fuzz.Targets;

// dotnet Dino.Gpu.Fuzz.dll instrument | seeds | run [TARGET...] [--seconds N] [--inputs N] [--seed N] [--parallel N] [--without TARGET,...]
//     [--findings DIR] | replay TARGET FILE...
// `worker` is what `run` starts for each target. build/fuzz.sh is the way to call it.
switch (args)
{
    case ["instrument"]:
        Instrumentation.Apply(AppContext.BaseDirectory);
        return 0;
    case ["seeds"]:
        return Commands.WriteSeeds();
    case ["worker", var target, var budget]:
        return Commands.Work(target, budget);
    case ["replay", var target, .. var files]:
        return Commands.Replay(target, files);
    case ["run", .. var rest]:
        return Commands.Run(rest);
    default:
        Console.Error.WriteLine("expected instrument, seeds, run or replay");
        return 2;
}

/// <summary>
/// Apart from the instrumentation, which may not load what it changes. Instrumented code has to count somewhere.
/// </summary>
internal static class Commands
{
    public static int WriteSeeds()
    {
        _ = new Coverage();
        new SeedCorpus(SourceFolder.Corpus).Write();
        return 0;
    }

    public static int Work(string target, string budget)
    {
        var coverage = new Coverage();
        using var worker = new FuzzWorker(
            FuzzTargets.Named(target), coverage, JsonSerializer.Deserialize<FuzzBudget>(budget)!);
        Console.WriteLine(JsonSerializer.Serialize(worker.Work()));
        return 0;
    }

    public static int Replay(string name, string[] files)
    {
        _ = new Coverage();
        FuzzTarget target = FuzzTargets.Named(name);
        string folder = Directory.CreateTempSubdirectory("dino-fuzz-").FullName;
        var oracle = new Oracle(folder);
        int wrong = 0;
        foreach (string file in files)
        {
            string? problem = oracle.Check(target, File.ReadAllBytes(file));
            wrong += problem is null ? 0 : 1;
            Console.WriteLine($"{file}: {problem ?? "fine"}");
        }

        Directory.Delete(folder, recursive: true);
        return wrong == 0 ? 0 : 1;
    }

    public static int Run(string[] args)
    {
        _ = new Coverage();
        var targets = new List<FuzzTarget>();
        var options = new FuzzOptions(
            TimeSpan.FromSeconds(5), long.MaxValue, Environment.TickCount, 1, SourceFolder.Corpus, Path.GetFullPath("artifacts/fuzz"));
        var without = new List<string>();
        for (int i = 0; i < args.Length; i++)
        {
            if (args[i] == "--without")
                without.AddRange(args[++i].Split(','));
            else if (!args[i].StartsWith("--", StringComparison.Ordinal))
                targets.Add(FuzzTargets.Named(args[i]));
            else
                options = With(options, args[i], args[++i]);
        }

        IEnumerable<FuzzTarget> chosen = targets.Count > 0 ? targets : FuzzTargets.All;
        return new FuzzSupervisor([.. chosen.Where(target => !without.Contains(target.Name))], options).Run() == 0 ? 0 : 1;
    }

    private static FuzzOptions With(FuzzOptions options, string name, string value) => name switch
    {
        "--seconds" => options with { Time = TimeSpan.FromSeconds(double.Parse(value, CultureInfo.InvariantCulture)) },
        "--inputs" => options with { Inputs = long.Parse(value, CultureInfo.InvariantCulture) },
        "--seed" => options with { Seed = int.Parse(value, CultureInfo.InvariantCulture) },
        "--parallel" => options with { Parallel = int.Parse(value, CultureInfo.InvariantCulture) },
        "--findings" => options with { Findings = Path.GetFullPath(value) },
        _ => throw new ArgumentException($"there is no option {name}"),
    };
}
