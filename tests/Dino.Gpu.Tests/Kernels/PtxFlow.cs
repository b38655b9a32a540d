using System.Text.RegularExpressions;
using Dino.Gpu.Tests.Cuda;

namespace Dino.Gpu.Tests.Kernels;

/// <summary>
/// Control flow and taint of a kernel's PTX: which registers may hold other values in other threads of a warp. That is
/// whatever comes from a thread's or lane's number or from memory, what is computed from such values, and what is
/// written where threads have parted ways. The analysis takes no order into account and so errs on the side of taint.
/// </summary>
internal sealed partial class PtxFlow
{
    private readonly List<Statement> _code = [];
    private readonly Dictionary<string, int> _labels = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string[]> _tables = new(StringComparer.Ordinal);
    private readonly HashSet<string> _tainted = new(StringComparer.Ordinal);

    public PtxFlow(string ptx)
    {
        string body = ptx[ptx.IndexOf(".entry", StringComparison.Ordinal)..];
        body = PtxBlocks.Flatten(body[(body.IndexOf('{', StringComparison.Ordinal) + 1)..body.LastIndexOf('}')]);
        string? label = null;
        IEnumerable<string> parts = LabelPattern().Replace(body, "$0;").Split(';').Select(part => SpacePattern().Replace(part, " ").Trim());
        foreach (string text in parts.Where(part => part.Length > 0))
        {
            if (text.EndsWith(':'))
                _labels.Add(label = text[..^1], _code.Count);
            else if (text.StartsWith(".branchtargets", StringComparison.Ordinal))
                _tables.Add(label!, [.. text[".branchtargets".Length..].Split(',').Select(target => target.Trim())]);
            else if (text[0] != '.')
                _code.Add(Parse(text));
        }

        Taint();
    }

    /// <summary>Branches with a condition that promise that the threads of a warp agree.</summary>
    public IEnumerable<string> ConditionalUniformBranches => UniformBranches.Select(branch => branch.Text);

    /// <summary>Those whose condition is tainted, so that the promise may be broken.</summary>
    public IEnumerable<string> BrokenPromises =>
        UniformBranches.Where(branch => branch.Condition.Exists(_tainted.Contains)).Select(branch => branch.Text);

    private IEnumerable<Statement> UniformBranches =>
        _code.Where(statement => statement.Operation is "bra.uni" or "brx.idx.uni" && statement.Condition.Count > 0);

    [GeneratedRegex(@"^\s*[\w$]+:", RegexOptions.Multiline)]
    private static partial Regex LabelPattern();

    [GeneratedRegex(@"\s+")]
    private static partial Regex SpacePattern();

    [GeneratedRegex(@"^(@!?(?<guard>%?\w+) )?(?<operation>[\w.]+)( (?<operands>.*))?$")]
    private static partial Regex StatementPattern();

