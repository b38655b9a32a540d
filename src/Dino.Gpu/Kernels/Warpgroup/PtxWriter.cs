using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Dino.Gpu.Kernels.Warpgroup;

/// <summary>Writes PTX, an instruction a line.</summary>
internal sealed partial class PtxWriter
{
    private readonly StringBuilder _text = new();

    /// <summary>Adds instructions, each without its semicolon.</summary>
    public void Add(params ReadOnlySpan<string> instructions)
    {
        foreach (string instruction in instructions)
            Line($"{instruction};");
    }

    /// <summary>Adds text that has its semicolons, with <c>%0</c>, <c>%1</c> and so on replaced, as ILGPU does.</summary>
    public void AddText(string text, params object[] operands) => Line(OperandPattern().Replace(
        text, match => Convert.ToString(operands[match.Groups[1].Value[0] - '0'], CultureInfo.InvariantCulture)!));

    /// <summary>Adds a line as it is: a directive, a label, a comment.</summary>
    public void Line(string line) => _text.Append(line).Append('\n');

    /// <summary>Lists numbered registers in braces.</summary>
    public static string List(string name, int count) => $"{{{string.Join(", ", Enumerable.Range(0, count).Select(i => $"{name}{i}"))}}}";

    public override string ToString() => _text.ToString();

    [GeneratedRegex(@"%(\d)\b")]
    private static partial Regex OperandPattern();
}
