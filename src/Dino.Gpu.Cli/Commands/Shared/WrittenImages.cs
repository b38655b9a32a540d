using Dino.Gpu.Data.Formats;

namespace Dino.Gpu.Cli.Commands;

/// <summary>What a command wrote that makes files of each image, as its JSON has it.</summary>
/// <param name="Directory">Where the files are.</param>
/// <param name="Images">Inputs, failed ones included.</param>
/// <param name="Failed">Images that could not be read.</param>
/// <param name="Failures">These images; null if there are none.</param>
/// <param name="Seconds">From the first image to the last file.</param>
internal sealed record WrittenImages(
    string Directory, long Images, long Failed, IReadOnlyList<FailedImage>? Failures, double Seconds)
{
    /// <summary>Of <c>dino pca</c>: the share of the variance that each component explains.</summary>
    public IReadOnlyList<double>? ExplainedVariance { get; init; }

    /// <summary>A summary.</summary>
    public static WrittenImages Of(string directory, long images, IReadOnlyList<FailedImage> failures, TimeSpan time) => new(
        JsonLinesWriter.Unicode(directory), images, failures.Count, failures.Count == 0 ? null : failures,
        Math.Round(time.TotalSeconds, 3));
}

/// <summary>An image that could not be read.</summary>
/// <param name="Path">As on stderr.</param>
/// <param name="Error">Why.</param>
internal sealed record FailedImage(string Path, string Error);
