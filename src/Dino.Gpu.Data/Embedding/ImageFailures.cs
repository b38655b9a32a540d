using System.Globalization;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Embedding;

/// <summary>
/// The images that could not be read, for people: the first are named, and the others counted by kind, or a list of
/// missing files would be as many lines. Not thread-safe.
/// </summary>
/// <param name="most">Failures that are named.</param>
internal sealed class ImageFailures(long most = ImageFailures.MostNamed)
{
    /// <summary>Failures that are named unless a user wants all.</summary>
    public const long MostNamed = 10;

    /// <summary>Kinds that are counted; a run has few.</summary>
    private const int MostKinds = 5;

    private readonly Dictionary<string, long> _kinds = new(StringComparer.Ordinal);
    private long _named;
    private long _others;

    /// <summary>Takes one in.</summary>
    /// <param name="reason">Why it could not be read.</param>
    /// <returns>Whether it is one of those that are named.</returns>
    public bool Add(string reason)
    {
        if (_named < most)
        {
            _named++;
            return true;
        }

        _others++;
        string kind = Kind(reason);
        if (_kinds.Count < 1000 || _kinds.ContainsKey(kind))
            _kinds[kind] = _kinds.GetValueOrDefault(kind) + 1;
        return false;
    }

    /// <summary>One line about those that were not named, once; null where there are none.</summary>
    public string? TakeRest()
    {
        if (_others == 0)
            return null;
        (string Kind, long Count)[] kinds =
            [.. _kinds.OrderByDescending(kind => kind.Value).ThenBy(kind => kind.Key, StringComparer.Ordinal)
                .Take(MostKinds).Select(kind => (kind.Key, kind.Value))];
        long left = _others - kinds.Sum(kind => kind.Count);
        string counts = string.Join(", ", kinds.Select(kind => string.Create(CultureInfo.InvariantCulture, $"{kind.Count} {kind.Kind}")));
        string line = string.Create(
            CultureInfo.InvariantCulture,
            $"{_others} more {(_others == 1 ? "image" : "images")} could not be read: {counts}{(left > 0 ? $", {left} others" : "")}");
        _others = 0;
        _kinds.Clear();
        return line;
    }

    /// <summary>One line for one image. The path is quoted where its ends would not be seen.</summary>
    public static string Line(string path, string reason)
    {
        string visible = MessageText.Visible(path);
        if (reason.Contains($"'{visible}'", StringComparison.Ordinal))
            return reason;
        bool isPlain = visible.Length > 0 && visible.Trim().Length == visible.Length;
        return isPlain ? $"{visible}: {reason}" : $"'{visible}': {reason}";
    }

    /// <summary>What comes before the particulars of a reason.</summary>
    private static string Kind(string reason)
    {
        string kind = MessageText.OneLine(reason);
        int end = kind.AsSpan().IndexOfAny(':', '(', ';');
        return end > 0 ? kind[..end].TrimEnd() : kind;
    }
}
