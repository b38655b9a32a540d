using System.Globalization;
using System.Text.RegularExpressions;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>An operand: a register, an immediate, an address (register plus offset) or a list of registers.</summary>
/// <param name="Register">Its number; -1 for an immediate, and for an address without one.</param>
/// <param name="Immediate">The bits of an immediate, or the offset of an address.</param>
/// <param name="IsAddress">Whether it stands in brackets.</param>
/// <param name="List">The registers in braces.</param>
internal sealed record PtxOperand(int Register, long Immediate, bool IsAddress, int[]? List);

/// <summary>An instruction: operation with its modifiers, split at the dots.</summary>
internal sealed record PtxInstruction(string Text, string[] Operation, PtxOperand[] Operands, int Predicate, bool Negated, int Target);

/// <summary>
/// The text of one kernel, taken apart. What it does not know is an error, so a slip in hand-written PTX shows here.
/// Parameters lie where the PTX ABI puts them: each at a multiple of its alignment.
/// </summary>
internal sealed partial class PtxProgram
{
    private readonly Dictionary<string, int> _registers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _labels = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _parameters = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _shared = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _local = new(StringComparer.Ordinal);
    private readonly List<string> _specials = [];
    private int _declared;

    public PtxProgram(string text)
    {
        string clean = CommentPattern().Replace(text, "");
        int entry = clean.IndexOf(".entry", StringComparison.Ordinal);
        string head = clean[..entry];
        Target = TargetPattern().Match(head) is { Success: true } target ? target.Groups[1].Value : "";
        string body = clean[entry..];
        Name = body[".entry".Length..body.IndexOf('(', StringComparison.Ordinal)].Trim();
        ReadParameters(body[..body.IndexOf(')', StringComparison.Ordinal)]);
        int start = body.IndexOf('{', StringComparison.Ordinal);
        Match most = MostThreadsPattern().Match(body[..start]);
        MostThreads = most.Success ? int.Parse(most.Groups[1].Value, CultureInfo.InvariantCulture) : 1024;
        Match least = LeastGroupsPattern().Match(body[..start]);
        LeastGroups = least.Success ? int.Parse(least.Groups[1].Value, CultureInfo.InvariantCulture) : 0;
        body = PtxBlocks.Flatten(body[(start + 1)..body.LastIndexOf('}')]);
        var lines = new List<string>();
        var registersThen = new List<int>();
        IEnumerable<string> statements = LabelPattern().Replace(body, "$0;").Split(';').Select(
            part => SpacePattern().Replace(part, " ").Trim());
        foreach (string statement in statements.Where(part => part.Length > 0))
        {
            if (statement.EndsWith(':'))
                _labels.Add(statement[..^1], lines.Count);
            else if (statement.StartsWith(".reg", StringComparison.Ordinal))
                DeclareRegisters(statement);
            else if (statement.StartsWith(".shared", StringComparison.Ordinal))
                SharedSize = DeclareArray(statement, _shared, SharedSize);
            else if (statement.StartsWith(".local", StringComparison.Ordinal))
                LocalSize = DeclareArray(statement, _local, LocalSize);
            else
            {
                lines.Add(statement);
                registersThen.Add(_registers.Count);
            }
        }

        DeclareDynamic(DynamicPattern().Match(head));
        Instructions = [.. lines.Select((line, i) => Parse(line, registersThen[i]))];
    }

    public string Name { get; }

    /// <summary>The architecture that it is written for, such as <c>sm_80</c>; empty where nothing is said.</summary>
    public string Target { get; }

    public PtxInstruction[] Instructions { get; }

    /// <summary>Bytes of each parameter, in order.</summary>
    public List<int> ParameterSizes { get; } = [];

    /// <summary>Where each parameter begins.</summary>
    public List<int> ParameterOffsets { get; } = [];

    /// <summary>Bytes of all parameters as the ABI lays them out.</summary>
    public int ParameterSize { get; private set; }

    public int SharedSize { get; private set; }

