using System.Globalization;
using Dino.Gpu.Classification;
using Dino.Gpu.Cli.Terminal;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino linear</c>, as the command line asks for it.</summary>
/// <param name="Common">What it shares with <c>dino knn</c>.</param>
/// <param name="Training">How to train, but for the device and the seed.</param>
/// <param name="Probe">A trained classifier to apply; null to train one.</param>
/// <param name="ProbeFile">Where that one was read from.</param>
/// <param name="Save">Where to keep the trained classifier.</param>
internal sealed record LinearSettings(ClassifySettings Common, LinearProbeOptions Training, LinearProbe? Probe, string? ProbeFile, string? Save);

/// <summary>One <c>dino linear</c>.</summary>
/// <param name="settings">What was asked for.</param>
/// <param name="console">Standard streams.</param>
internal sealed class LinearJob(LinearSettings settings, CliConsole console)
{
    /// <param name="output">For the table.</param>
    /// <param name="cancellation">Looked at several times a second.</param>
    /// <returns>0, or 3 when an image failed.</returns>
    public async Task<int> RunAsync(TextWriter output, CancellationToken cancellation)
    {
        ClassifyFiles.RequireWritable(settings.Common, settings.Save, settings.ProbeFile);
        ClassifyData data = await ClassifyData.LoadAsync(settings.Common, settings.Probe, console, cancellation).ConfigureAwait(false);
        (LinearProbe probe, Predictions predictions) = await Task.Run(() => TrainAndPredict(data, cancellation), cancellation).ConfigureAwait(false);
        ClassifyFiles.Write(settings.Common, data, predictions);
        if (settings.Save is not null)
            probe.Save(settings.Save);
        new ClassifyReport
        {
            Protocol = "linear",
            Train = data.Train?.Count,
            Test = data.TestPaths.Length,
            Failed = data.Failed,
            Classes = data.ClassNames,
            Results = data.TestLabels is null ? [] : [.. Results(probe, predictions, data.TestLabels)],
            Epochs = settings.Probe is null ? [.. probe.History.Select(Result)] : null,
        }.Write(console, output, settings.Common.Json);
        return data.Failed > 0 ? ExitCode.SomeImagesFailed : ExitCode.Success;
    }

    private (LinearProbe Probe, Predictions Predictions) TrainAndPredict(ClassifyData data, CancellationToken cancellation)
    {
        LinearProbe? probe = settings.Probe;
        string device = settings.Common.Device;
        int? threads = settings.Common.Source.Model.Threads;
        if (probe is null)
        {
            LinearProbeOptions options = settings.Training with { Device = device, Threads = threads, Seed = settings.Common.Seed };
            LinearProbe trained = LinearProbe.Train(data.Train!, data.Test, options, settings.Common.Source.Quiet ? null : Tell, cancellation);
            probe = new LinearProbe(trained.Weight.ToArray(), trained.Bias.ToArray(), trained.ClassNames) { History = trained.History, Metadata = ProbeModel.Metadata(data.Model) };
        }

        return (probe, probe.Predict(data.TestValues, device, threads));
    }

    private void Tell(ProbeEpoch epoch)
    {
        string test = epoch.Test is { } score ? string.Create(CultureInfo.InvariantCulture, $", test loss {score.Loss:F4}, top-1 {ClassifyReport.Percent(score.Top1)}, top-5 {ClassifyReport.Percent(score.Top5)}") : "";
        console.Error.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"dino: epoch {epoch.Number + 1}/{settings.Training.Epochs}, rate {epoch.LearningRate:G3}: train loss {epoch.Train.Loss:F4}, top-1 {ClassifyReport.Percent(epoch.Train.Top1)}{test}"));
    }

    /// <summary>The final classifier; and the best epoch, as the original reports, though it is chosen by the very images that it is judged with.</summary>
    private static IEnumerable<ClassifyResult> Results(LinearProbe probe, Predictions predictions, int[] labels)
    {
        bool trained = probe.History.Count > 0;
        yield return new ClassifyResult("final", null, trained ? probe.History.Count : null, predictions.Accuracy(labels, 1), predictions.Accuracy(labels, Predictions.Depth));
        if (trained && probe.History.MaxBy(epoch => epoch.Test!.Top1) is { } best)
            yield return new ClassifyResult("best", null, best.Number + 1, best.Test!.Top1, best.Test.Top5);
    }

    private static EpochResult Result(ProbeEpoch epoch) => new(
        epoch.Number + 1, epoch.LearningRate, epoch.Train.Loss, epoch.Train.Top1, epoch.Test?.Loss, epoch.Test?.Top1, epoch.Test?.Top5);
}
