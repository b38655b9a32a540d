using System.Globalization;
using Dino.Gpu.Files;
using Dino.Gpu.Model;

namespace Dino.Gpu.Checkpoints;

/// <summary>
/// Where weights come from, as people write it: a checkpoint file, a folder with one, a model in the Hugging Face
/// cache, or <c>synthetic[:SEED]</c>.
/// </summary>
public sealed record WeightSource
{
    /// <summary>The word for seeded weights.</summary>
    public const string Synthetic = "synthetic";

    private const string VitS16Name = "dino-vits16";

    private WeightSource()
    {
    }

    /// <summary>The checkpoint file; null for seeded weights.</summary>
    public string? Path { get; private init; }

    /// <summary>The seed of <see cref="SyntheticWeights"/>; null for a file.</summary>
    public ulong? Seed { get; private init; }

    /// <summary>The model whose sizes seeded weights have; null for <c>facebook/dino-vits16</c>.</summary>
    internal PublishedModel? Model { get; private init; }

    /// <summary>Seeded weights as they are written, <c>synthetic:0x44494E4F</c>; null for a file.</summary>
    internal string? SeededName => Seed is not { } seed ? null
        : string.Create(CultureInfo.InvariantCulture, $"{Synthetic}:{(Model is null ? "" : Model.Name + ":")}0x{seed:X}");

    /// <summary>
    /// Understands <c>synthetic</c>, <c>synthetic:SEED</c> (decimal or 0x...), <c>synthetic:MODEL</c> and
    /// <c>synthetic:MODEL:SEED</c> for the sizes of a published model such as <c>dinov2-small</c>, a file, a folder that
    /// contains one checkpoint, or a model that Hugging Face's tools have fetched, as <c>OWNER/NAME</c> or
    /// <c>OWNER/NAME@REVISION</c>. Fetches nothing.
    /// </summary>
    /// <exception cref="DinoException">
    /// Not a seed, no such file or model, or a folder with no checkpoint or several.
    /// </exception>
    public static WeightSource Resolve(string spec) => Resolve(spec, Environment.GetEnvironmentVariable);

    /// <inheritdoc cref="Resolve(string)"/>
    /// <param name="spec">As there.</param>
    /// <param name="variable">Reads an environment variable.</param>
    internal static WeightSource Resolve(string spec, Func<string, string?> variable)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (spec == Synthetic) return new WeightSource { Seed = SyntheticWeights.DefaultSeed };
        if (spec.StartsWith(Synthetic + ":", StringComparison.Ordinal))
            return Seeded(spec[(Synthetic.Length + 1)..]);
        if (Directory.Exists(spec)) return new WeightSource { Path = FindIn(spec) };
        if (File.Exists(spec)) return new WeightSource { Path = spec };
        if (HubCache.IsModel(spec)) return new WeightSource { Path = FindInCache(spec, variable) };
        if (spec.Contains("://", StringComparison.Ordinal))
        {
            throw new WeightsException(
                $"{spec}: URLs are not read (expected a checkpoint, a folder with one, or {Synthetic}[:SEED])",
                "download it, or run 'dino weights pull --repository OWNER/NAME'");
        }