    /// <summary>
    /// Names of registers, special ones with their dimension; symbols and constants fit too and are never tainted.
    /// </summary>
    [GeneratedRegex(@"%?[A-Za-z_][\w.]*")]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"^(\{[^}]*\}|[^,{]+)")]
    private static partial Regex FirstOperandPattern();

    private static Statement Parse(string text)
    {
        Match match = StatementPattern().Match(text);
        Assert.True(match.Success, text);
        string operation = match.Groups["operation"].Value;
        string operands = match.Groups["operands"].Value;
        string guard = match.Groups["guard"].Value;
        bool branches = operation.StartsWith("br", StringComparison.Ordinal);
        bool writes = !branches && operation.Split('.')[0] is not
            ("st" or "red" or "bar" or "barrier" or "membar" or "fence" or "ret" or "exit" or "cp" or "prefetch" or "trap");
        string first = writes ? FirstOperandPattern().Match(operands).Value : "";
        List<string> condition = guard.Length > 0 ? [guard] : [];
        if (operation.StartsWith("brx", StringComparison.Ordinal))
            condition.Add(operands.Split(',')[0].Trim());
        string target = branches ? operands.Split(',')[^1].Trim() : "";
        return new Statement(text, operation, Names(first), Names(operands[first.Length..]), condition, target);
    }

    private static List<string> Names(string text) => [.. NamePattern().Matches(text).Select(match => match.Value)];

    private void Taint()
    {
        int[] postDominators = PostDominators();
        var parted = new HashSet<int>();
        for (bool changed = true; changed;)
        {
            changed = false;
            for (int i = 0; i < _code.Count; i++)
            {
                Statement statement = _code[i];
                bool differs = parted.Contains(i) || IsSource(statement)
                    || statement.Sources.Exists(_tainted.Contains) || statement.Condition.Exists(_tainted.Contains);
                foreach (string register in differs ? statement.Targets : [])
                    changed |= _tainted.Add(register);
                if (statement.Target.Length > 0 && statement.Condition.Exists(_tainted.Contains))
                    changed |= Part(i, postDominators[i], parted);
            }
        }
    }

    /// <summary>Adds what threads execute between a branch and where all of them meet again.</summary>
    private bool Part(int branch, int meeting, HashSet<int> parted)
    {
        bool added = false;
        var next = new Stack<int>(Successors(branch));
        var seen = new HashSet<int>();
        while (next.TryPop(out int i))
        {
            if (i == meeting || i >= _code.Count || !seen.Add(i))
                continue;
            added |= parted.Add(i);
            foreach (int successor in Successors(i))
                next.Push(successor);
        }

        return added;
    }

    private static bool IsSource(Statement statement) =>
        statement.Operation.Split('.')[0] is "shfl" or "atom" or "ldmatrix" or "mma" or "activemask" or "match"
        || (statement.Operation.StartsWith("ld.", StringComparison.Ordinal)
            && !statement.Operation.StartsWith("ld.param", StringComparison.Ordinal))
        || statement.Sources.Exists(name =>
            name.StartsWith("%tid", StringComparison.Ordinal) || name.StartsWith("%lane", StringComparison.Ordinal));

    private IEnumerable<int> Successors(int i)
    {
        Statement statement = _code[i];
        if (statement.Target.Length > 0)
        {
            foreach (string label in _tables.GetValueOrDefault(statement.Target, [statement.Target]))
                yield return _labels[label];
        }

        bool leaves = statement.Operation is "ret" or "ret.uni" or "exit" || statement.Target.Length > 0;
        if (!leaves || (statement.Condition.Count > 0 && !statement.Operation.StartsWith("brx", StringComparison.Ordinal)))
            yield return i + 1;
    }

    /// <summary>
    /// The next statement on every way to the end; the count of statements for the end itself. Cooper, Harvey and
    /// Kennedy, on the reversed graph.
    /// </summary>
    private int[] PostDominators()
    {
        int end = _code.Count;
        List<int>[] before = [.. Enumerable.Range(0, end + 1).Select(_ => new List<int>())];
        for (int i = 0; i < end; i++)
        {
            bool leaves = true;
            foreach (int successor in Successors(i))
            {
                before[successor].Add(i);
                leaves = false;
            }

            if (leaves)
                before[end].Add(i);
        }

        // Postorder of the reversed graph.
        var order = new List<int>();
        int[] number = new int[end + 1];
        Array.Fill(number, -1);
        bool[] seen = new bool[end + 1];
        var path = new Stack<(int Node, int Next)>([(end, 0)]);
        seen[end] = true;
        while (path.TryPop(out (int Node, int Next) at))
        {
            if (at.Next == before[at.Node].Count)
            {
                number[at.Node] = order.Count;
                order.Add(at.Node);
                continue;
            }

            path.Push((at.Node, at.Next + 1));
            int node = before[at.Node][at.Next];
            if (!seen[node])
            {
                seen[node] = true;
                path.Push((node, 0));
            }
        }

        int[] dominator = new int[end + 1];
        Array.Fill(dominator, -1);
        dominator[end] = end;
        for (bool changed = true; changed;)
        {
            changed = false;
            foreach (int node in Enumerable.Reverse(order).Where(node => node != end))
            {
                int found = -1;
                IEnumerable<int> successors = Successors(node).DefaultIfEmpty(end);
                foreach (int successor in successors.Where(successor => dominator[successor] >= 0))
                    found = found < 0 ? successor : Meet(dominator, number, found, successor);
                changed |= dominator[node] != found;
                dominator[node] = found;
            }
        }

        return dominator;
    }

    private static int Meet(int[] dominator, int[] number, int a, int b)
    {
        while (a != b)
        {
            while (number[a] < number[b])
                a = dominator[a];
            while (number[b] < number[a])
                b = dominator[b];
        }

        return a;
    }

    /// <param name="Text">As it stands.</param>
    /// <param name="Operation">With its modifiers.</param>
    /// <param name="Targets">Registers that it writes.</param>
    /// <param name="Sources">Names that it reads.</param>
    /// <param name="Condition">What decides whether it is executed, or where a table sends it.</param>
    /// <param name="Target">Label of a branch, or of its table; empty for others.</param>
    private sealed record Statement(
        string Text, string Operation, List<string> Targets, List<string> Sources, List<string> Condition, string Target);
}
