using System.Globalization;
using System.Text.RegularExpressions;

namespace Dino.Gpu.Tests.Kernels.TensorCore;

/// <summary>An operand: a register, an immediate, an address (register plus offset) or a list of registers.</summary>
internal sealed record PtxOperand(int Register, long Immediate, bool IsAddress, int[]? List);

/// <summary>An instruction: operation with its modifiers, split at the dots.</summary>
internal sealed record PtxInstruction(string Text, string[] Operation, PtxOperand[] Operands, int Predicate, bool Negated, int Target);

/// <summary>The text of one kernel, taken apart for <see cref="PtxMachine"/>. What it does not know is an error, so a slip in hand-written PTX shows here.</summary>
internal sealed partial class PtxProgram
{
    private readonly Dictionary<string, int> _registers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _labels = new(StringComparer.Ordinal);
    private readonly List<string> _parameterNames = [];
    private int _declared;

    public PtxProgram(string text)
    {
        string body = text[text.IndexOf(".entry", StringComparison.Ordinal)..];
        foreach (Match match in ParameterPattern().Matches(body[..body.IndexOf(')', StringComparison.Ordinal)]))
        {
            _parameterNames.Add(match.Groups["name"].Value);
            ParameterSizes.Add(match.Groups["size"].Success ? int.Parse(match.Groups["size"].Value, CultureInfo.InvariantCulture) : match.Groups["type"].Value == "b64" ? 8 : 4);
        }

        body = body[(body.IndexOf('{', StringComparison.Ordinal) + 1)..body.LastIndexOf('}')];
        var lines = new List<string>();
        var registersThen = new List<int>();
        foreach (string statement in LabelPattern().Replace(body, "$0;").Split(';').Select(part => SpacePattern().Replace(part, " ").Trim()).Where(part => part.Length > 0))
        {
            if (statement.EndsWith(':'))
                _labels.Add(statement[..^1], lines.Count);
            else if (statement.StartsWith(".reg", StringComparison.Ordinal))
                DeclareRegisters(statement);
            else if (statement.StartsWith(".shared", StringComparison.Ordinal))
                DeclareShared(statement);
            else
            {
                lines.Add(statement);
                registersThen.Add(_registers.Count);
            }
        }

        Instructions = [.. lines.Select((line, i) => Parse(line, registersThen[i]))];
    }

    public PtxInstruction[] Instructions { get; }

    /// <summary>Bytes of each parameter, in order.</summary>
    public List<int> ParameterSizes { get; } = [];

    public int SharedSize { get; private set; }

    public int RegisterCount => _registers.Count;

    /// <summary>How many 32-bit registers each one takes: none for predicates, and for those that nothing declares.</summary>
    public List<int> RegisterWidths { get; } = [];

    /// <summary>Number of a special register such as %tid.x; -1 where the kernel does not use it.</summary>
    public int Special(string name) => _registers.GetValueOrDefault(name, -1);

    [GeneratedRegex(@"\.param( \.align \d+)? \.(?<type>b\d+)\s+(?<name>\w+)(\[(?<size>\d+)\])?")]
    private static partial Regex ParameterPattern();

    [GeneratedRegex(@"^\s*\w+:", RegexOptions.Multiline)]
    private static partial Regex LabelPattern();

    [GeneratedRegex(@"\s+")]
    private static partial Regex SpacePattern();

    [GeneratedRegex(@"^\.shared \.align \d+ \.b8 \w+\[(\d+)\]$")]
    private static partial Regex SharedPattern();

    [GeneratedRegex(@"^\.reg \.(?<type>\w+) (?<name>[%\w]+)(<(?<count>\d+)>)?$")]
    private static partial Regex RegisterPattern();

    [GeneratedRegex(@"^(@(?<not>!?)(?<predicate>%?\w+) )?(?<operation>[\w.]+)( (?<operands>.*))?$")]
    private static partial Regex InstructionPattern();

    [GeneratedRegex(@"\{[^}]*\}|\[[^\]]*\]|[^,\s]+")]
    private static partial Regex OperandPattern();

    private void DeclareRegisters(string statement)
    {
        Match match = RegisterPattern().Match(statement);
        Assert.True(match.Success, statement);
        string name = match.Groups["name"].Value;
        int width = match.Groups["type"].Value switch { "pred" => 0, "b64" or "s64" or "u64" or "f64" => 2, _ => 1 };
        if (!match.Groups["count"].Success)
            _registers.Add(name, _registers.Count);
        for (int i = 0; match.Groups["count"].Success && i < int.Parse(match.Groups["count"].Value, CultureInfo.InvariantCulture); i++)
            _registers.Add($"{name}{i}", _registers.Count);
        while (RegisterWidths.Count < _registers.Count)
            RegisterWidths.Add(width);
    }

    /// <summary>One array, so that nothing depends on how several would be laid out.</summary>
    private void DeclareShared(string statement)
    {
        Match match = SharedPattern().Match(statement);
        Assert.True(match.Success && SharedSize == 0, statement);
        SharedSize = int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
    }

    /// <param name="text">The statement.</param>
    /// <param name="declared">Registers that are declared above it; others are unknown to it, as they are to ptxas.</param>
    private PtxInstruction Parse(string text, int declared)
    {
        _declared = declared;
        Match match = InstructionPattern().Match(text);
        Assert.True(match.Success, text);
        string[] operation = match.Groups["operation"].Value.Split('.');
        string operands = match.Groups["operands"].Value;
        int predicate = match.Groups["predicate"].Success ? _registers[match.Groups["predicate"].Value] : -1;
        bool negated = match.Groups["not"].Value == "!";
        return operation[0] == "bra"
            ? new PtxInstruction(text, operation, [], predicate, negated, _labels[operands.Trim()])
            : new PtxInstruction(text, operation, [.. OperandPattern().Matches(operands).Select(operand => ParseOperand(operand.Value, text))], predicate, negated, -1);
    }

    private PtxOperand ParseOperand(string text, string instruction)
    {
        if (text[0] == '{')
            return new PtxOperand(-1, 0, false, [.. text[1..^1].Split(',').Select(name => Register(name.Trim(), instruction))]);
        if (text[0] == '[')
        {
            string[] parts = text[1..^1].Trim().Split('+');
            long offset = parts.Length > 1 ? long.Parse(parts[1], CultureInfo.InvariantCulture) : 0;
            int parameter = _parameterNames.IndexOf(parts[0]);
            return parameter >= 0
                ? new PtxOperand(-1, ParameterSizes.Take(parameter).Sum() + offset, true, null)
                : new PtxOperand(Register(parts[0], instruction), offset, true, null);
        }

        if (text.StartsWith("0f", StringComparison.Ordinal))
            return new PtxOperand(-1, uint.Parse(text[2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture), false, null);
        if (text.StartsWith("0x", StringComparison.Ordinal))
            return new PtxOperand(-1, long.Parse(text[2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture), false, null);
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value))
            return new PtxOperand(-1, value, false, null);
        // The only symbol is the shared array, at address 0 of the machine's shared memory.
        if (text == "tiles")
            return new PtxOperand(-1, 0, false, null);
        if (text[0] == '%' && text.Contains('.', StringComparison.Ordinal))
        {
            _registers.TryAdd(text, _registers.Count);
            return new PtxOperand(_registers[text], 0, false, null);
        }

        return new PtxOperand(Register(text, instruction), 0, false, null);
    }

    private int Register(string name, string instruction)
    {
        Assert.True(_registers.TryGetValue(name, out int register) && register < _declared, $"'{name}' is not declared here: {instruction}");
        return register;
    }
}
