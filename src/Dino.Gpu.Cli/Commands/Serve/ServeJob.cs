using System.Net;
using System.Net.Sockets;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Files;
using Dino.Gpu.Server;
using Dino.Gpu.Server.Hosting;
using Microsoft.Extensions.Logging;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino serve</c>: listens, loads the model, and serves until a signal comes.</summary>
/// <param name="settings">What was asked for.</param>
/// <param name="console">Standard streams.</param>
internal sealed class ServeJob(ServeSettings settings, CliConsole console)
{
    private static readonly string[] OwnNames = ["localhost", "127.0.0.1", "[::1]"];

    /// <summary>How long requests under way may take after a signal.</summary>
    private static readonly TimeSpan LastRequests = TimeSpan.FromSeconds(25);

    /// <summary>How long the rest of the process may take then.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    /// <returns>0</returns>
    /// <exception cref="DinoException">The weights, the index, the device or the port cannot be used.</exception>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        RequireFiles();
        string weights = await DownloadDisplay.FindWeightsAsync(settings.Weights, console, cancellation).ConfigureAwait(false);
        console.AllowEnd?.Invoke(settings.Drain + LastRequests + Rest);
        await DinoServerHost.RunAsync(
            new HostSettings
            {
                Address = settings.Address,
                Port = settings.Port,
                GrpcPort = settings.GrpcPort,
                HasTls = settings.Tls,
                HostNames = settings.HostNames.Length > 0 ? settings.HostNames : OwnNamesOf(settings.Address),
                Load = () => DinoEncoderGroup.Load(weights, settings.Model),
                Configure = options => Configure(options, weights),
                Log = Log,
                Listening = addresses => console.Say($"listening on {string.Join(" and ", addresses)}"),
                TrimsMemory = true,
                ShutdownTimeout = settings.Drain + LastRequests,
            },
            cancellation).ConfigureAwait(false);
        console.Say("stopped");
        return ExitCode.Success;
    }

    /// <summary>What this machine calls itself, if it alone may ask; else nothing, which is any name.</summary>
    internal static string[] OwnNamesOf(IPAddress address) => IPAddress.IsLoopback(address)
        ? [.. OwnNames.Append(address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{address}]" : $"{address}").Distinct()]
        : [];

    private void RequireFiles()
    {
        if (settings.Index is { } index && !Path.Exists(index))
        {
            throw new DinoException(
                $"--index {index}: no such file", SimilarName.Hint(index) ?? "make one: dino index photos -o photos.dinoidx");
        }

        if (settings.Pictures is { } pictures && !Directory.Exists(pictures))
            throw new DinoException($"--pictures {pictures}: no such folder", SimilarName.Hint(pictures));
    }

    private void Configure(DinoServerOptions options, string weights)
    {
        options.ModelId = settings.ModelId ?? (settings.Weights is { } given && !Path.Exists(given) ? given : NameOf(weights));
        options.Normalize = settings.Normalize;
        options.MaxBodyBytes = settings.MaxBody;
        options.MaxItems = settings.MaxItems;
        options.DrainDelay = settings.Drain;
        options.ApiKeyFile = settings.ApiKeyFile;
        options.HasPage = settings.Page;
        foreach (string host in settings.AllowedUrls)
            options.AllowedUrlHosts.Add(host);
        if (settings.Index is not { } index)
            return;
        options.Index = cancellation => VectorIndex.Open(index, cancellation);
        options.IsIndexWritable = !settings.ReadOnly;
        options.Pictures = settings.Pictures;
        options.Provenance = encoder =>
            Provenance.Of(weights, settings.Model, (DinoEncoderGroup)encoder, output: "cls", settings.Normalize);
    }

    /// <summary>What the model is called: a file without its folder and ending.</summary>
    private static string NameOf(string weights)
    {
        string name = Path.GetFileNameWithoutExtension(Path.TrimEndingDirectorySeparator(weights));
        string folder = Path.GetFileName(Path.GetDirectoryName(weights)) ?? "";
        return name is "model" or "pytorch_model" && folder.Length > 0 ? folder : name;
    }

    private void Log(LogLevel level, string line)
    {
        if (level == LogLevel.Critical)
            return; // it ends the command, which says so
        if (level >= LogLevel.Warning)
            console.Warn(line);
        else if (level == LogLevel.Information)
            console.Say(line);
        else
            console.Detail(line);
    }
}
