using System.CommandLine;
using System.Text.Json;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Cli.Commands;
using Dino.Gpu.Model;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Model;

/// <summary><c>dino weights</c> as a user types it, with what it prints where.</summary>
public sealed class WeightsCommandTests : IDisposable
{
    private readonly CheckpointFolder _folder = new();
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Synth_writes_the_seeded_weights_with_a_config_for_hugging_face()
    {
        string path = _folder["model.safetensors"];
        await RunAsync("synth", "--seed", "0x10", "-o", path);
        TinyModels.AssertEqual(SyntheticWeights.Create(VitConfig.VitS16, 16), Checkpoint.Load(path));
        Assert.Equal(["config.json", "model.safetensors"], Directory.GetFiles(_folder.Root).Select(Path.GetFileName).Order());
        Assert.Empty(_output.ToString());
        Assert.Contains(Checkpoint.Sha256(path), _error.ToString());
    }

    [Fact]
    public async Task Convert_takes_the_branch_and_the_type()
    {
        string path = _folder["student.safetensors"];
        await RunAsync("convert", GoldenData.PathOf("checkpoints", "tiny_dino_full.pth"), "--branch", "student", "--dtype", "f16", "-o", path);
        TinyModels.AssertEqual(SyntheticWeights.Create(TinyModels.Dino), Checkpoint.Load(path), value => (float)(Half)(value + 1));
        Assert.Single(Directory.GetFiles(_folder.Root));
    }

    [Fact]
    public async Task Info_prints_tensors_as_data_and_the_rest_as_notes()
    {
        string path = GoldenData.PathOf("checkpoints", "tiny_hf.bin");
        await RunAsync("info", path);
        Assert.Equal(54, _output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.StartsWith("embeddings.cls_token\tF32\t(1, 1, 48)\t192", _output.ToString());
        Assert.Contains("3 heads of 16", _error.ToString());
    }

    [Fact]
    public async Task Info_prints_json()
    {
        string path = GoldenData.PathOf("checkpoints", "tiny_hf.bin");
        await RunAsync("info", path, "--json");
        using JsonDocument document = JsonDocument.Parse(_output.ToString());
        Assert.Equal(Checkpoint.Sha256(path), document.RootElement.GetProperty("sha256").GetString());
        Assert.Equal(48, document.RootElement.GetProperty("config").GetProperty("hidden_size").GetInt32());
        Assert.Equal(54, document.RootElement.GetProperty("tensors").GetArrayLength());
        Assert.Empty(_error.ToString());
    }

    [Fact]
    public async Task Pull_fetches_from_the_endpoint()
    {
        byte[] content = File.ReadAllBytes(GoldenData.PathOf("checkpoints", "tiny_dino.pth"));
        using var server = new HubServer(content);
        await RunAsync("pull", "--endpoint", server.Endpoint, "--revision", "main", "-o", _folder["new/model.bin"]);
        Assert.Equal(content, File.ReadAllBytes(_folder["new/model.bin"]));
        Assert.Equal("/facebook/dino-vits16/resolve/main/pytorch_model.bin", server.Requests.First().Address);
        Assert.Contains("100 %", _error.ToString());
        Assert.Empty(_output.ToString());
    }

    [Fact]
    public async Task Failures_are_for_the_caller_and_usage_is_checked()
    {
        await Assert.ThrowsAsync<DinoException>(() => RunAsync("info", _folder["absent"]));
        await Assert.ThrowsAsync<DinoException>(() => RunAsync("info", "synthetic"));
        Assert.NotEmpty(WeightsCommand.Create().Parse(["synth", "--seed", "zz", "-o", "a"]).Errors);
        Assert.NotEmpty(WeightsCommand.Create().Parse(["synth"]).Errors);
        Assert.NotEmpty(WeightsCommand.Create().Parse(["convert", "a", "-o", "b", "--dtype", "f8"]).Errors);
        Assert.Empty(WeightsCommand.Create().Parse(["pull"]).Errors);
    }

    private async Task RunAsync(params string[] arguments)
    {
        var configuration = new InvocationConfiguration { Output = _output, Error = _error, EnableDefaultExceptionHandler = false };
        Assert.Equal(0, await WeightsCommand.Create().Parse(arguments).InvokeAsync(configuration));
    }
}
