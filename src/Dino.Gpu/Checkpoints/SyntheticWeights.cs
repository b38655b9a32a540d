using System.Text;
using Dino.Gpu.Model;

namespace Dino.Gpu.Checkpoints;

/// <summary>
/// Weights from a seeded recipe, the same on every machine: they exercise every part of the model and mean nothing.
/// Each value is a hash of seed, tensor name and index, so tensors can be made in any order and on any thread:
/// <code>
/// mix(z):   z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;  z ^ (z >> 31)
/// fnv(s):   FNV-1a, 64 bits, of the name in UTF-8
/// key       = mix(fnv(name) ^ mix(seed))
/// value i   = (float)(offset + scale * u),  u = (mix(key + (i + 1) * 0x9E3779B97F4A7C15) >> 40) * 2^-23 - 1  in [-1,
/// 1)
/// </code>
/// with i row-major in the shape that Hugging Face's state dict has, and scale and offset by the kind of tensor.
/// </summary>
public static class SyntheticWeights
{
    /// <summary>"DINO" in ASCII.</summary>
    public const ulong DefaultSeed = 0x44494E4F;

    /// <summary>Values that one task makes; a tensor of ViT-S has up to 590 000.</summary>
    private const int ChunkLength = 1 << 16;

    /// <summary>The first suffix that matches decides. Those of DINOv2 and DINOv3 have the scales of DINO's.</summary>
    private static readonly (string Suffix, double Scale, double Offset)[] Kinds =
    [
        ("embeddings.cls_token", 1.0 / 64, 0),
        ("embeddings.position_embeddings", 3.0 / 64, 0),
        ("embeddings.register_tokens", 1.0 / 64, 0),
        ("projection.weight", 1.0 / 512, 0),
        ("projection.bias", 1.0 / 64, 0),
        ("embeddings.patch_embeddings.weight", 1.0 / 512, 0),
        ("embeddings.patch_embeddings.bias", 1.0 / 64, 0),
        ("lambda1", 1.0 / 4, 1.0 / 2),
        ("q_proj.weight", 5.0 / 32, 0),
        ("k_proj.weight", 5.0 / 32, 0),
        ("v_proj.weight", 1.0 / 16, 0),
        ("o_proj.weight", 1.0 / 16, 0),
        ("q_proj.bias", 1.0 / 4, 0),
        ("k_proj.bias", 0, 0),
        ("mlp.fc1.weight", 1.0 / 8, 0),
        ("mlp.weights_in.weight", 1.0 / 8, 0),
        ("mlp.gate_proj.weight", 1.0 / 8, 0),
        ("mlp.up_proj.weight", 1.0 / 8, 0),
        ("mlp.fc2.weight", 1.0 / 32, 0),
        ("mlp.weights_out.weight", 1.0 / 32, 0),
        ("mlp.down_proj.weight", 1.0 / 32, 0),
        ("norm1.weight", 1.0 / 4, 1),
        ("norm2.weight", 1.0 / 4, 1),
        ("query.weight", 5.0 / 32, 0),
        ("key.weight", 5.0 / 32, 0),
        ("value.weight", 1.0 / 16, 0),
        ("attention.output.dense.weight", 1.0 / 16, 0),
        ("intermediate.dense.weight", 1.0 / 8, 0),
        ("output.dense.weight", 1.0 / 32, 0),
        ("query.bias", 1.0 / 4, 0),
        ("key.bias", 1.0 / 4, 0),
        ("layernorm_before.weight", 1.0 / 4, 1),
        ("layernorm_after.weight", 1.0 / 4, 1),
        ("layernorm.weight", 1.0 / 4, 1),
        ("norm.weight", 1.0 / 4, 1),
        (".bias", 1.0 / 16, 0),
    ];

    /// <summary>Makes the weights of a model of any sizes, on all cores.</summary>
    /// <param name="config">The sizes; <see cref="VitConfig.VitS16"/> for the published model's.</param>
    /// <param name="seed">Another seed, other weights.</param>
    /// <exception cref="WeightsException">No model has such sizes; the message names the one that is wrong.</exception>
    public static VitWeights Create(VitConfig config, ulong seed = DefaultSeed)
    {
        ArgumentNullException.ThrowIfNull(config);
        TensorNames.RequireAll(config);
        VitWeights weights = VitWeights.Allocate(config, config.UsualPreprocessor);
        var chunks = new List<(string Name, int First, Memory<float> Values)>();
        foreach (TensorSlot slot in TensorSlots.HuggingFace(config))
        {
            Memory<float> values = slot.Data(weights);
            for (int first = 0; first < values.Length; first += ChunkLength)
                chunks.Add((slot.Name, first, values.Slice(first, Math.Min(ChunkLength, values.Length - first))));
        }

        Parallel.ForEach(chunks, chunk => Fill(chunk.Name, seed, chunk.First, chunk.Values.Span));
        return weights;
    }

    /// <summary>Writes values <paramref name="first"/> and on of one tensor of the recipe.</summary>
    /// <param name="name">Hugging Face name without <c>vit.</c>, which also decides scale and offset.</param>
    /// <param name="seed">The model's seed.</param>
    /// <param name="first">Row-major index of the first value.</param>
    /// <param name="values">Where they go.</param>
    /// <exception cref="ArgumentException">The recipe has no such tensor.</exception>
    internal static void Fill(string name, ulong seed, int first, Span<float> values)
    {
        (string suffix, double scale, double offset) = Kinds.FirstOrDefault(kind => name.EndsWith(kind.Suffix, StringComparison.Ordinal));
        if (suffix is null) throw new ArgumentException($"the recipe has no tensor '{name}'", nameof(name));
        ulong state = Key(name, seed) + (ulong)first * 0x9E3779B97F4A7C15;
        for (int i = 0; i < values.Length; i++)
        {
            state += 0x9E3779B97F4A7C15;
            double u = (Mix(state) >> 40) * (1.0 / (1 << 23)) - 1;
            values[i] = (float)(offset + scale * u);
        }
    }

    internal static ulong Key(string name, ulong seed) => Mix(Fnv(name) ^ Mix(seed));

    internal static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    internal static ulong Fnv(string text)
    {
        ulong hash = 0xCBF29CE484222325;
        foreach (byte b in Encoding.UTF8.GetBytes(text)) hash = (hash ^ b) * 0x100000001B3;
        return hash;
    }
}
