using Dino.Gpu.Classification;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Pictures;

namespace Dino.Gpu.Cli.Commands;

/// <summary>The files that a classification writes.</summary>
internal static class ClassifyFiles
{
    /// <summary>Fails before the work starts if a file could not be written after it.</summary>
    /// <param name="settings">What was asked for.</param>
    /// <param name="save">File for the classifier; null for none.</param>
    /// <param name="probe">File of a classifier to apply; null for none.</param>
    /// <exception cref="DinoException">A file cannot be written, or would replace another or an input.</exception>
    public static void RequireWritable(ClassifySettings settings, string? save = null, string? probe = null)
    {
        OutputNames.RefuseSameFile(
            [("--confusion", settings.Confusion), ("--predictions", settings.Predictions), ("--save", save)],
            [settings.Train, settings.Test, probe, settings.Source.Weights]);
        if (settings.Confusion is not null)
            PngFile.RequireEncoder("omit --confusion");
        EnsureWritable(FileKind.Png, settings.Confusion);
        EnsureWritable(FileKind.Predictions, settings.Predictions);
        EnsureWritable(FileKind.Probe, save);
    }

    private static void EnsureWritable(FileKind kind, string? path)
    {
        if (path is not null)
            kind.EnsureWritable(path);
    }

    /// <summary>Writes the files that were asked for.</summary>
    public static void Write(ClassifySettings settings, ClassifyData data, Predictions predictions)
    {
        if (settings.Confusion is not null)
        {
            var matrix = ConfusionMatrix.Of(predictions, data.TestLabels, data.ClassNames);
            PngFile.Write(settings.Confusion, ConfusionPicture.Draw(matrix, ColorMap.Viridis));
        }

        if (settings.Predictions is not null)
            PredictionFile.Write(settings.Predictions, predictions, data.TestPaths, data.TestLabels, data.ClassNames);
    }
}
