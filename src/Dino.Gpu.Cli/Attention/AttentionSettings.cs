using Dino.Gpu.Cli.Images;
using Dino.Gpu.Features;

namespace Dino.Gpu.Cli.Attention;

/// <summary>One <c>dino attention</c>, as the command line asks for it.</summary>
internal sealed record AttentionSettings : ImageBatchSettings
{
    /// <summary>Negative from the end.</summary>
    public required int Layer { get; init; }

    public required HeadChoice Heads { get; init; }

    public required AttentionDrawing Drawing { get; init; }
}

/// <summary>What is written of each image.</summary>
/// <param name="Colors">Of heat maps, overlays and sheets.</param>
/// <param name="Maps">Heat maps.</param>
/// <param name="Overlay">Share of the heat map in an overlay; null for none.</param>
/// <param name="Threshold">Share of the attention that a mask keeps; null for none.</param>
/// <param name="Sheet">The contact sheet.</param>
/// <param name="Npy">The values.</param>
internal sealed record AttentionDrawing(ColorMap Colors, bool Maps, double? Overlay, double? Threshold, bool Sheet, bool Npy)
{
    /// <summary>Whether any PNG file is written.</summary>
    public bool HasPictures => Maps || Overlay is not null || Threshold is not null || Sheet;
}

/// <summary>Which maps of a layer are written.</summary>
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
        _ => int.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out int head) ? new HeadChoice(false, false, head) : null,
    };

    /// <summary>The names of the maps chosen, as they stand in file names, with their heads; null is the mean. A rollout has one head.</summary>
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
