using Dino.Gpu.Classification;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Outputs;

/// <summary>The predictions of a classifier as CSV.</summary>
internal static class PredictionFile
{
    /// <summary>
    /// path, label, predicted, correct, score, then the next classes with their scores: as many as were kept, up to
    /// five in all.
    /// </summary>
    public static void Write(
        string path, Predictions predictions, string[] paths, int[]? labels, IReadOnlyList<string> classNames)
    {
        using var file = new AtomicFile(path);
        var line = new CsvLine();
        int columns = Math.Min(Predictions.Depth, classNames.Count);
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
            line.Add(paths[i]);
            line.Add(labels is null ? null : classNames[labels[i]]);
            line.Add(classNames[classes[0]]);
            line.Add(labels is null ? null : labels[i] == classes[0] ? "true" : "false");
            line.Add(scores[0]);
            for (int place = 1; place < columns; place++)
            {
                line.Add(place < classes.Length ? classNames[classes[place]] : null);
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
