using System.Globalization;

namespace Dino.Gpu.Benchmarks;

/// <summary>Options of a benchmark: a name, and a value behind it.</summary>
internal static class Arguments
{
    /// <summary>Such as <c>--threads 2</c>.</summary>
    public static int Integer(string[] arguments, string name, int fallback) => Integers(arguments, name, [fallback])[0];

    /// <summary>Such as <c>--batches 1,8,32</c>.</summary>
    public static int[] Integers(string[] arguments, string name, int[] fallback)
    {
        int index = Array.IndexOf(arguments, name);
        return index < 0
            ? fallback
            : [.. arguments[index + 1].Split(',').Select(value => int.Parse(value, CultureInfo.InvariantCulture))];
    }
}
