namespace Dino.Gpu.Data.Inputs;

/// <summary>Order of paths by their bytes in UTF-8, as <c>LC_ALL=C sort</c> has it. Ordinal order of .NET's strings
/// differs beyond U+FFFF.</summary>
internal sealed class PathOrder : IComparer<string>
{
    public static PathOrder Instance { get; } = new();

    public int Compare(string? x, string? y)
    {
        int common = x.AsSpan().CommonPrefixLength(y);
        return common == x!.Length || common == y!.Length ? x.Length.CompareTo(y!.Length) : Rank(x[common]) - Rank(y[common]);
    }

    /// <summary>Surrogates, which stand for the code points from U+10000 on, behind the units from U+E000 to
    /// U+FFFF.</summary>
    private static int Rank(char unit) => unit switch
    {
        >= '\uE000' => unit - 0x800,
        >= '\uD800' => unit + 0x2000,
        _ => unit,
    };
}
