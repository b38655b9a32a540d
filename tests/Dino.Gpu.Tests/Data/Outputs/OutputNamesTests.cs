using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Files;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Outputs;

/// <summary>No command replaces what it reads, nor one of its files by another, whatever names lead there.</summary>
public sealed class OutputNamesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("--predictions and the inputs both name", "knn", "k.csv", "--split", "0.5", "--predictions", "k.csv")]
    [InlineData("--predictions and the inputs both name", "knn", "a.npz", "k.csv", "--predictions", "k.csv")]
    [InlineData("--confusion and --predictions both name", "knn", "k.csv", "--split", "0.5", "--predictions", "p", "--confusion", "p")]
    [InlineData("--predictions and --save both name", "linear", "k.csv", "--split", "0.5", "--predictions", "p", "--save", "p")]
    [InlineData("--save and the inputs both name", "linear", "k.csv", "--split", "0.5", "--save", "k.csv")]
    [InlineData("--save and the inputs both name", "linear", "k.csv", "--split", "0.5", "--weights",
        "w.safetensors", "--save", "w.safetensors")]
    [InlineData("--predictions and the inputs both name", "linear", "--probe", "probe.safetensors",
        "k.csv", "--predictions", "probe.safetensors")]
    [InlineData("--html and the inputs both name", "dedup", "k.csv", "--html", "k.csv")]
    [InlineData("--html and the inputs both name", "dedup", "@list.txt", "--html", "list.txt")]
    [InlineData("--html and the inputs both name", "search", "k.csv", "a.npz", "--html", "k.csv")]
    [InlineData("--html and the inputs both name", "search", "k.csv", "a.npz", "--html", "a.npz")]
    [InlineData("-o and the inputs both name", "index", "k.csv", "a.npz", "-o", "a.npz")]
    [InlineData("-o and the inputs both name", "index", "k.csv", "a.npz", "-o", "link.npz")]
    [InlineData("-o and the inputs both name", "index", "link.npz", "-o", "linked/a.npz")]
    [InlineData("-o and the inputs both name", "embed", "*.csv", "-o", "k.csv", "--weights", "synthetic")]
    public async Task Nothing_is_replaced(string expected, params string[] arguments)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a privilege there");
        _folder.Write("k.csv", "path,e0,e1\na/1.png,1,0\na/2.png,1,0.1\nb/3.png,0,1\nb/4.png,0.1,1\n");
        _folder.Write("list.txt", "k.png\n");
        _folder.Write("x.png", [1]);
        Assert.Equal(0, (await CliRunner.RunAsync("index", _folder.Path("k.csv"), "-o", _folder.Path("a.npz"), "-q")).ExitCode);
        string probe = _folder.Path("probe.safetensors");
        string[] linear = ["linear", _folder.Path("k.csv"), "--split", "0.5", "--epochs", "1", "--save", probe, "-q", "-d", "cpu"];
        Assert.Equal(0, (await CliRunner.RunAsync(linear)).ExitCode);
        File.Copy(probe, _folder.Path("w.safetensors"));
        File.CreateSymbolicLink(_folder.Path("link.npz"), "a.npz");
        Directory.CreateSymbolicLink(_folder.Path("linked"), ".");
        string[] before = Contents();
        string[] names = [
            .. Directory.GetFiles(_folder.Root).Select(file => Path.GetFileName(file)), "p", "@list.txt", "linked/a.npz",
            "*.csv", "x*.png", "linked"
        ];
        CliResult result = await CliRunner.RunAsync(
            [.. arguments.Select(argument => names.Contains(argument) ? Place(argument) : argument), "-q", "-d", "cpu"]);
        Assert.Contains(expected, result.FatalLine());
        Assert.Equal("hint: " + OutputNames.AnotherFile, result.ErrorLines[^1]);
        Assert.Equal(before, Contents());

        string Place(string name) => name[0] == '@' ? "@" + _folder.Path(name[1..]) : _folder.Path(name);
    }

    /// <summary>The directory of the pictures by another name.</summary>
    [Theory]
    [InlineData("attention", "x.attention-head0.png")]
    [InlineData("pca", "x.pca.png")]
    [InlineData("preprocess", "x.png")]
    public async Task Pictures_are_not_replaced_through_a_link(string command, string target)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a privilege there");
        byte[] picture = File.ReadAllBytes(GoldenData.Image("tiny_5x7.png"));
        string other = _folder.Write(
            Path.Combine("photos", "x.png"), picture), input = _folder.Write(Path.Combine("photos", target), picture);
        Directory.CreateSymbolicLink(_folder.Path("maps"), _folder.Path("photos"));
        string[] model = command == "preprocess" ? [] : ["-w", CliRunner.TinyWeights, "-d", "cpu"];
        CliResult result = await CliRunner.RunAsync(
            [command, .. new[] { other, input }.Distinct(), "-o", _folder.Path("maps"), "--size", "32", .. model]);
        Assert.Contains("would be overwritten", result.FatalLine());
        Assert.Equal(picture, File.ReadAllBytes(input));
    }

    [Fact]
    public void A_path_is_where_its_links_lead()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a privilege there");
        var real = new RealPath();
        string root = real.Of(_folder.Root); // a temporary folder may be behind a link itself, as on macOS
        string file = _folder.Write(Path.Combine("a", "b", "x.png"), [1]);
        string expected = Path.Combine(root, "a", "b", "x.png");
        Directory.CreateSymbolicLink(_folder.Path("folder"), Path.Combine("a", "b"));
        Directory.CreateDirectory(_folder.Path("c"));
        File.CreateSymbolicLink(_folder.Path("c", "up.png"), "../folder/../b/./x.png"); // ".." of where the link leads
        File.CreateSymbolicLink(_folder.Path("c", "twice.png"), _folder.Path("c", "up.png"));
        File.CreateSymbolicLink(_folder.Path("circle.png"), "circle.png");
        File.CreateSymbolicLink(_folder.Path("nowhere.png"), "a/none.png");
        Assert.All(
            [
                file, _folder.Path("folder", "x.png"), _folder.Path("c", "up.png"), _folder.Path("c", "twice.png"),
                _folder.Path("c", "..", "a", "b", ".", "x.png")
            ],
            path => Assert.Equal(expected, real.Of(path)));
        Assert.Equal(Path.Combine(root, "circle.png"), real.Of(_folder.Path("circle.png")));
        Assert.Equal(Path.Combine(root, "a", "none.png"), real.Of(_folder.Path("nowhere.png")));
        Assert.Equal(Path.Combine(root, "none", "y.png"), real.Of(_folder.Path("none", "y.png")));
        Assert.Equal(Path.Combine(Environment.CurrentDirectory, "y.png"), real.Of("y.png"));
        Assert.Equal("", real.Of(""));
        Assert.Equal("a\0b", real.Of("a\0b"));
        Assert.Equal("/", real.Of("/"));
    }

    private string[] Contents() =>
        [.. Directory.GetFiles(_folder.Root).Order(StringComparer.Ordinal)
            .Select(file => $"{file} {Convert.ToHexString(File.ReadAllBytes(file))}")];
}
