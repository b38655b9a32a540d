using System.Globalization;
using Dino.Gpu.Model;

namespace Dino.Gpu.Checkpoints;

/// <summary>
/// Where weights come from, as people write it: a checkpoint file, a folder with one, or <c>synthetic[:SEED]</c>.
/// </summary>
public sealed record WeightSource
{
    /// <summary>The word for seeded weights.</summary>
    public const string Synthetic = "synthetic";

    private WeightSource()
    {
    }

    /// <summary>The checkpoint file; null for seeded weights.</summary>
    public string? Path { get; private init; }

    /// <summary>The seed of <see cref="SyntheticWeights"/>; null for a file.</summary>
    public ulong? Seed { get; private init; }

    /// <summary>
    /// Understands <c>synthetic</c>, <c>synthetic:SEED</c> (decimal or 0x...), a file, or a folder that contains one
    /// checkpoint.
    /// </summary>
    /// <exception cref="DinoException">Not a seed, no such file, or a folder with no checkpoint or several.</exception>
    public static WeightSource Resolve(string spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (spec == Synthetic) return new WeightSource { Seed = SyntheticWeights.DefaultSeed };
        if (spec.StartsWith(Synthetic + ":", StringComparison.Ordinal))
            return new WeightSource { Seed = ParseSeed(spec[(Synthetic.Length + 1)..]) };
        if (Directory.Exists(spec)) return new WeightSource { Path = FindIn(spec) };
        if (File.Exists(spec)) return new WeightSource { Path = spec };
        throw new DinoException(
            $"{spec}: no such file, expected a checkpoint (.bin, .pth, .safetensors), a folder with one, or {Synthetic}[:SEED]");
    }

    /// <summary>
    /// Resolves and loads in one step; seeded weights have the sizes of <see cref="VitConfig.VitS16"/>.
    /// </summary>
    /// <exception cref="DinoException">As <see cref="Resolve"/> and <see cref="Checkpoint.Load"/>.</exception>
    public static VitWeights Load(string spec, CheckpointOptions? options = null) => Resolve(spec).Load(options);

    /// <summary>Loads the file, or makes the seeded weights in the sizes of <see cref="VitConfig.VitS16"/>.</summary>
    /// <exception cref="DinoException">As <see cref="Checkpoint.Load"/>.</exception>
    public VitWeights Load(CheckpointOptions? options = null) =>
        Seed is { } seed ? SyntheticWeights.Create(VitConfig.VitS16, seed) : Checkpoint.Load(Path!, options);

    /// <summary>A seed as people write it: decimal, or hexadecimal after 0x; 64 bits.</summary>
    /// <exception cref="DinoException">Not such a number.</exception>
    public static ulong ParseSeed(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        bool isNumber = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            ? ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong seed)
            : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out seed);
        return isNumber ? seed : throw new DinoException($"'{text}' is not a seed, expected a decimal or 0x... number of at most 64 bits");
    }

    private static string FindIn(string folder)
    {
        string[] usual = [.. CheckpointNames.Usual.Select(name => System.IO.Path.Combine(folder, name)).Where(File.Exists)];
        if (usual.Length > 0)
            return usual.FirstOrDefault(file => !CheckpointReader.IsPointer(file)) ?? usual[0]; // a clone without LFS has pointers

        string[] found = [.. CheckpointNames.In(folder)];
        return found switch
        {
            [string only] => only,
            [] => throw new DinoException(
                $"{folder}: no checkpoint in this folder, expected {string.Join(" or ", CheckpointNames.Usual)}, "
                + "or one file with another name"),
            _ => throw new DinoException(
                $"{folder}: {found.Length} checkpoints in this folder, expected one",
                $"name one of them: {string.Join(", ", found.Take(5).Select(System.IO.Path.GetFileName))}"),
        };
    }
}