    /// <summary>Bytes of each thread's own memory.</summary>
    public int LocalSize { get; private set; }

    /// <summary>Where the shared memory begins whose size a launch gives; -1 where the kernel has none.</summary>
    public int DynamicShared { get; private set; } = -1;

    /// <summary>Most threads of a group (.maxntid), 1024 where nothing is said.</summary>
    public int MostThreads { get; }

    /// <summary>Groups that a multiprocessor should hold at once (.minnctapersm), 0 where nothing is said.</summary>
    public int LeastGroups { get; }

    public int RegisterCount => _registers.Count;

    /// <summary>
    /// How many 32-bit registers each one takes: none for predicates, and for those that nothing declares.
    /// </summary>
    public List<int> RegisterWidths { get; } = [];

    /// <summary>The special registers that the kernel reads, and the numbers in lists.</summary>
    public IEnumerable<(string Name, int Register)> Specials => _specials.Select(name => (name, _registers[name]));

    [GeneratedRegex(@"//[^\n]*")]
    private static partial Regex CommentPattern();

    [GeneratedRegex(@"\.target (\w+)")]
    private static partial Regex TargetPattern();

    [GeneratedRegex(@"\.extern \.shared \.align (?<align>\d+) \.b8 (?<name>\w+)\[\];")]
    private static partial Regex DynamicPattern();

    [GeneratedRegex(@"\.maxntid (\d+)")]
    private static partial Regex MostThreadsPattern();

    [GeneratedRegex(@"\.minnctapersm (\d+)")]
    private static partial Regex LeastGroupsPattern();

    [GeneratedRegex(@"\.param( \.align (?<align>\d+))? \.(?<type>\w+)\s+(?<name>\w+)(\[(?<size>\d+)\])?")]
    private static partial Regex ParameterPattern();

    [GeneratedRegex(@"^\s*\w+:", RegexOptions.Multiline)]
    private static partial Regex LabelPattern();

    [GeneratedRegex(@"\s+")]
    private static partial Regex SpacePattern();

    [GeneratedRegex(@"^\.(shared|local) \.align (?<align>\d+) \.b8 (?<name>\w+)\[(?<size>\d+)\]$")]
    private static partial Regex ArrayPattern();

    [GeneratedRegex(@"^\.reg \.(?<type>\w+) (?<name>[%\w]+)(<(?<count>\d+)>)?$")]
    private static partial Regex RegisterPattern();

    [GeneratedRegex(@"^(@(?<not>!?)(?<predicate>%?\w+) )?(?<operation>[\w.:]+)( (?<operands>.*))?$")]
    private static partial Regex InstructionPattern();

    [GeneratedRegex(@"\{[^}]*\}|\[[^\]]*\]|[^,\s]+")]
    private static partial Regex OperandPattern();

    private void ReadParameters(string text)
    {
        foreach (Match match in ParameterPattern().Matches(text))
        {
            int own = WidthOf(match.Groups["type"].Value);
            int size = match.Groups["size"].Success ? own * int.Parse(match.Groups["size"].Value, CultureInfo.InvariantCulture) : own;
            int alignment = match.Groups["align"].Success ? int.Parse(match.Groups["align"].Value, CultureInfo.InvariantCulture) : own;
            int offset = (ParameterSize + alignment - 1) / alignment * alignment;
            _parameters.Add(match.Groups["name"].Value, offset);
            ParameterSizes.Add(size);
            ParameterOffsets.Add(offset);
            ParameterSize = offset + size;
        }
    }

    private static int WidthOf(string type) => int.Parse(type[1..], CultureInfo.InvariantCulture) / 8;

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

    /// <summary>
    /// Arrays lie one after another, each at a multiple of its alignment and of no more, so that code which needs more
    /// is found out.
    /// </summary>
    /// <returns>Bytes of all arrays of that memory so far.</returns>
    private static int DeclareArray(string statement, Dictionary<string, int> arrays, int size)
    {
        Match match = ArrayPattern().Match(statement);
        Assert.True(match.Success, statement);
        int alignment = int.Parse(match.Groups["align"].Value, CultureInfo.InvariantCulture);
        int offset = (size + alignment - 1) / alignment * alignment;
        arrays.Add(match.Groups["name"].Value, offset);
        return offset + int.Parse(match.Groups["size"].Value, CultureInfo.InvariantCulture);
    }

