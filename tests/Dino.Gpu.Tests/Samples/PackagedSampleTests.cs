using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Samples;

/// <summary>
/// The samples as they are in somebody else's repository: copied out of this one, with <c>dotnet add package</c> from a
/// feed instead of a reference to a project, built, and run.
/// </summary>
public sealed partial class PackagedSampleTests(PackagedSampleTests.Feed feed) : IClassFixture<PackagedSampleTests.Feed>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_console_program_groups_equal_pictures()
    {
        string program = await feed.BuildAsync("PhotoDedup");
        string pictures = Directory.CreateDirectory(_folder.Path("pictures")).FullName;
        foreach (string name in (string[])["chelsea.png", "rocket.jpg"])
            File.Copy(GoldenData.Image(name), Path.Combine(pictures, name));
        File.Copy(GoldenData.Image("rocket.jpg"), Path.Combine(pictures, "again.jpg"));
        File.WriteAllText(Path.Combine(pictures, "broken.png"), "no picture");

        CliResult result = await CliProcess.FinishAsync(Start(program, pictures, CliRunner.TinyWeights, "0.9999"));
        Assert.Equal(0, result.ExitCode);
        Assert.Equal($"{pictures}/again.jpg\t{pictures}/rocket.jpg", result.Output.Trim().Replace('\\', '/'));
        Assert.Contains("broken.png", result.Error);
    }

    [Fact]
    public async Task An_aspnet_program_finds_the_picture_that_is_sent()
    {
        string program = await feed.BuildAsync("SimilaritySearch");
        string address = $"http://127.0.0.1:{FreePort()}";
        using Process server = Start(
            program, $"--Dino:Weights={CliRunner.TinyWeights}", "--Dino:Device=cpu", $"--Pictures={SourceTree.Find("samples")}",
            $"--urls={address}");
        try
        {
            using var client = new HttpClient { BaseAddress = new Uri(address) };
            await WaitAsync(async () => (await client.GetAsync("/health", Cancellation)).IsSuccessStatusCode, server);
            using var picture = new ByteArrayContent(File.ReadAllBytes(SourceTree.Find("samples", "rocket.jpg")));
            using HttpResponseMessage answer = await client.PostAsync("/search?k=2", picture, Cancellation);
            JsonElement[] found = (await answer.Content.ReadFromJsonAsync<JsonElement[]>(Cancellation))!;
            Assert.Equal(2, found.Length);
            Assert.EndsWith("rocket.jpg", found[0].GetProperty("path").GetString());
            Assert.Equal(1, found[0].GetProperty("score").GetDouble(), 1e-6);
            using var text = new StringContent("no picture");
            using HttpResponseMessage refusal = await client.PostAsync("/search", text, Cancellation);
            Assert.Equal(HttpStatusCode.UnprocessableEntity, refusal.StatusCode);
            Assert.Contains("NotAnImage", await refusal.Content.ReadAsStringAsync(Cancellation));
        }
        finally
        {
            server.Kill(entireProcessTree: true);
        }
    }

    [Fact]
    public async Task A_worker_embeds_what_arrives_and_ends_when_it_is_told_to()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "SIGTERM");
        string program = await feed.BuildAsync("EmbedWorker");
        string inbox = Directory.CreateDirectory(_folder.Path("inbox")).FullName;
        string lines = _folder.Path("embeddings.jsonl");
        File.Copy(GoldenData.Image("rocket.jpg"), Path.Combine(inbox, "a.jpg"));
        using Process worker = Start(
            program, $"--Dino:Weights={CliRunner.TinyWeights}", "--Dino:Device=cpu", $"--Inbox={inbox}", $"--Lines={lines}");
        try
        {
            await WaitAsync(() => Task.FromResult(Lines().Length == 1), worker);
            File.Copy(GoldenData.Image("chelsea.png"), _folder.Path("b.png"));
            File.Move(_folder.Path("b.png"), Path.Combine(inbox, "b.png"));
            await WaitAsync(() => Task.FromResult(Lines().Length == 2), worker);
            using var encoder = DinoEncoder.Load(CliRunner.TinyWeights, new DinoOptions { Device = "cpu" });
            Assert.Equal(
                encoder.Embed(GoldenData.Image("chelsea.png")),
                JsonDocument.Parse(Lines()[1]).RootElement.GetProperty("embedding").Deserialize<float[]>());
            await Process.Start("kill", ["-TERM", $"{worker.Id}"]).WaitForExitAsync(Cancellation);
            await worker.WaitForExitAsync(Cancellation);
            Assert.Equal(0, worker.ExitCode);
        }
        finally
        {
            if (!worker.HasExited)
                worker.Kill(entireProcessTree: true);
        }

        string[] Lines() => File.Exists(lines) ? File.ReadAllText(lines).Split('\n', StringSplitOptions.RemoveEmptyEntries) : [];
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static Process Start(string program, params string[] arguments)
    {
        return Process.Start(new ProcessStartInfo("dotnet", ["exec", program, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
    }

    private static async Task WaitAsync(Func<Task<bool>> isDone, Process process)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        limit.CancelAfter(TimeSpan.FromMinutes(3));
        while (true)
        {
            Assert.False(process.HasExited, process.HasExited ? await process.StandardError.ReadToEndAsync(Cancellation) : "");
            try
            {
                if (await isDone())
                    return;
            }
            catch (HttpRequestException)
            {
                // it does not listen yet
            }

            await Task.Delay(50, limit.Token);
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>A folder with this build's packages, under a version that no cache can have.</summary>
    public sealed partial class Feed : IAsyncLifetime
    {
        private static readonly string[] Projects = ["Dino.Gpu", "Dino.Gpu.Extensions.AI"];

        private readonly TemporaryFolder _folder = new();
        private readonly string _version = $"0.0.1-test{Environment.ProcessId}x{Environment.TickCount64}";

        public async ValueTask InitializeAsync()
        {
            foreach (string project in Projects)
            {
                await DotnetAsync(SourceTree.Find("src", project), "pack", "--no-build", "-c", Configuration, "-o", _folder.Path("feed"),
                    $"-p:PackageVersion={_version}", "-p:IncludeSymbols=false");
            }
        }

        public ValueTask DisposeAsync()
        {
            _folder.Dispose();
            return default;
        }

        /// <summary>Copies a sample, replaces its reference by a package, and builds it.</summary>
        /// <returns>The program, for <c>dotnet exec</c>.</returns>
        public async Task<string> BuildAsync(string sample)
        {
            string source = SourceTree.Find("samples", "csharp", sample);
            string copy = Directory.CreateDirectory(_folder.Path(sample)).FullName;
            foreach (string file in Directory.EnumerateFiles(source).Where(file => Path.GetExtension(file) is ".cs" or ".csproj"))
                File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
            string project = Path.Combine(copy, sample + ".csproj");
            string text = File.ReadAllText(project);
            string package = Reference().Match(text).Groups[1].Value;
            text = Reference().Replace(text, "").Replace("<PropertyGroup>", """
                <PropertyGroup>
                    <TargetFramework>net10.0</TargetFramework>
                    <ImplicitUsings>enable</ImplicitUsings>
                    <Nullable>enable</Nullable>
                """, StringComparison.Ordinal);
            File.WriteAllText(project, PinHosting(text));
            await DotnetAsync(copy, "add", "package", package, "--version", _version, "--source", _folder.Path("feed"), "--no-restore");
            await DotnetAsync(copy, "build", "-c", "Release", "-o", Path.Combine(copy, "out"), "-nodeReuse:false",
                $"-p:RestoreAdditionalProjectSources={_folder.Path("feed")}", $"-p:RestorePackagesPath={_folder.Path("packages")}",
                $"-p:RestoreFallbackFolders={GlobalPackages}");
            return Path.Combine(copy, "out", sample + ".dll");
        }

        private static string Configuration => AppContext.BaseDirectory.Contains("Release", StringComparison.Ordinal) ? "Release" : "Debug";

        private static string GlobalPackages => Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

        /// <summary>This repository's versions are in one file, which the copy does not have.</summary>
        private static string PinHosting(string project)
        {
            string versions = File.ReadAllText(SourceTree.Find("Directory.Packages.props"));
            return Pinned().Replace(project, match =>
            {
                string package = match.Groups[1].Value;
                string version = Regex.Match(versions, $"Include=\"{Regex.Escape(package)}\" Version=\"([^\"]+)\"").Groups[1].Value;
                return $"Include=\"{package}\" Version=\"{version}\" />";
            });
        }

        private static async Task DotnetAsync(string directory, params string[] arguments)
        {
            var start = new ProcessStartInfo("dotnet", arguments)
            {
                WorkingDirectory = directory,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
            start.Environment.Remove("CI"); // the copy has no lock file
            CliResult result = await CliProcess.FinishAsync(Process.Start(start)!);
            Assert.True(result.ExitCode == 0, $"dotnet {string.Join(' ', arguments)}: {result.Output}{result.Error}");
        }

        [GeneratedRegex("""<ProjectReference Include="[^"]*/([^"/]+)\.csproj" />""")]
        private static partial Regex Reference();

        [GeneratedRegex("""(?<=PackageReference )Include="([^"]+)" />""")]
        private static partial Regex Pinned();
    }
}
