using System.Globalization;

namespace Dino.Gpu.Data.Pictures;

/// <summary>The maps of a layer to write.</summary>
/// <param name="Mean">The mean over the heads.</param>
/// <param name="All">Every head.</param>
/// <param name="Head">One head; null for none or all.</param>
/// <param name="Rollout">Instead of a layer's maps, the attention rollout over all layers.</param>
internal sealed record HeadChoice(bool Mean, bool All, int? Head, bool Rollout = false)
{
    /// <summary>Reads <c>all</c>, <c>mean</c>, <c>rollout</c> or a head's number; null for anything else.</summary>
    public static HeadChoice? Parse(string text) => text switch
    {
        "all" => new HeadChoice(true, true, null),
        "mean" => new HeadChoice(true, false, null),
        "rollout" => new HeadChoice(false, false, null, Rollout: true),
        _ => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int head) ? new HeadChoice(false, false, head) : null,
    };

    /// <summary>
    /// The names of the chosen maps, as in file names, with their heads; a null head is the mean. A rollout has one
    /// head.
    /// </summary>
    /// <exception cref="DinoException">The model has no such head.</exception>
    public IReadOnlyList<(string Name, int? Head)> Of(int headCount)
    {
        if (Head >= headCount)
            throw new DinoException($"--head {Head}: this model has heads 0 to {headCount - 1}");
        if (Rollout)
            return [("rollout", 0)];
        var maps = new List<(string, int?)>();
        if (Mean)
            maps.Add(("mean", null));
        for (int head = 0; head < headCount; head++)
        {
            if (All || head == Head)
                maps.Add(($"head{head}", head));
        }

        return maps;
    }
}
