using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>Commands of the shell do not pay for the server and the databases that the program can do as well.</summary>
public sealed class LoadedAssembliesTests
{
    private static readonly string[] Others =
        ["Microsoft.AspNetCore", "Microsoft.Extensions", "Dino.Gpu.Server", "Dino.Gpu.Stores", "OpenTelemetry", "Grpc", "Scalar",
            "Npgsql", "Pgvector", "Qdrant", "System.Net.Http", "ParquetSharp"];

    [Fact]
    public async Task Embed_loads_nothing_of_the_server_and_of_databases()
    {
        using var folder = new TemporaryFolder();
        string list = folder.Path("loaded.txt");
        var environment = new Dictionary<string, string>
        {
            ["DOTNET_STARTUP_HOOKS"] = typeof(StartupHook).Assembly.Location,
            [StartupHook.LoadedAssemblies] = list,
        };
        string[] command =
            ["embed", GoldenData.Image("gray.png"), "-w", CliRunner.TinyWeights, "--device", "cpu", "-o", folder.Path("x.npy")];
        CliResult result = await CliProcess.FinishAsync(CliProcess.Start(command, environment));
        Assert.True(result.ExitCode == 0, result.Error);
        string[] loaded = await File.ReadAllLinesAsync(list);
        Assert.Contains("Dino.Gpu.Data", loaded);
        Assert.DoesNotContain(loaded, name => Others.Any(other => name.StartsWith(other, StringComparison.Ordinal)));
    }
}
