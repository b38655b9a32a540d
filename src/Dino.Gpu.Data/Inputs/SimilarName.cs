namespace Dino.Gpu.Data.Inputs;

/// <summary>Finds what a mistyped name was meant to be.</summary>
internal static class SimilarName
{
    private const int LettersPerError = 4;

    /// <summary>The most similar of some names; null where none is similar.</summary>
    public static string? Of(string name, IEnumerable<string> names) => names
        .Where(other => Distance(name, other) <= Allowed(name))
        .MinBy(other => (Distance(name, other), other));

    /// <summary>Errors that a name of this length may have, and less than its stem has letters.</summary>
    private static int Allowed(string name) =>
        Math.Min(Math.Max(1, name.Length / LettersPerError), Math.Max(0, Path.GetFileNameWithoutExtension(name).Length - 1));

    /// <summary>Letters to add, drop, replace or swap with the next, where upper and lower case are the same.</summary>
    private static int Distance(string a, string b)
    {
        var rows = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
        {
            for (int j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    rows[i, j] = i + j;
                    continue;
                }

                int change = Same(a[i - 1], b[j - 1]) ? 0 : 1;
                rows[i, j] = Math.Min(Math.Min(rows[i - 1, j], rows[i, j - 1]) + 1, rows[i - 1, j - 1] + change);
                if (i > 1 && j > 1 && Same(a[i - 1], b[j - 2]) && Same(a[i - 2], b[j - 1]))
                    rows[i, j] = Math.Min(rows[i, j], rows[i - 2, j - 2] + 1);
            }
        }

        return rows[a.Length, b.Length];
    }

    private static bool Same(char a, char b) => char.ToUpperInvariant(a) == char.ToUpperInvariant(b);
}
