using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Dino.Gpu.Fuzz;

/// <summary>Runs each target in a process of its own, so that one that dies is a finding and not the end.</summary>
/// <param name="targets">The targets.</param>
/// <param name="options">As the command line has them.</param>
internal sealed class FuzzSupervisor(IReadOnlyList<FuzzTarget> targets, FuzzOptions options)
{
    private readonly Lock _console = new();
    private long _inputs;
    private long _guided;
    private int _findings;

    /// <returns>Findings.</returns>
    public int Run()
    {
        Parallel.ForEach(targets, new ParallelOptions { MaxDegreeOfParallelism = options.Parallel }, Run);
        double share = _inputs == 0 ? 0 : 100.0 * _guided / _inputs;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{_inputs} inputs ({share:F0} % guided by coverage), {_findings} findings"));
        return _findings;
    }

    private void Run(FuzzTarget target)
    {
        string scratch = MakeScratch();
        try
        {
            var budget = new FuzzBudget(options.Time, options.Inputs, options.Seed, options.Corpus, options.Findings, scratch);
            (int exit, string output, string errors) = Start(target, budget);
            FuzzResult? result = exit == 0 ? JsonSerializer.Deserialize<FuzzResult>(output) : null;
            lock (_console)
                Report(target, budget, result, exit, errors);
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }
    }

    private void Report(FuzzTarget target, FuzzBudget budget, FuzzResult? result, int exit, string errors)
    {
        if (errors.Length > 0)
            Console.Write(errors);
        if (result is null)
        {
            _findings++;
            Console.WriteLine($"{target.Name}: its process ended with {exit}, see {SaveCurrent(target, budget)}");
            return;
        }

        _findings += result.Findings;
        _inputs += result.Inputs;
        _guided += target.IsGuided && result.Entries > result.Seeds ? result.Inputs : 0;
        Console.WriteLine(
            $"{target.Name}: {result.Inputs} inputs, {result.Edges} edges, {result.Seeds} seeds, {result.Entries} in the corpus, "
            + $"{result.Findings} findings");
    }

    private static (int Exit, string Output, string Errors) Start(FuzzTarget target, FuzzBudget budget)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        string program = typeof(FuzzSupervisor).Assembly.Location;
        foreach (string argument in new[] { program, "worker", target.Name, JsonSerializer.Serialize(budget) })
            start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.Result);
    }

    /// <summary>In memory where there is such a folder: every input becomes a file.</summary>
    private static string MakeScratch()
    {
        const string Memory = "/dev/shm";
        return Directory.Exists(Memory)
            ? Directory.CreateDirectory(Path.Combine(Memory, $"dino-fuzz-{Guid.NewGuid():N}")).FullName
            : Directory.CreateTempSubdirectory("dino-fuzz-").FullName;
    }

    private static string SaveCurrent(FuzzTarget target, FuzzBudget budget)
    {
        if (!File.Exists(budget.CurrentInput))
            return "no input: it ended before the first";
        byte[] current = File.ReadAllBytes(budget.CurrentInput);
        return FuzzWorker.Keep(budget.Findings, target, current.AsSpan(sizeof(int), BitConverter.ToInt32(current)));
    }
}

/// <summary>What the command line says.</summary>
/// <param name="Time">For each target.</param>
/// <param name="Inputs">Most for each target.</param>
/// <param name="Seed">Of the mutations.</param>
/// <param name="Parallel">Targets at a time.</param>
/// <param name="Corpus">Folder with a folder for each target.</param>
/// <param name="Findings">Where they are kept.</param>
internal sealed record FuzzOptions(TimeSpan Time, long Inputs, int Seed, int Parallel, string Corpus, string Findings);
