using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Dino.Gpu.Cli.Terminal;
using Spectre.Console;

namespace Dino.Gpu.Cli.Commands;

/// <summary>
/// The result of a classification on stdout; also the shape of its JSON. Accuracies are shares, from 0 to 1.
/// </summary>
internal sealed record ClassifyReport
{
    private static readonly JsonSerializerOptions JsonFormat = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
    };

    /// <summary><c>knn</c> or <c>linear</c>.</summary>
    public required string Protocol { get; init; }

    /// <summary>Vectors that it learned from; null with a probe that was trained before.</summary>
    public required int? Train { get; init; }

    /// <summary>Vectors that it classified.</summary>
    public required int Test { get; init; }

    /// <summary>Images without a vector.</summary>
    public required long Failed { get; init; }

    public required IReadOnlyList<string> Classes { get; init; }

    /// <summary>Of k-NN.</summary>
    public double? Temperature { get; init; }

    /// <summary>
    /// A line each: every k, or the final epoch and the best one. Empty where the labels are not known.
    /// </summary>
    public required IReadOnlyList<ClassifyResult> Results { get; init; }

    /// <summary>Of a linear classifier that was trained now.</summary>
    public IReadOnlyList<EpochResult>? Epochs { get; init; }

    public void Write(CliConsole console, bool json)
    {
        if (json)
        {
            JsonSerializer.Serialize(console.Output, this, JsonFormat);
            console.Output.Write("\n"u8);
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
/// <param name="Name">Of a linear classifier: <c>final</c> or <c>best</c>.</param>
/// <param name="K">Of k-NN.</param>
/// <param name="Epoch">Of a linear classifier, from 1.</param>
/// <param name="Top1">Share of test images whose class is the likeliest.</param>
/// <param name="Top5">Share of test images whose class is among the five likeliest.</param>
internal sealed record ClassifyResult(string? Name, int? K, int? Epoch, double Top1, double Top5);

/// <summary>One epoch.</summary>
/// <param name="Epoch">From 1.</param>
/// <param name="LearningRate">Its learning rate.</param>
/// <param name="TrainLoss">Mean cross entropy before the steps.</param>
/// <param name="TrainTop1">Accuracy before the steps.</param>
/// <param name="TestLoss">After the epoch.</param>
/// <param name="TestTop1">After the epoch.</param>
/// <param name="TestTop5">After the epoch.</param>
internal sealed record EpochResult(
    int Epoch, double LearningRate, double TrainLoss, double TrainTop1, double? TestLoss, double? TestTop1, double? TestTop5);