    /// <summary>It lies behind the other arrays, at an odd multiple of its alignment.</summary>
    private void DeclareDynamic(Match match)
    {
        if (!match.Success)
            return;
        int alignment = int.Parse(match.Groups["align"].Value, CultureInfo.InvariantCulture);
        DynamicShared = ((SharedSize + alignment - 1) / alignment | 1) * alignment;
        _shared.Add(match.Groups["name"].Value, DynamicShared);
    }

    /// <param name="text">The statement.</param>
    /// <param name="declared">Registers that are declared above it; others are unknown to it, as they are to
    /// ptxas.</param>
    private PtxInstruction Parse(string text, int declared)
    {
        _declared = declared;
        Match match = InstructionPattern().Match(text);
        Assert.True(match.Success, text);
        string[] operation = match.Groups["operation"].Value.Split('.');
        string operands = match.Groups["operands"].Value;
        int predicate = match.Groups["predicate"].Success ? Register(match.Groups["predicate"].Value, text) : -1;
        bool negated = match.Groups["not"].Value == "!";
        return operation[0] == "bra"
            ? new PtxInstruction(text, operation, [], predicate, negated, _labels[operands.Trim()])
            : new PtxInstruction(text, operation,
                [.. OperandPattern().Matches(operands).Select(operand => ParseOperand(operand.Value, text))], predicate, negated, -1);
    }

    private PtxOperand ParseOperand(string text, string instruction)
    {
        if (text[0] == '{')
            return new PtxOperand(-1, 0, false, [.. text[1..^1].Split(',').Select(name => ListItem(name.Trim(), instruction))]);
        if (text[0] == '[')
        {
            string[] parts = text[1..^1].Split('+', StringSplitOptions.TrimEntries);
            long offset = parts.Length > 1 ? long.Parse(parts[1], CultureInfo.InvariantCulture) : 0;
            return _parameters.TryGetValue(parts[0], out int parameter) ? new PtxOperand(-1, parameter + offset, true, null)
                : _shared.TryGetValue(parts[0], out int array) || _local.TryGetValue(parts[0], out array)
                    ? new PtxOperand(-1, array + offset, true, null)
                : new PtxOperand(Register(parts[0], instruction), offset, true, null);
        }

        if (text.StartsWith("0f", StringComparison.Ordinal))
            return new PtxOperand(-1, uint.Parse(text[2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture), false, null);
        if (text.StartsWith("0x", StringComparison.Ordinal))
            return new PtxOperand(-1, long.Parse(text[2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture), false, null);
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value))
            return new PtxOperand(-1, value, false, null);
        if (ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong large))
            return new PtxOperand(-1, (long)large, false, null);
        if (_shared.TryGetValue(text, out int place) || _local.TryGetValue(text, out place))
            return new PtxOperand(-1, place, false, null);
        return text[0] == '%' && (text.Contains('.', StringComparison.Ordinal) || text is "%laneid" or "%warpid")
            ? new PtxOperand(Special(text), 0, false, null)
            : new PtxOperand(Register(text, instruction), 0, false, null);
    }

    /// <summary>A register of a list; a number there is a register that nobody writes.</summary>
    private int ListItem(string text, string instruction) =>
        text[0] == '-' || char.IsAsciiDigit(text[0]) ? Special(text) : Register(text, instruction);

    private int Special(string name)
    {
        if (_registers.TryAdd(name, _registers.Count))
            _specials.Add(name);
        return _registers[name];
    }

    private int Register(string name, string instruction)
    {
        Assert.True(_registers.TryGetValue(name, out int register) && register < _declared,
            $"'{name}' is not declared here: {instruction}");
        return register;
    }
}
