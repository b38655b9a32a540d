using Dino.Gpu.Checkpoints;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Model;

/// <summary><c>-w OWNER/NAME</c>: the cache of Hugging Face's tools, by their rules.</summary>
public sealed class HubCacheTests : IDisposable
{
    private const string Model = "facebook/dino-vits16";
    private static readonly string First = new('1', 40);
    private static readonly string Second = new('2', 40);

    private readonly TemporaryFolder _folder = new();
    private readonly Dictionary<string, string> _variables = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_folder_follows_the_variables_of_the_hub()
    {
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        Assert.Equal(Path.Combine(home, ".cache", "huggingface", "hub"), HubCache.Folder(Variable));
        _variables["XDG_CACHE_HOME"] = "/xdg";
        Assert.Equal("/xdg/huggingface/hub", HubCache.Folder(Variable));
        _variables["HF_HOME"] = "~/hf";
        Assert.Equal(home + "/hf/hub", HubCache.Folder(Variable));
        _variables["HUGGINGFACE_HUB_CACHE"] = "/old";
        Assert.Equal("/old", HubCache.Folder(Variable));
        _variables["HF_HUB_CACHE"] = "/cache";
        Assert.Equal("/cache", HubCache.Folder(Variable));
    }

    [Fact]
    public void A_branch_leads_to_its_snapshot()
    {
        Write(Model, First, "pytorch_model.bin");
        Assert.Equal(Snapshot(Model, First, "pytorch_model.bin"), Resolve(Model)); // fetched by its commit: there is no branch
        Write(Model, Second, "model.safetensors");
        Assert.Contains("no such model in the Hugging Face cache", Refusal(Model).Message); // which of the two is not known

        _folder.Write("models--facebook--dino-vits16/refs/main", Second + "\n");
        Assert.Equal(Snapshot(Model, Second, "model.safetensors"), Resolve(Model));
        Assert.Equal(Snapshot(Model, First, "pytorch_model.bin"), Resolve($"{Model}@{First}"));
        _folder.Write("models--facebook--dino-vits16/refs/v1", First);
        Assert.Equal(Snapshot(Model, First, "pytorch_model.bin"), Resolve(Model + "@v1"));
    }

    [Fact]
    public void What_is_not_there_is_fetched_by_a_command()
    {
        Assert.Equal("dino weights pull, then --weights weights/pytorch_model.bin", Refusal(Model).Hint);
        DinoException other = Refusal("facebook/dino-vitb8@v2");
        Assert.Equal(
            $"facebook/dino-vitb8@v2: no such file, and no such model in the Hugging Face cache {_folder.Root}", other.Message);
        Assert.Equal(
            "dino weights pull --repository facebook/dino-vitb8 --revision v2, "
            + "then --weights weights/dino-vitb8/pytorch_model.bin",
            other.Hint);

        // a folder of configs alone has no weights
        Write(Model, First, "config.json");
        Assert.Contains("no checkpoint in this folder", Refusal(Model).Message);
    }

    [Theory]
    [InlineData("weights/absent.bin")]
    [InlineData("absent")]
    [InlineData("a/b/c")]
    [InlineData("../a/b")]
    [InlineData("/a/b")]
    [InlineData("a/../b")]
    public void Paths_are_not_taken_for_models(string path)
    {
        Assert.False(HubCache.IsModel(path));
        Assert.DoesNotContain("Hugging Face", Refusal(path).Message);
    }

    [Fact]
    public void A_folder_of_that_name_comes_first()
    {
        string folder = Path.Combine(_folder.Root, "facebook", "dino-vits16");
        _folder.Write("facebook/dino-vits16/pytorch_model.bin", [1]);
        Assert.Equal(Path.Combine(folder, "pytorch_model.bin"), Resolve(folder));
    }

    [Fact]
    public void A_token_comes_from_the_environment_or_the_file_of_the_login()
    {
        _variables["HF_HOME"] = _folder.Root;
        Assert.Null(HubEnvironment.Token(Variable));
        _folder.Write("token", "from-login\n");
        Assert.Equal("from-login", HubEnvironment.Token(Variable));
        _variables["HF_TOKEN"] = "line\nbreak"; // no header can hold it
        Assert.Equal("from-login", HubEnvironment.Token(Variable));
        _variables["HF_TOKEN"] = "mine";
        Assert.Equal("mine", HubEnvironment.Token(Variable));
    }

    [Theory]
    [InlineData("1", true)]
    [InlineData("true", true)]
    [InlineData("ON", true)]
    [InlineData("0", false)]
    [InlineData("", false)]
    public void Offline_is_said_as_hugging_face_reads_it(string value, bool expected)
    {
        _variables["HF_HUB_OFFLINE"] = value;
        Assert.Equal(expected, HubEnvironment.IsOffline(Variable));
    }

    private void Write(string model, string commit, string file) =>
        _folder.Write($"models--{model.Replace("/", "--", StringComparison.Ordinal)}/snapshots/{commit}/{file}", [1]);

    private string Snapshot(string model, string commit, string file) =>
        _folder.Path($"models--{model.Replace("/", "--", StringComparison.Ordinal)}", "snapshots", commit, file);

    private string? Resolve(string spec)
    {
        _variables["HF_HUB_CACHE"] = _folder.Root;
        _variables["XDG_CACHE_HOME"] = _folder.Path("cache");
        return WeightSource.Resolve(spec, Variable).Path;
    }

    private DinoException Refusal(string spec) => Assert.Throws<WeightsException>(() => Resolve(spec));

    private string? Variable(string name) => _variables.GetValueOrDefault(name);
}
