using System.Runtime.CompilerServices;

namespace Dino.Gpu;

/// <summary>Checks of arguments for which the runtime has no method.</summary>
internal static class Arguments
{
    /// <exception cref="ArgumentOutOfRangeException">There is no item with this index.</exception>
    public static void ThrowIfNoIndex(int index, int count, [CallerArgumentExpression(nameof(index))] string? name = null)
    {
        if (index < 0 || index >= count)
            throw new ArgumentOutOfRangeException(name, index, $"Expected an index from 0 to {count - 1}.");
    }

    /// <summary>Refuses a list that is null or holds a null.</summary>
    /// <exception cref="ArgumentNullException">The list is null.</exception>
    /// <exception cref="ArgumentException">An item is null.</exception>
    public static void ThrowIfAnyNull<T>(IReadOnlyList<T> items, [CallerArgumentExpression(nameof(items))] string? name = null)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(items, name);
        for (int i = 0; i < items.Count; i++)
        {
            if (items[i] is null)
                throw new ArgumentException($"Item {i} is null.", name);
        }
    }

    /// <summary>Refuses a number that was cast to an enumeration and is none of its values.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is none of them.</exception>
    public static void ThrowIfUndefined<T>(T value, [CallerArgumentExpression(nameof(value))] string? name = null)
        where T : struct, Enum
    {
        if (!Enum.IsDefined(value))
            throw new ArgumentOutOfRangeException(name, value, $"Expected {string.Join(", ", Enum.GetNames<T>())}.");
    }

    /// <summary>As <see cref="ThrowIfUndefined"/>, for an option that a person may have set.</summary>
    /// <exception cref="DinoException">It is none of them.</exception>
    public static void RequireDefined<T>(string what, T value)
        where T : struct, Enum
    {
        if (!Enum.IsDefined(value))
            throw new DinoException($"the {what} is {value} (expected {string.Join(" or ", Enum.GetNames<T>())})");
    }

    /// <summary>Refuses NaN and infinities, which would make every result meaningless.</summary>
    /// <exception cref="ArgumentException">A value is not finite; the message names its vector.</exception>
    public static void ThrowIfNotFinite(ReadOnlySpan<float> values, int dimension, string what, string name)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
                throw new ArgumentException($"{what} {i / dimension} has a value that is not finite.", name);
        }
    }
}
