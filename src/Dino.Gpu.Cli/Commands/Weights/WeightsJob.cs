using System.Globalization;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Model;

namespace Dino.Gpu.Cli.Commands;

/// <summary>What <c>dino weights</c> does.</summary>
/// <param name="console">Standard streams.</param>
/// <param name="json">Whether the result is printed as JSON.</param>
internal sealed class WeightsJob(CliConsole console, bool json)
{
    /// <summary>The repository of a model by its name, or the one that was named instead.</summary>
    /// <exception cref="DinoException">There is no such model, or both are named.</exception>
    public static string Repository(string? model, string? repository) => (model, repository) switch
    {
        (null, _) => repository ?? WeightsDownloadOptions.DefaultRepository,
        (_, not null) => throw new DinoException($"both the model {model} and --repository {repository} are named, expected one"),
        _ => PublishedModel.Named(model).Repository,
    };

    /// <summary>Downloads a checkpoint.</summary>
    public async Task<int> PullAsync(string? output, WeightsDownloadOptions options, CancellationToken cancellation)
    {
        if (PublishedModel.Find(options.Repository) is { Config.Kind: not ModelKind.Dino } model)
            console.Say($"{model.Repository}: the license of the weights is {model.LicenseText}");
        string path = output ?? options.DefaultPath;
        FileKind.Checkpoint.RequireReplaceable(path);
        console.Say($"downloading {WeightsDownload.Address(options)}");
        WeightsDownloadResult result = await DownloadDisplay
            .ShowAsync(console, progress => DinoWeights.PullAsync(path, options, progress, cancellation)).ConfigureAwait(false);
        string state = result.WasPresent ? "already there" : "written";
        console.Say(string.Create(CultureInfo.InvariantCulture, $"{result.Path}: {state}, {result.Bytes} bytes, SHA-256 {result.Sha256}"));
        WriteJson(new WrittenCheckpoint(result.Path, result.Bytes, result.Sha256, result.WasPresent, null));
        return ExitCode.Success;
    }

    /// <summary>Shows what is in a checkpoint.</summary>
    /// <returns>0, or 1 for a checkpoint that cannot be loaded.</returns>
    public int Info(string file, CheckpointOptions options, CancellationToken cancellation)
    {
        var info = CheckpointInfo.ReadWhole(PathOf(file), options);
        cancellation.ThrowIfCancellationRequested();
        var report = new CheckpointReport(info, console);
        if (json)
            report.WriteJson();
        else
            report.Write();
        return info.Problem is null ? ExitCode.Success : ExitCode.Fatal;
    }

    /// <summary>Writes a checkpoint as safetensors.</summary>
    public int Convert(string file, CheckpointOptions options, string output, WeightsDataType type, CancellationToken cancellation)
    {
        string path = PathOf(file);
        OutputNames.RefuseSameFile([("-o", output)], [path]);
        FileKind.Weights.EnsureWritable(output);
        return Save(output, Checkpoint.Load(path, options), type, cancellation);
    }

    /// <summary>Writes seeded weights.</summary>
    public int Synthesize(string model, ulong seed, string output, CancellationToken cancellation)
    {
        PublishedModel published = PublishedModel.Named(model);
        FileKind.Weights.EnsureWritable(output);
        return Save(output, published.Seeded(seed), WeightsDataType.Float32, cancellation);
    }

    private int Save(string path, VitWeights weights, WeightsDataType type, CancellationToken cancellation)
    {
        IReadOnlyList<string> beside = SafetensorsWriter.WriteModel(path, weights, type, cancellation);
        string note = beside.Count == 0 ? "" : $", {string.Join(" and ", beside)} beside it";
        string digest = Checkpoint.Sha256(path);
        console.Say($"{path}: written{note}, SHA-256 {digest}");
        WriteJson(new WrittenCheckpoint(path, new FileInfo(path).Length, digest, null, beside));
        return ExitCode.Success;
    }

    private void WriteJson(WrittenCheckpoint written)
    {
        if (json)
            console.WriteJson(written with { Path = JsonLinesWriter.Unicode(written.Path) }, CommandJson.Readable.WrittenCheckpoint);
    }

    private static string PathOf(string spec) => WeightSource.Resolve(spec).Path
        ?? throw new DinoException($"expected a file, found '{spec}'", "'dino weights synth' writes seeded weights");
}
