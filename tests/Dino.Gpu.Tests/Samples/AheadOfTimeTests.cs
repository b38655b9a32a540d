using System.Diagnostics;
using System.Text.Json.Nodes;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Samples;

/// <summary>
/// Programs that are compiled ahead of time: no code can be made while they run. A switch of the runtime says so to an
/// ordinary build, which takes the same ways through the library; the long test compiles one.
/// </summary>
public sealed class AheadOfTimeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Pictures_become_the_same_bytes()
    {
        string pictures = SourceTree.Find("samples");
        string[] arguments = [pictures, CliRunner.TinyWeights, _folder.Path("out"), _folder.Path("e.npz")];
        CliResult result = await RunAsync("EmbedFolder", arguments);
        Assert.True(result.ExitCode == 0, result.Error);
        await CliRunner.EmbedTinyAsync([pictures, "-o", _folder.Path("expected")]);
        Assert.Equal(File.ReadAllBytes(_folder.Path("expected/shard-00000.npy")), File.ReadAllBytes(_folder.Path("out/shard-00000.npy")));
    }

    [Fact]
    public async Task What_needs_a_compiler_ends_with_one_line()
    {
        CliResult cuda = await RunAsync("dino", "embed", GoldenData.Image("rocket.jpg"), "-w", CliRunner.TinyWeights, "-d", "cuda");
        Assert.Contains("the device 'cuda:0' needs code that is made at run time", cuda.FatalLine());
        string train = Directory.CreateDirectory(_folder.Path("train/a")).FullName;
        string other = Directory.CreateDirectory(_folder.Path("train/b")).FullName;
        foreach (string folder in (string[])[train, other])
        {
            File.Copy(GoldenData.Image("rocket.jpg"), Path.Combine(folder, "1.jpg"));
            File.Copy(GoldenData.Image("chelsea.png"), Path.Combine(folder, "2.png"));
        }

        CliResult knn = await RunAsync("dino", "knn", _folder.Path("train"), "--split", "0.5", "-w", CliRunner.TinyWeights, "-q");
        Assert.Equal(1, knn.ExitCode);
        Assert.StartsWith($"{CliConsole.ErrorPrefix}NearestNeighbors needs code", knn.ErrorLines[0]);
        CliResult search = await RunAsync(
            "dino", "search", _folder.Path("train"), GoldenData.Image("rocket.jpg"), "-w", CliRunner.TinyWeights);
        Assert.True(search.ExitCode == 0, search.Error);
        Assert.Contains("\t1\t1.0000\t", search.Output);
    }

    /// <summary>Publishes a program with this build's library, without a warning of it, and runs it.</summary>
    [Theory]
    [InlineData("PublishAot")]
    [InlineData("PublishTrimmed")]
    public async Task A_published_program_embeds(string how)
    {
        LongTests.Require("publishes a program");
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists("/usr/bin/gcc"), "needs gcc");
        string project = _folder.Path("Program.csproj");
        File.WriteAllText(project, $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <{how}>true</{how}>
                <TreatWarningsAsErrors>{how == "PublishAot"}</TreatWarningsAsErrors> <!-- ILGPU has warnings of its own -->
                <CppCompilerAndLinker>gcc</CppCompilerAndLinker>
                <LinkerFlavor>bfd</LinkerFlavor>
              </PropertyGroup>
              <ItemGroup>
                <Reference Include="{Path.Combine(AppContext.BaseDirectory, "Dino.Gpu.dll")}" />
                <PackageReference Include="ILGPU" Version="1.5.3" />
                <PackageReference Include="ILGPU.Algorithms" Version="1.5.3" />
                <PackageReference Include="MathNet.Numerics" Version="5.0.0" />
                <PackageReference Include="System.IO.Hashing" Version="10.0.14" />
              </ItemGroup>
              <Import Project="{SourceTree.Find("src", "Dino.Gpu", "buildTransitive", "Dino.Gpu.targets")}" />
            </Project>
            """);
        File.WriteAllText(_folder.Path("Program.cs"), """
            using var encoder = Dino.Gpu.DinoEncoder.Load(args[0], new() { Device = "cpu", VectorWidth = 128 });
            System.Console.WriteLine(string.Join(' ', encoder.Embed(args[1])));
            """);
        var publish = new ProcessStartInfo(
            "dotnet", ["publish", project, "-c", "Release", "--use-current-runtime", "-o", _folder.Path("out"), "-nodeReuse:false"]);
        using (Process process = Process.Start(publish)!)
        {
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.Equal(0, process.ExitCode);
        }

        string picture = GoldenData.Image("rocket.jpg");
        CliResult result = await FinishAsync(new ProcessStartInfo(_folder.Path("out/Program"), [CliRunner.TinyWeights, picture]));
        using var encoder = DinoEncoder.Load(CliRunner.TinyWeights, new DinoOptions { Device = "cpu", VectorWidth = 128 });
        float[] found = [.. result.Output.Split(' ').Select(float.Parse)];
        Assert.Equal(encoder.Embed(picture).Length, found.Length);
        Assert.All(encoder.Embed(picture).Zip(found), pair => Assert.Equal(pair.First, pair.Second, 1e-5f)); // fused or not
        Assert.Equal(how == "PublishTrimmed", File.Exists(_folder.Path("out/ILGPU.dll")));
    }

    /// <summary>Runs a program of this build where the runtime says that no code can be made.</summary>
    private async Task<CliResult> RunAsync(string program, params string[] arguments)
    {
        string path = Path.Combine(AppContext.BaseDirectory, program);
        JsonNode config = JsonNode.Parse(File.ReadAllText(path + ".runtimeconfig.json"))!;
        JsonObject options = config["runtimeOptions"]!.AsObject();
        if (options["configProperties"] is not JsonObject properties)
            options["configProperties"] = properties = [];
        properties["System.Runtime.CompilerServices.RuntimeFeature.IsDynamicCodeSupported"] = false;
        string file = _folder.Path(program + ".runtimeconfig.json");
        File.WriteAllText(file, config.ToJsonString());
        return await FinishAsync(new ProcessStartInfo("dotnet", ["exec", "--runtimeconfig", file, path + ".dll", .. arguments]));
    }

    private static Task<CliResult> FinishAsync(ProcessStartInfo start)
    {
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        return CliProcess.FinishAsync(Process.Start(start)!);
    }
}
