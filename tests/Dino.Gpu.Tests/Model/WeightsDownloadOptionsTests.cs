using Dino.Gpu.Checkpoints;

namespace Dino.Gpu.Tests.Model;

/// <summary>What is downloaded, and where it goes, unless somebody says otherwise.</summary>
public sealed class WeightsDownloadOptionsTests
{
    [Fact]
    public void Another_model_is_its_main_branch_in_a_folder_of_its_own()
    {
        var published = new WeightsDownloadOptions();
        Assert.Equal(WeightsDownloadOptions.DefaultRevision, published.Revision);
        Assert.Equal(Path.Combine("weights", "pytorch_model.bin"), published.DefaultPath);
        WeightsDownloadOptions other = published with { Repository = "facebook/dino-vitb8", FileName = "a/model.safetensors" };
        Assert.Equal("main", other.Revision);
        Assert.Equal(Path.Combine("weights", "dino-vitb8", "model.safetensors"), other.DefaultPath);
        Assert.Equal("v2", (other with { Revision = "v2" }).Revision);
    }
}
