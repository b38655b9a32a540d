using Dino.Gpu.Classification;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Files;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino knn</c>, as the command line asks for it.</summary>
/// <param name="Common">The settings it shares with <c>dino linear</c>.</param>
/// <param name="K">Numbers of voters, in the order of the table. The files take the first.</param>
/// <param name="Temperature">A neighbor's vote is exp(cosine / temperature).</param>
internal sealed record KnnSettings(ClassifySettings Common, int[] K, double Temperature);

/// <summary>One <c>dino knn</c>.</summary>
/// <param name="settings">What was asked for.</param>
/// <param name="console">Standard streams.</param>
internal sealed class KnnJob(KnnSettings settings, CliConsole console)
{
    /// <param name="cancellation">Checked between images and between searches.</param>
    /// <returns>0, or 3 when an image failed.</returns>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        ClassifyFiles.RequireWritable(settings.Common);
        ClassifyData data = await ClassifyData.LoadAsync(settings.Common, probe: null, console, cancellation).ConfigureAwait(false);
        Predictions[] predictions = await Task.Run(() => Classify(data, cancellation), cancellation).ConfigureAwait(false);
        ClassifyFiles.Write(settings.Common, data, predictions[0]);
        new ClassifyReport
        {
            Protocol = "knn",
            Train = data.Train!.Count,
            Test = data.TestPaths.Length,
            Failed = data.Failed,
            Classes = data.ClassNames,
            Temperature = settings.Temperature,
            Results = data.TestLabels is null ? [] : [.. settings.K.Select((k, i) => Result(k, predictions[i], data.TestLabels))],
        }.Write(console, settings.Common.Json);
        return data.Failed > 0 ? ExitCode.SomeImagesFailed : ExitCode.Success;
    }

    private Predictions[] Classify(ClassifyData data, CancellationToken cancellation)
    {
        console.Say($"{Quantity.Of(data.TestPaths.Length, "image")} by neighbors among {data.Train!.Count} of "
            + Quantity.Of(data.ClassNames.Count, "class", "classes"));
        using KnnClassifier classifier = KnnClassifier.Create(data.Train!, new KnnOptions
        {
            Temperature = settings.Temperature,
            Device = settings.Common.Device,
            Threads = settings.Common.Source.Model.Threads,
            Warning = console.Warn,
        });
        return classifier.Classify(data.TestValues, settings.K, cancellation);
    }

    private static ClassifyResult Result(int k, Predictions predictions, int[] labels) => new(
        null, k, null, predictions.Accuracy(labels, 1), predictions.Accuracy(labels, Predictions.Depth));
}
