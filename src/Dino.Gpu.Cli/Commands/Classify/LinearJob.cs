using System.Globalization;
using Dino.Gpu.Classification;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Vectors;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino linear</c>, as the command line asks for it.</summary>
/// <param name="Common">The settings it shares with <c>dino knn</c>.</param>
/// <param name="Training">How to train, except for the device and the seed.</param>
/// <param name="Probe">File of a classifier to apply; null to train one.</param>
/// <param name="Save">File for the trained classifier; null for none.</param>
internal sealed record LinearSettings(ClassifySettings Common, LinearProbeOptions Training, string? Probe, string? Save);

/// <summary>One <c>dino linear</c>.</summary>
/// <param name="settings">What was asked for.</param>
/// <param name="console">Standard streams.</param>
internal sealed class LinearJob(LinearSettings settings, CliConsole console)
{
    /// <param name="cancellation">Checked several times a second.</param>
    /// <returns>0, or 3 when an image failed.</returns>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        LinearProbe? kept = settings.Probe is null ? null : LinearProbe.Load(settings.Probe);
        ClassifySettings common = settings.Common;
        if (kept is not null)
            common = common with { Source = common.Vectors.Like(ProbeModel.Of(kept)) };
        ClassifyFiles.RequireWritable(common, settings.Save, settings.Probe);
        ClassifyData data = await ClassifyData.LoadAsync(common, kept, console, cancellation).ConfigureAwait(false);
        LinearProbe probe = kept ?? await Task.Run(() => Train(data, cancellation), cancellation).ConfigureAwait(false);
        Predictions predictions = await Task.Run(
            () => probe.Predict(data.TestValues, common.Device, common.Source.Model.Threads, console.Warn),
            cancellation).ConfigureAwait(false);
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
            Epochs = kept is null ? [.. probe.History.Select(Result)] : null,
        }.Write(console, settings.Common.Json);
        return data.Failed > 0 ? ExitCode.SomeImagesFailed : ExitCode.Success;
    }

    private LinearProbe Train(ClassifyData data, CancellationToken cancellation)
    {
        LinearProbeOptions options = settings.Training with
        {
            Device = settings.Common.Device,
            Threads = settings.Common.Source.Model.Threads,
            Warning = console.Warn,
            Seed = settings.Common.Seed,
        };
        LinearProbe trained = LinearProbe.Train(data.Train!, data.Test, options, Tell, cancellation);
        return new LinearProbe(trained.Weight.ToArray(), trained.Bias.ToArray(), trained.ClassNames)
        {
            History = trained.History,
            Metadata = ProbeModel.Metadata(data.Model),
        };
    }

    private void Tell(ProbeEpoch epoch)
    {
        string train = Score("train", epoch.Train.Loss, epoch.Train.Top1);
        string test = epoch.Test is { } score
            ? $", {Score("test", score.Loss, score.Top1)}, top-5 {ClassifyReport.Percent(score.Top5)}"
            : "";
        string rate = epoch.LearningRate.ToString("G3", CultureInfo.InvariantCulture);
        console.Say($"epoch {epoch.Number + 1}/{settings.Training.Epochs}, rate {rate}: {train}{test}");

        static string Score(string set, double loss, double top1) =>
            string.Create(CultureInfo.InvariantCulture, $"{set} loss {loss:F4}, top-1 {ClassifyReport.Percent(top1)}");
    }

    /// <summary>
    /// The final classifier and the best epoch. The original reports the best one too, although it is chosen with the
    /// images of the test.
    /// </summary>
    private static IEnumerable<ClassifyResult> Results(LinearProbe probe, Predictions predictions, int[] labels)
    {
        bool trained = probe.History.Count > 0;
        int? epochs = trained ? probe.History.Count : null;
        (double top1, double top5) = (predictions.Accuracy(labels, 1), predictions.Accuracy(labels, Predictions.Depth));
        yield return new ClassifyResult("final", null, epochs, top1, top5);
        if (trained && probe.History.MaxBy(epoch => epoch.Test!.Top1) is { } best)
            yield return new ClassifyResult("best", null, best.Number + 1, best.Test!.Top1, best.Test.Top5);
    }

    private static EpochResult Result(ProbeEpoch epoch) => new(
        epoch.Number + 1, epoch.LearningRate, epoch.Train.Loss, epoch.Train.Top1, epoch.Test?.Loss, epoch.Test?.Top1, epoch.Test?.Top5);
}
