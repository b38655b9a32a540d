using System.Globalization;
using System.Text.RegularExpressions;

namespace Dino.Gpu.Tests.Kernels.Assembler;

/// <summary>A loop of machine code: from the target of a branch back to the branch.</summary>
internal sealed record SassLoop(int Start, int End, IReadOnlyList<string> Operations)
{
    public int Count(string operation) => Operations.Count(name => name.Split('.')[0] == operation);
}

/// <summary>Machine code as cuobjdump prints it.</summary>
internal sealed partial class SassProgram
{
    private readonly List<(int Address, string Operation)> _code = [];
    private readonly List<(int Start, int End)> _back = [];

    public SassProgram(string text)
    {
        foreach (Match match in InstructionPattern().Matches(text))
        {
            int address = Hex(match.Groups["address"].Value);
            string operation = match.Groups["operation"].Value;
            _code.Add((address, operation));
            Match target = TargetPattern().Match(match.Groups["operands"].Value);
            if (operation.StartsWith("BRA", StringComparison.Ordinal) && target.Success && Hex(target.Groups[1].Value) < address)
                _back.Add((Hex(target.Groups[1].Value), address));
        }

        // What follows the last instruction is a branch to itself and padding.
        while (_code.Count > 0 && _code[^1].Operation is "NOP" or "BRA")
            _code.RemoveAt(_code.Count - 1);
    }

    public int Count(string operation) => _code.Count(instruction => instruction.Operation.Split('.')[0] == operation);

    /// <summary>Instructions in all.</summary>
    public int Length => _code.Count;

    /// <summary>Instructions after a loop: what a group does once, at its end.</summary>
    public int CountAfter(SassLoop loop) => _code.Count(instruction => instruction.Address > loop.End);

    /// <summary>The loop without another inside that has most of an operation; null where no loop has any.</summary>
    public SassLoop? HotLoop(string operation)
    {
        SassLoop? best = null;
        foreach ((int start, int end) in _back.Distinct())
        {
            if (_back.Exists(other => other != (start, end) && other.Start >= start && other.End <= end))
                continue;
            IEnumerable<string> body = _code
                .Where(instruction => instruction.Address >= start && instruction.Address <= end)
                .Select(instruction => instruction.Operation);
            var loop = new SassLoop(start, end, [.. body]);
            if (loop.Count(operation) > (best?.Count(operation) ?? 0))
                best = loop;
        }

        return best;
    }

    [GeneratedRegex(@"/\*(?<address>[0-9a-f]{4,5})\*/\s+(@!?U?P\w+ )?(?<operation>[A-Z][\w.]*)(?<operands>[^;]*);")]
    private static partial Regex InstructionPattern();

    [GeneratedRegex(@"0x([0-9a-f]+)")]
    private static partial Regex TargetPattern();

    private static int Hex(string text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
