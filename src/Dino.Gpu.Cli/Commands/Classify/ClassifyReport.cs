using System.Globalization;
using Dino.Gpu.Cli.Terminal;
using Spectre.Console;

namespace Dino.Gpu.Cli.Commands;

/// <summary>The result of a classification, as its JSON has it. Accuracies are shares, from 0 to 1.</summary>
internal sealed record ClassifyReport
{
    /// <summary><c>knn</c> or <c>linear</c>.</summary>
    public required string Protocol { get; init; }

    /// <summary>How many vectors it learned from; null for a classifier that was trained before.</summary>
    public required int? Train { get; init; }

    /// <summary>How many vectors it classified.</summary>
    public required int Test { get; init; }

    /// <summary>How many images have no vector.</summary>
    public required long Failed { get; init; }

    public required IReadOnlyList<string> Classes { get; init; }

    /// <summary>The temperature of k-NN; null for a linear classifier.</summary>
    public double? Temperature { get; init; }

    /// <summary>One for each k, or the final and the best epoch. Empty if the labels are not known.</summary>
    public required IReadOnlyList<ClassifyResult> Results { get; init; }

    /// <summary>The epochs of a linear classifier that was trained now, else null.</summary>
    public IReadOnlyList<EpochResult>? Epochs { get; init; }

    public void Write(CliConsole console, bool json)
    {
        if (json)
        {
            console.WriteJson(this, CommandJson.Readable.ClassifyReport);
        }
        else if (Results.Count > 0)
        {
            Table table = TableOutput.OfNumbers(Protocol == "knn" ? "k" : "epoch", "top-1", "top-5");
            table.Columns[0].RightAligned();
            foreach (ClassifyResult result in Results)
                table.Add(Label(result), Percent(result.Top1), Percent(result.Top5));
            console.Write(table);
        }
    }

    private static string Label(ClassifyResult result)
    {
        string epoch = result.Name is not null && result.Epoch is { } number ? $" ({number})" : "";
        return string.Create(CultureInfo.InvariantCulture, $"{result.K}{result.Name}{epoch}");
    }

    /// <summary>Such as <c>74.50 %</c>.</summary>
    public static string Percent(double share) => string.Create(CultureInfo.InvariantCulture, $"{100 * share:F2} %");
}

/// <summary>One accuracy.</summary>
/// <param name="Name"><c>final</c> or <c>best</c>; null for k-NN.</param>
/// <param name="K">Neighbors that vote; null for a linear classifier.</param>
/// <param name="Epoch">From 1; null for k-NN.</param>
/// <param name="Top1">Share of test images whose class is the likeliest.</param>
/// <param name="Top5">Share of test images whose class is among the five likeliest.</param>
internal sealed record ClassifyResult(string? Name, int? K, int? Epoch, double Top1, double Top5);

/// <summary>One epoch of a linear classifier.</summary>
/// <param name="Epoch">From 1.</param>
/// <param name="LearningRate">Its learning rate.</param>
/// <param name="TrainLoss">Mean cross entropy before the steps.</param>
/// <param name="TrainTop1">Accuracy before the steps.</param>
/// <param name="TestLoss">After the epoch.</param>
/// <param name="TestTop1">After the epoch.</param>
/// <param name="TestTop5">After the epoch.</param>
internal sealed record EpochResult(
    int Epoch, double LearningRate, double TrainLoss, double TrainTop1, double? TestLoss, double? TestTop1, double? TestTop5);
