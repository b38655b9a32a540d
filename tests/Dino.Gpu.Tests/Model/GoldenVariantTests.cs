using System.Text.Json;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Model;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Model;

/// <summary>
/// One tiny model as torch writes it for every training script and library, by
/// <c>Golden/checkpoints/variants/make.py</c>: each file loads to the same bytes as the plain one.
/// </summary>
public sealed class GoldenVariantTests
{
    private const int VariantCount = 45;

    private static readonly CheckpointOptions Heads = new() { Heads = 2 };

    public static TheoryData<string, string> Files
    {
        get
        {
            using JsonDocument variants = JsonDocument.Parse(File.ReadAllBytes(PathOf("variants.json")));
            var files = new TheoryData<string, string>();
            foreach (JsonElement variant in variants.RootElement.GetProperty("files").EnumerateArray())
                files.Add(variant.GetProperty("file").GetString()!, variant.GetProperty("like").GetString()!);
            return files;
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void A_variant_loads_to_the_bytes_of_the_plain_file(string file, string like)
    {
        string path = PathOf(file);
        VitWeights plain = Checkpoint.Load(PathOf(like), Heads);
        TinyModels.AssertEqual(plain, Checkpoint.Load(path, Heads));
        CheckpointInfo info = CheckpointInfo.Read(path, Heads);
        Assert.Equal((null, plain.Config), (info.Problem, info.Config));
    }

    [Fact]
    public void No_variant_is_forgotten()
    {
        Assert.Equal(VariantCount, Files.Count);
        // other values than a file of zeros, and the two plain files are the same model
        VitWeights hugging = Checkpoint.Load(PathOf("plain_hf.bin"), Heads);
        VitWeights original = Checkpoint.Load(PathOf("plain_dino.pth"), Heads);
        Assert.Contains(hugging.ClassToken, value => value != 0);
        Assert.Equal(hugging.Blocks[1].Qkv.Weight, original.Blocks[1].Qkv.Weight);
    }

    [Theory]
    [InlineData("sharded")]
    [InlineData("sharded_bin")]
    [InlineData("msn")]
    public void A_folder_is_found_by_its_usual_names(string folder) => TinyModels.AssertEqual(
        Checkpoint.Load(PathOf("plain_hf.bin"), Heads), WeightSource.Load(PathOf(folder), Heads));

    [Theory]
    [InlineData("ema_before_trained.pth")]
    [InlineData("two_backbones.ckpt")]
    [InlineData("submitit.pth")]
    public void The_student_is_found_however_it_is_kept(string file)
    {
        VitWeights plain = Checkpoint.Load(PathOf("plain_dino.pth"), Heads);
        TinyModels.AssertEqual(plain, Checkpoint.Load(PathOf(file), Heads with { Branch = "student" }), value => value + 1);
    }

    [Fact]
    public void What_was_ignored_is_one_note()
    {
        Assert.Empty(Checkpoint.Load(PathOf("plain_hf.bin"), Heads).Notes);
        string note = Assert.Single(Checkpoint.Load(PathOf("prefix_backbone.pth"), Heads).Notes);
        Assert.EndsWith("ignored 3 keys outside the ViT: 'head.weight', 'projector.0.weight', 'criterion.center'", note);
    }

    [Fact]
    public void The_digest_of_several_files_is_that_of_all_of_them()
    {
        using var folder = new TemporaryFolder();
        foreach (string file in Directory.GetFiles(PathOf("sharded")))
            File.Copy(file, folder.Path(Path.GetFileName(file)));
        string index = folder.Path("model.safetensors.index.json");
        string before = Checkpoint.Sha256(index);
        Assert.Equal(before, Checkpoint.Sha256(PathOf("sharded", "model.safetensors.index.json")));

        string second = folder.Path("model-00002-of-00002.safetensors");
        byte[] bytes = File.ReadAllBytes(second);
        bytes[^1] ^= 1;
        File.WriteAllBytes(second, bytes);
        Assert.NotEqual(before, Checkpoint.Sha256(index));
    }

    private static string PathOf(params string[] names) => GoldenData.PathOf(["checkpoints", "variants", .. names]);
}
