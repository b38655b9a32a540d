using Dino.Gpu.Checkpoints;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Model;

public sealed class DinoWeightsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Dictionary<string, string> _variables = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_option_comes_before_variable_folder_and_cache()
    {
        _variables["XDG_CACHE_HOME"] = _folder.Path("cache");
        Assert.Null(Find(null));

        string cached = DinoWeights.CachePathOf(Variable);
        Assert.StartsWith(_folder.Path("cache"), cached);
        Directory.CreateDirectory(Path.GetDirectoryName(cached)!);
        File.WriteAllBytes(cached, []);
        Assert.Equal(cached, Find(null));

        _folder.Write("weights/README.md", "no weights yet");
        Assert.Equal(cached, Find(null));
        _folder.Write("weights/pytorch_model.bin", []);
        Assert.Equal(_folder.Path("weights"), Find(null));

        _variables["DINO_WEIGHTS"] = "variable.bin";
        Assert.Equal("variable.bin", Find(null));
        Assert.Equal("option.bin", Find("option.bin"));
    }

    private string? Find(string? option) => DinoWeights.Locate(option, Variable, _folder.Root);

    private string? Variable(string name) => _variables.GetValueOrDefault(name);
}
