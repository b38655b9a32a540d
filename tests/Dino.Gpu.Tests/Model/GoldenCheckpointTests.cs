using Dino.Gpu.Checkpoints;
using Dino.Gpu.Model;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Model;

/// <summary>
/// Files that torch itself wrote, filled by the seeded recipe, so that every value can be checked exactly.
/// </summary>
public sealed class GoldenCheckpointTests
{
    [Theory]
    [InlineData("tiny_hf.bin", CheckpointFormat.TorchZip)]
    [InlineData("tiny_hf_views.bin", CheckpointFormat.TorchZip)]
    [InlineData("tiny_hf_parameters.bin", CheckpointFormat.TorchZip)]
    [InlineData("tiny_hf_legacy.bin", CheckpointFormat.TorchLegacy)]
    public void Hugging_face_files_load_exactly(string name, CheckpointFormat format)
    {
        string path = GoldenData.PathOf("checkpoints", name);
        CheckpointInfo info = CheckpointInfo.Read(path);
        Assert.Equal((format, CheckpointLayout.HuggingFace, null), (info.Format, info.Layout, info.Problem));
        Assert.Equal(TensorSlots.HuggingFace(TinyModels.HuggingFace).Count, info.Tensors.Count);
        TinyModels.AssertEqual(SyntheticWeights.Create(TinyModels.HuggingFace), Checkpoint.Load(path));
    }

    [Fact]
    public void Half_precision_files_load_the_rounded_values()
    {
        VitWeights exact = SyntheticWeights.Create(TinyModels.HuggingFace);
        TinyModels.AssertEqual(exact, Checkpoint.Load(GoldenData.PathOf("checkpoints", "tiny_hf_f16.bin")), value => (float)(Half)value);
        TinyModels.AssertEqual(exact, Checkpoint.Load(GoldenData.PathOf("checkpoints", "tiny_hf_bf16.bin")), TinyModels.ToBFloat16);
    }

    [Fact]
    public void The_original_backbone_loads_exactly()
    {
        VitWeights weights = Checkpoint.Load(GoldenData.PathOf("checkpoints", "tiny_dino.pth"));
        AssertDino(weights, 0);
    }

    [Theory]
    [InlineData(null, 0f)]
    [InlineData("teacher", 0f)]
    [InlineData("student", 1f)]
    public void A_training_checkpoint_gives_the_branch_asked_for(string? branch, float added)
    {
        string path = GoldenData.PathOf("checkpoints", "tiny_dino_full.pth");
        AssertDino(Checkpoint.Load(path, new CheckpointOptions { Branch = branch }), added);
        Assert.Equal(["teacher", "student"], CheckpointInfo.Read(path).Branches);
    }

    [Fact]
    public void A_branch_is_asked_for_in_vain()
    {
        string path = GoldenData.PathOf("checkpoints", "tiny_dino.pth");
        Assert.Contains("no branch 'student'", Refusal(path, "student"));
        Assert.Contains("expected teacher or student", Refusal(path, "pupil"));

        static string Refusal(string path, string branch) =>
            Assert.Throws<WeightsException>(() => Checkpoint.Load(path, new CheckpointOptions { Branch = branch })).Message;
    }

    /// <summary>These files were seeded under Hugging Face's names, then renamed and fused.</summary>
    private static void AssertDino(VitWeights weights, float added)
    {
        Assert.Equal(TinyModels.Dino, weights.Config);
        TinyModels.AssertEqual(SyntheticWeights.Create(TinyModels.Dino), weights, value => value + added);
    }
}
