using System.Globalization;
using System.Text.RegularExpressions;

namespace Dino.Gpu.Tests.Kernels.Assembler;

/// <summary>A loop of machine code: from the target of a branch back to the branch.</summary>
internal sealed record SassLoop(int Start, int End, IReadOnlyList<string> Operations)
{
    public int Count(string operation) => Operations.Count(name => SassProgram.IsOf(name, operation));
}

/// <summary>Machine code as cuobjdump prints it.</summary>
internal sealed partial class SassProgram
{
    private readonly List<(int Address, string Operation)> _code = [];
    private readonly List<(int Start, int End)> _back = [];
    private readonly Dictionary<int, (int Target, bool Conditional)> _forward = []; // by the address of the branch
    private readonly HashSet<int> _targets = []; // of branches, and where they meet again
    private readonly HashSet<int> _ends = []; // exits of all threads that come there

    public SassProgram(string text)
    {
        foreach (Match match in InstructionPattern().Matches(text))
        {
            int address = Hex(match.Groups["address"].Value);
            string operation = match.Groups["operation"].Value;
            _code.Add((address, operation));
            if (operation == "EXIT" && !match.Groups["guard"].Success)
                _ends.Add(address);
            Match target = TargetPattern().Match(match.Groups["operands"].Value);
            if (target.Success && operation.StartsWith('B'))
                _targets.Add(Hex(target.Groups[1].Value));
            if (!operation.StartsWith("BRA", StringComparison.Ordinal) || !target.Success)
                continue;
            int to = Hex(target.Groups[1].Value);
            if (to < address)
                _back.Add((to, address));
            else if (to > address)
                _forward.Add(address, (to, match.Groups["guard"].Success));
        }

        // What follows the last instruction is a branch to itself and padding.
        while (_code.Count > 0 && _code[^1].Operation is "NOP" or "BRA")
            _code.RemoveAt(_code.Count - 1);
    }

    public int Count(string operation) => _code.Count(instruction => IsOf(instruction.Operation, operation));

    /// <summary>Instructions in all.</summary>
    public int Length => _code.Count;

    /// <summary>Instructions after a loop: what a group does once, at its end.</summary>
    public int CountAfter(SassLoop loop) => _code.Count(instruction => instruction.Address > loop.End);

    /// <summary>
    /// Instructions after the last one of an operation on the shortest way: of two sides of a branch, the shorter.
    /// </summary>
    public int ShortestAfter(string operation) =>
        _code.Count - 1 - _code.FindLastIndex(instruction => IsOf(instruction.Operation, operation)) - LongerSides(operation);

    /// <summary>Instructions of the longer sides of branches that have two, after the last one of an operation.</summary>
    public int LongerSides(string operation)
    {
        int last = _code[_code.FindLastIndex(instruction => IsOf(instruction.Operation, operation))].Address;
        int size = _code[1].Address - _code[0].Address;
        int count = 0;
        foreach ((int address, (int target, bool conditional)) in _forward.Where(branch => branch.Key > last && branch.Value.Conditional))
        {
            // One side ends with a branch over the other, or the code ends with both.
            if (_forward.TryGetValue(target - size, out (int Target, bool Conditional) over) && !over.Conditional)
                count += Math.Max(target - size - address, over.Target - target) / size;
            else if (_ends.Contains(target - size))
                count += Math.Max(target - size - address, _code[^1].Address + size - target) / size;
        }

        return count;
    }

    /// <summary>The loops without another inside.</summary>
    public IEnumerable<SassLoop> InnerLoops() => _back.Distinct()
        .Where(loop => !_back.Exists(other => other != loop && other.Start >= loop.Start && other.End <= loop.End))
        .Select(loop => new SassLoop(loop.Start, loop.End,
        [
            .. _code.Where(instruction => instruction.Address >= loop.Start && instruction.Address <= loop.End)
                .Select(instruction => instruction.Operation),
        ]));

    /// <summary>The first of them that has most of an operation; null where none has any.</summary>
    public SassLoop? HotLoop(string operation) =>
        InnerLoops().MaxBy(loop => loop.Count(operation)) is { } best && best.Count(operation) > 0 ? best : null;

    /// <summary>
    /// Instructions of one turn of a loop on the shortest way that has all of some operations: blocks without any, over
    /// which a branch may jump, are left out.
    /// </summary>
    public int ShortestTurn(SassLoop loop, params string[] operations)
    {
        int count = 0;
        int from = loop.Start;
        foreach ((int address, _) in _code.Where(each => each.Address >= loop.Start && each.Address <= loop.End))
        {
            if (address < from)
                continue;
            count++;
            if (_forward.TryGetValue(address, out (int Target, bool Conditional) branch) && branch.Conditional && branch.Target <= loop.End
                && !_code.Exists(each => each.Address > address && each.Address < branch.Target
                    && Array.Exists(operations, operation => IsOf(each.Operation, operation))))
                from = branch.Target;
        }

        return count;
    }

    /// <summary>Instructions of one turn of the loop around another, without that other; 0 where there is none.</summary>
    public int AroundLoop(SassLoop loop)
    {
        (int start, int end) = _back.Where(other => other.Start < loop.Start && other.End > loop.End)
            .DefaultIfEmpty().MinBy(other => other.End - other.Start);
        return start == end ? 0 : _code.Count(each => each.Address >= start && each.Address <= end) - loop.Operations.Count;
    }

    /// <summary>
    /// Instructions of one turn of the loop around a hot one, of which <paramref name="turns"/> are run in it; 0 where
    /// the hot one is all of it. Blocks with loads of single floats are left out: they run where nothing is aligned.
    /// </summary>
    public int OuterTurn(SassLoop hot, int turns)
    {
        (int start, int end) = turns == 0
            ? (hot.Start, hot.End)
            : _back.Where(loop => loop.Start < hot.Start && loop.End > hot.End).MinBy(loop => loop.End - loop.Start);
        int count = hot.Operations.Count * turns;
        var block = new List<string>();
        foreach ((int address, string operation) in _code.Where(each => each.Address >= start && each.Address <= end))
        {
            if (_targets.Contains(address))
                Close();
            if (turns == 0 || address < hot.Start || address > hot.End)
                block.Add(operation);
            if (operation.StartsWith("BRA", StringComparison.Ordinal))
                Close();
        }

        Close();
        return count;

        void Close()
        {
            bool isScalar = block.Exists(operation => operation.StartsWith("LDG", StringComparison.Ordinal)
                && !operation.Contains("128", StringComparison.Ordinal));
            count += isScalar ? 0 : block.Count;
            block.Clear();
        }
    }

    [GeneratedRegex(@"/\*(?<address>[0-9a-f]{4,5})\*/\s+(?<guard>@!?U?P\w+ )?(?<operation>[A-Z][\w.]*)(?<operands>[^;]*);")]
    private static partial Regex InstructionPattern();

    [GeneratedRegex(@"0x([0-9a-f]+)")]
    private static partial Regex TargetPattern();

    /// <summary>Whether an instruction is of an operation, whatever its modifiers.</summary>
    public static bool IsOf(string instruction, string operation) => instruction.Split('.')[0] == operation;

    private static int Hex(string text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
