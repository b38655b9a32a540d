using System.Diagnostics;
using System.IO.MemoryMappedFiles;
using System.Security.Cryptography;

namespace Dino.Gpu.Fuzz;

/// <summary>How long a worker works, and where.</summary>
/// <param name="Time">Ends it.</param>
/// <param name="Inputs">Ends it, too.</param>
/// <param name="Seed">Of the mutations.</param>
/// <param name="Corpus">Folder with the target's inputs.</param>
/// <param name="Findings">Folder for inputs that a reader did wrong with.</param>
/// <param name="Scratch">Folder of its own for the readers' files.</param>
internal sealed record FuzzBudget(TimeSpan Time, long Inputs, int Seed, string Corpus, string Findings, string Scratch)
{
    /// <summary>Length and bytes of the input that runs, for when the process dies of it.</summary>
    public string CurrentInput => Path.Combine(Scratch, "current");
}

/// <summary>
/// Gives one reader inputs: first the corpus, then changed copies. A copy that reaches new code joins the corpus, for
/// this run.
/// </summary>
internal sealed class FuzzWorker : IDisposable
{
    private const int LongestInput = 1 << 21;
    private const int MostFindings = 20;
    private const int MostEntries = 1 << 14;

    /// <summary>A reader that computes longer hangs; its process is ended.</summary>
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(30);

    /// <summary>One that waits longer, too. On a busy machine all wait for the processor.</summary>
    private static readonly TimeSpan Wait = TimeSpan.FromMinutes(5);

    private readonly FuzzTarget _target;
    private readonly FuzzBudget _budget;
    private readonly Coverage _coverage;
    private readonly Random _random;
    private readonly Mutator _mutator;
    private readonly Oracle _oracle;
    private readonly List<byte[]> _entries = [];
    private readonly HashSet<string> _problems = [];
    private readonly MemoryMappedFile _current;
    private readonly MemoryMappedViewAccessor _currentView;
    private readonly Timer _watch;
    private long _started; // of the input that runs
    private long _startedCpu; // the same, in the ticks that the process computed
    private long _inputs;

    /// <param name="target">The reader.</param>
    /// <param name="coverage">Counts since before the target was made.</param>
    /// <param name="budget">How long, and where.</param>
    public FuzzWorker(FuzzTarget target, Coverage coverage, FuzzBudget budget)
    {
        _coverage = coverage;
        _target = target;
        _budget = budget;
        _random = new Random(budget.Seed);
        _mutator = new Mutator(target.Tokens, _random);
        _oracle = new Oracle(budget.Scratch);
        _current = MemoryMappedFile.CreateFromFile(budget.CurrentInput, FileMode.Create, null, sizeof(int) + LongestInput);
        _currentView = _current.CreateViewAccessor();
        Start();
        _watch = new Timer(_ => EndWhereItHangs(), null, Hang, TimeSpan.FromSeconds(1));
    }

    /// <summary>Works until the budget is spent.</summary>
    public FuzzResult Work()
    {
        long start = Stopwatch.GetTimestamp();
        foreach (string file in Corpus())
            Try(File.ReadAllBytes(file), isSeed: true);
        int seeds = _entries.Count;
        if (_entries.Count == 0)
            _entries.Add([]);
        while (_inputs < _budget.Inputs && _problems.Count < MostFindings && Stopwatch.GetElapsedTime(start) < _budget.Time)
        {
            byte[] input = _mutator.Mutate(Pick(), _entries[_random.Next(_entries.Count)]);
            // Now and then a checksum stays wrong: that is to be refused as well.
            if (_random.Next(10) > 0)
                _target.Repair?.Invoke(input);
            Try(input, isSeed: false);
        }

        return new FuzzResult(_inputs, _coverage.Edges, seeds, _entries.Count, _problems.Count);
    }

    public void Dispose()
    {
        _watch.Dispose();
        _currentView.Dispose();
        _current.Dispose();
    }

    /// <summary>Inputs of a corpus, in an order that is always the same.</summary>
    private IEnumerable<string> Corpus()
    {
        string folder = Path.Combine(_budget.Corpus, _target.Name);
        return Directory.Exists(folder) ? Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal) : [];
    }

    /// <summary>The later ones, which reached the code that was found last, more often.</summary>
    private byte[] Pick() => _entries[Math.Max(_random.Next(_entries.Count), _random.Next(_entries.Count))];

    private void Try(byte[] input, bool isSeed)
    {
        if (input.Length > LongestInput)
            return;
        _currentView.Write(0, input.Length);
        _currentView.WriteArray(sizeof(int), input, 0, input.Length);
        Start();
        _coverage.Clear();
        string? problem = _oracle.Check(_target, input);
        _inputs++;
        bool isNew = _coverage.IsNew();
        if ((isNew || isSeed) && _entries.Count < MostEntries && input.Length <= LongestInput / 64)
            _entries.Add(input);
        if (problem is not null && _problems.Add(problem))
            Keep(problem, input);
    }

    /// <summary>Writes an input to the folder of findings; returns its path.</summary>
    public static string Keep(string folder, FuzzTarget target, ReadOnlySpan<byte> input)
    {
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, $"{target.Name}-{Convert.ToHexStringLower(SHA256.HashData(input))[..12]}");
        File.WriteAllBytes(path, input);
        return path;
    }

    private void Keep(string problem, byte[] input) =>
        Console.Error.WriteLine($"{Path.GetFileName(Keep(_budget.Findings, _target, input))}: {problem}");

    private void Start()
    {
        Interlocked.Exchange(ref _startedCpu, Environment.CpuUsage.TotalTime.Ticks);
        Interlocked.Exchange(ref _started, Stopwatch.GetTimestamp());
    }

    private void EndWhereItHangs()
    {
        long computed = Environment.CpuUsage.TotalTime.Ticks - Interlocked.Read(ref _startedCpu);
        if (computed > Hang.Ticks || Stopwatch.GetElapsedTime(Interlocked.Read(ref _started)) > Wait)
            Environment.FailFast($"{_target.Name} hangs");
    }
}

/// <summary>What a worker did.</summary>
/// <param name="Inputs">That were tried.</param>
/// <param name="Edges">Of instrumented code that any of them took.</param>
/// <param name="Seeds">Inputs of the corpus.</param>
/// <param name="Entries">Those, and what reached new code.</param>
/// <param name="Findings">Kinds of wrong.</param>
internal sealed record FuzzResult(long Inputs, int Edges, int Seeds, int Entries, int Findings);
