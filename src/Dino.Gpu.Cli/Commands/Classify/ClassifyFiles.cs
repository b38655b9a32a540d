using Dino.Gpu.Classification;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Pictures;
using Dino.Gpu.Files;

namespace Dino.Gpu.Cli.Commands;

/// <summary>The files that a classification leaves behind.</summary>
internal static class ClassifyFiles
{
    /// <summary>Before any work: whether they can be written.</summary>
    /// <param name="settings">What was asked for.</param>
    /// <param name="save">Where the classifier is kept; null for nowhere.</param>
    /// <param name="probe">The file of a classifier that was kept before; null for none.</param>
    /// <exception cref="DinoException">One of them cannot, or would replace another or an input.</exception>
    public static void RequireWritable(ClassifySettings settings, string? save = null, string? probe = null)
    {
        OutputNames.RefuseSameFile(
            [("--confusion", settings.Confusion), ("--predictions", settings.Predictions), ("--save", save)],
            [settings.Train, settings.Test, probe, settings.Source.Weights]);
        if (settings.Confusion is not null)
            PngFile.RequireEncoder("leave --confusion away");
        foreach ((FileKind kind, string? path) in new[] { (FileKind.Png, settings.Confusion), (FileKind.Predictions, settings.Predictions), (FileKind.Probe, save) })
        {
            if (path is not null)
                kind.EnsureWritable(path);
        }
    }

    /// <summary>Writes what was asked for.</summary>
    public static void Write(ClassifySettings settings, ClassifyData data, Predictions predictions)
    {
        if (settings.Confusion is not null)
            PngFile.Write(settings.Confusion, ConfusionPicture.Draw(ConfusionMatrix.Of(predictions, data.TestLabels, data.ClassNames), ColorMap.Viridis));
        if (settings.Predictions is not null)
            WriteCsv(settings.Predictions, data, predictions);
    }

    /// <summary>path, label, predicted, correct, score, then the next classes with their scores: as many as were kept, up to five in all.</summary>
    private static void WriteCsv(string path, ClassifyData data, Predictions predictions)
    {
        using var file = new AtomicFile(path);
        var line = new CsvLine();
        int columns = Math.Min(Predictions.Depth, data.ClassNames.Count);
        foreach (string name in new[] { "path", "label", "predicted", "correct", "score" })
            line.Add(name);
        for (int place = 2; place <= columns; place++)
        {
            line.Add($"predicted{place}");
            line.Add($"score{place}");
        }

        file.Write(line.End());
        for (int i = 0; i < predictions.Count; i++)
        {
            ReadOnlySpan<int> classes = predictions.Classes(i);
            ReadOnlySpan<double> scores = predictions.Scores(i);
            line.Add(data.TestPaths[i]);
            line.Add(data.TestLabels is null ? null : data.ClassNames[data.TestLabels[i]]);
            line.Add(data.ClassNames[classes[0]]);
            line.Add(data.TestLabels is null ? null : data.TestLabels[i] == classes[0] ? "true" : "false");
            line.Add(scores[0]);
            for (int place = 1; place < columns; place++)
            {
                line.Add(place < classes.Length ? data.ClassNames[classes[place]] : null);
                if (place < classes.Length)
                    line.Add(scores[place]);
                else
                    line.Add((string?)null);
            }

            file.Write(line.End());
        }

        file.Complete();
    }
}