        throw new WeightsException(
            $"{spec}: no such file, expected a checkpoint (.bin, .pth, .safetensors), a folder with one, or {Synthetic}[:SEED]",
            SimilarName.Hint(spec));
    }

    /// <summary>A seed, a model, or a model and a seed.</summary>
    private static WeightSource Seeded(string text)
    {
        string[] parts = text.Split(':', 2);
        PublishedModel? model = PublishedModel.Find(parts[0]);
        if (model is null && (parts.Length == 2 || !char.IsAsciiDigit(text.FirstOrDefault())))
            throw NoModel(parts[0]);
        if (model is null)
            return new WeightSource { Seed = ParseSeed(text) };
        return new WeightSource
        {
            Seed = parts.Length == 2 ? ParseSeed(parts[1]) : SyntheticWeights.DefaultSeed,
            Model = model.Name == VitS16Name ? null : model,
        };
    }

    private static WeightsException NoModel(string name)
    {
        string[] known = [.. PublishedModel.All.Select(model => model.Name)];
        return new WeightsException(
            $"{Synthetic}:{name}: there is no model '{name}', and it is no seed (expected {Synthetic}[:MODEL][:SEED])",
            SimilarName.Of(name, known) is { } similar ? $"did you mean {Synthetic}:{similar}?" : $"models: {string.Join(", ", known)}");
    }

    private static string FindInCache(string model, Func<string, string?> variable)
    {
        if (HubCache.Snapshot(model, variable) is { } snapshot)
            return FindIn(snapshot);
        if (model == WeightsDownloadOptions.DefaultRepository && DinoWeights.CachePathOf(variable) is var own && File.Exists(own))
            return own;
        string[] parts = model.Split('@', 2);
        var pull = new WeightsDownloadOptions { Repository = parts[0] };
        string repository = parts[0] == WeightsDownloadOptions.DefaultRepository ? ""
            : PublishedModel.Find(parts[0]) is { Config.Kind: not ModelKind.Dino } known ? " " + known.Name
            : $" --repository {parts[0]}";
        string revision = parts.Length == 2 ? $" --revision {parts[1]}" : "";
        throw new WeightsException(
            $"{model}: no such file, and no such model in the Hugging Face cache {HubCache.Folder(variable)}",
            $"dino weights pull{repository}{revision}, then --weights {pull.DefaultPath}");
    }

    /// <summary>
    /// Resolves and loads in one step; seeded weights have the sizes of <see cref="VitConfig.VitS16"/>, unless a model is
    /// named.
    /// </summary>
    /// <exception cref="DinoException">As <see cref="Resolve(string)"/> and <see cref="Checkpoint.Load"/>.</exception>
    public static VitWeights Load(string spec, CheckpointOptions? options = null) => Resolve(spec).Load(options);

    /// <summary>Loads the file, or makes the seeded weights.</summary>
    /// <exception cref="DinoException">As <see cref="Checkpoint.Load"/>.</exception>
    public VitWeights Load(CheckpointOptions? options = null) => Load(options, LoadWatch.None);

    /// <inheritdoc cref="Load(CheckpointOptions)"/>
    /// <param name="options">As there.</param>
    /// <param name="watch">Follows, and may end it.</param>
    internal VitWeights Load(CheckpointOptions? options, LoadWatch watch)
    {
        if (Seed is not { } seed)
            return Checkpoint.LoadWatched(Path!, options, watch);
        return Model?.Seeded(seed) ?? SyntheticWeights.Create(VitConfig.VitS16, seed);
    }

    /// <summary>A seed as people write it: decimal, or hexadecimal after 0x; 64 bits.</summary>
    /// <exception cref="DinoException">Not such a number.</exception>
    public static ulong ParseSeed(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        bool isNumber = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            ? ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong seed)
            : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out seed);
        return isNumber
            ? seed
            : throw new WeightsException($"'{text}' is not a seed, expected a decimal or 0x... number of at most 64 bits");
    }

    private static string FindIn(string folder)
    {
        string[] usual = [.. CheckpointNames.Usual.Select(name => System.IO.Path.Combine(folder, name)).Where(File.Exists)];
        if (usual.FirstOrDefault(file => !CheckpointReader.IsPointer(file)) is { } whole)
            return whole;
        if (usual.Length > 0) // a clone without LFS has pointers, and perhaps one file that is none
            return CheckpointNames.In(folder).Where(file => !CheckpointReader.IsPointer(file)).ToArray() is [var other] ? other : usual[0];
        if (CheckpointNames.Indexes(folder).ToArray() is [var index])
            return index; // of a model in several files, each named as a checkpoint

        string[] found = [.. CheckpointNames.In(folder)];
        return found switch
        {
            [string only] => only,
            [] => throw new WeightsException(
                $"{folder}: no checkpoint in this folder, expected {CheckpointNames.Safetensors} or {CheckpointNames.Torch}, "
                + "or one file with another name"),
            _ => throw new WeightsException(
                $"{folder}: {found.Length} checkpoints in this folder, expected one",
                $"name one of them: {string.Join(", ", found.Take(5).Select(System.IO.Path.GetFileName))}"),
        };
    }
}
