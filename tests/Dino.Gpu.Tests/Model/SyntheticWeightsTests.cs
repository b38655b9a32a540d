using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Model;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Model;

/// <summary>The seeded recipe against the numbers that its own description gives.</summary>
public sealed class SyntheticWeightsTests
{
    [Fact]
    public void The_hash_functions_match_their_test_vectors()
    {
        Assert.Equal(0x5692161D100B05E5UL, SyntheticWeights.Mix(1));
        Assert.Equal(0xD3F2007EBD175216UL, SyntheticWeights.Mix(SyntheticWeights.DefaultSeed));
        Assert.Equal(0x8AE8CEC33A7A6817UL, SyntheticWeights.Fnv("embeddings.cls_token"));
    }

    [Fact]
    public void Every_tensor_of_the_published_model_matches_its_checksum()
    {
        using JsonDocument reference = JsonDocument.Parse(File.ReadAllBytes(GoldenData.PathOf("weights_check.json")));
        VitWeights weights = SyntheticWeights.Create(VitConfig.VitS16);
        IReadOnlyList<TensorSlot> slots = TensorSlots.HuggingFace(VitConfig.VitS16);
        using IncrementalHash all = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        long values = 0;

        JsonElement items = reference.RootElement.GetProperty("items");
        Assert.Equal(items.GetArrayLength(), slots.Count);
        foreach ((TensorSlot slot, JsonElement item) in slots.Zip(items.EnumerateArray()))
        {
            Assert.Equal(item.GetProperty("name").GetString(), slot.Name);
            Assert.Equal(item.GetProperty("shape").EnumerateArray().Select(side => side.GetInt64()), slot.Shape);
            Assert.Equal(item.GetProperty("key").GetString(), $"0x{SyntheticWeights.Key(slot.Name, SyntheticWeights.DefaultSeed):X16}");
            ReadOnlySpan<float> data = slot.Data(weights).Span;
            Assert.Equal(
                item.GetProperty("first4").EnumerateArray().Select(bits => bits.GetString()),
                data[..4].ToArray().Select(
                    value => string.Create(CultureInfo.InvariantCulture, $"0x{BitConverter.SingleToUInt32Bits(value):X8}")));
            Assert.Equal(item.GetProperty("sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(data))));
            all.AppendData(MemoryMarshal.AsBytes(data));
            values += data.Length;
        }

        Assert.Equal(reference.RootElement.GetProperty("values").GetInt64(), values);
        Assert.Equal(reference.RootElement.GetProperty("sha256_all").GetString(), Convert.ToHexStringLower(all.GetHashAndReset()));
    }

    [Fact]
    public void Another_seed_gives_other_weights_in_the_same_ranges()
    {
        VitWeights one = SyntheticWeights.Create(TinyModels.HuggingFace, 1);
        VitWeights two = SyntheticWeights.Create(TinyModels.HuggingFace, 2);
        Assert.NotEqual(one.Positions, two.Positions);
        Assert.All(one.Positions, value => Assert.InRange(value, -3f / 64, 3f / 64));
        Assert.All(one.Norm.Weight, value => Assert.InRange(value, 0.75f, 1.25f));
    }
}
