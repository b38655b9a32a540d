using System.Text.RegularExpressions;
using Dino.Gpu.Files;

namespace Dino.Gpu.Checkpoints;

/// <summary>
/// Which keys of a checkpoint are the ViT: those that share the prefix of its class token, whatever wrapped the model
/// (<c>vit.</c>, <c>module.backbone.</c>, <c>_orig_mod.</c>). Other keys belong to heads and to other models.
/// </summary>
internal sealed partial class TrunkNames
{
    public const string HuggingFaceMarker = "embeddings.cls_token";
    public const string DinoMarker = "cls_token";

    /// <summary>Words in the prefix of the averaged model, which is the one that is evaluated.</summary>
    private static readonly string[] TeacherWords = ["teacher", "momentum", "ema"];

    /// <summary>Words in the prefix of the model that is trained.</summary>
    private static readonly string[] StudentWords = ["student"];

    /// <summary>Words in the prefixes of MoCo v3.</summary>
    private static readonly string[] MoCoWords = ["base_encoder", "momentum_encoder"];

    /// <summary>What lies beside the trunk under the same prefix, and is no part of the embedding.</summary>
    private static readonly string[] HuggingFaceExtras = ["pooler.", "embeddings.mask_token", "classifier.", "head.", "decoder."];

    private static readonly string[] DinoExtras =
    [
        "head.", "dino_head.", "ibot_head.", "fc.", "fc_norm.", "classifier.", "pre_logits.", "linear.", "projector.", "predictor.",
        "prototypes.", "mask_token", "masked_embed", "decoder_", "decoder.", "local_cls_norm.",
    ];

    private TrunkNames(CheckpointLayout layout, string prefix, IEnumerable<string> names)
    {
        Prefix = prefix;
        string[] own =
        [
            .. names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Select(name => name[prefix.Length..])
                .Where(name => IsOfTrunk(layout, name)),
        ];
        Tensors = TensorNames.All.First(one => one.Layout == layout
            && one.Has(text => Array.Exists(own, name => name.Contains(text, StringComparison.Ordinal))));
    }

    /// <summary>What the tensors of the trunk are called.</summary>
    public TensorNames Tensors { get; }

    public CheckpointLayout Layout => Tensors.Layout;

    /// <summary>What the keys of the trunk begin with; often empty.</summary>
    public string Prefix { get; }

    /// <summary>Whether the file is a training checkpoint of MoCo v3.</summary>
    public bool IsMoCo => MoCoWords.Any(word => Prefix.Contains(word, StringComparison.Ordinal));

    /// <summary>Finds the class token.</summary>
    /// <returns>Null where there is none.</returns>
    /// <exception cref="DinoException">There are several, and nothing tells which one is meant.</exception>
    public static TrunkNames? Find(CheckpointFile file, TensorTable table)
    {
        string[] names = [.. table.Tensors.Select(tensor => tensor.Name)];
        (CheckpointLayout Layout, string Marker)[] layouts =
            [(CheckpointLayout.HuggingFace, HuggingFaceMarker), (CheckpointLayout.Dino, DinoMarker)];
        foreach ((CheckpointLayout layout, string marker) in layouts)
        {
            string[] prefixes = [.. names.Where(name => IsOrEndsWith(name, marker)).Select(name => name[..^marker.Length])];
            if (prefixes.Length > 0)
                return new TrunkNames(layout, Choose(file, prefixes, table.WantedBranch), names);
        }

        return null;
    }

    /// <summary>The name of a key inside the trunk, as this library spells it; null for a key outside.</summary>
    public string? NameOf(string key)
    {
        if (!key.StartsWith(Prefix, StringComparison.Ordinal))
            return null;
        string name = key[Prefix.Length..];
        string[] extras = Layout == CheckpointLayout.HuggingFace ? HuggingFaceExtras : DinoExtras;
        if (extras.Any(extra => name.StartsWith(extra, StringComparison.Ordinal)))
            return null;
        return Layout == CheckpointLayout.Dino ? ChunkName().Replace(name, "blocks.") : LayerName().Replace(name, match =>
        {
            string module = match.Groups[2].Value;
            return $"{Tensors.Block}{match.Groups[1].Value}.{Tensors.Aliases.GetValueOrDefault(module, module)}.{match.Groups[3].Value}";
        });
    }

    /// <summary>
    /// Whether a name is surely the trunk's: a decoder or a head beside it may have parts of the same names.
    /// </summary>
    private static bool IsOfTrunk(CheckpointLayout layout, string name) => layout == CheckpointLayout.HuggingFace
        ? name.StartsWith("embeddings.", StringComparison.Ordinal) || LayerName().IsMatch(name)
        : !name.Contains('.') || name.StartsWith("blocks.", StringComparison.Ordinal)
            || name.StartsWith("rope_embed.", StringComparison.Ordinal);

    private static bool IsOrEndsWith(string name, string marker) =>
        name.EndsWith(marker, StringComparison.Ordinal) && (name.Length == marker.Length || name[^(marker.Length + 1)] == '.');

    /// <summary>Of several models the averaged one, or the one that is trained where that was asked for.</summary>
    private static string Choose(CheckpointFile file, string[] prefixes, string? branch)
    {
        if (prefixes.Length == 1 && branch is null)
            return prefixes[0];
        string[] teachers = With(TeacherWords);
        string[] students = With(StudentWords) is { Length: > 0 } named ? named
            : teachers.Length > 0 ? [.. prefixes.Except(teachers)]
            : [];
        string[] wanted = branch == CheckpointOptions.Student ? students : teachers;
        if (wanted.Length == 1)
            return wanted[0];
        throw branch is not null && wanted.Length == 0
            ? file.Error($"no training checkpoint: it has no branch '{branch}', nor any other")
            : file.Error(
                $"it holds {prefixes.Length} ViTs ({string.Join(", ", prefixes.Take(2).Select(MessageText.Quote))}"
                    + $"{(prefixes.Length > 2 ? ", ..." : "")}), expected one",
                "save the state dict of the one that you need");

        string[] With(string[] words) =>
            [.. prefixes.Where(prefix => words.Any(word => prefix.Contains(word, StringComparison.Ordinal)))];
    }

    [GeneratedRegex(@"^(?:encoder\.|model\.)?layers?\.(\d+)\.(.+)\.(weight|bias|lambda1)$", RegexOptions.CultureInvariant)]
    private static partial Regex LayerName();

    /// <summary>Blocks in groups, <c>blocks.GROUP.N</c>: N counts on from group to group.</summary>
    [GeneratedRegex(@"^blocks\.\d+\.(?=\d+\.)", RegexOptions.CultureInvariant)]
    private static partial Regex ChunkName();
}
