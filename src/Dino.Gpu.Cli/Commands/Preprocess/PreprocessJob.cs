using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino preprocess</c>, as the command line asks for it.</summary>
internal sealed record PreprocessSettings
{
    public required IReadOnlyList<string> Images { get; init; }

    /// <summary>Where the files go.</summary>
    public required string Directory { get; init; }

    public required PreprocessFormat Format { get; init; }

    public required Preprocessor Preprocessor { get; init; }

    public required IImageDecoder Decoder { get; init; }

    public required ExifOrientation Orientation { get; init; }
}

/// <summary>
/// One <c>dino preprocess</c>: writes one file per image. It names an image that fails, and continues.
/// </summary>
/// <param name="settings">What was asked for.</param>
/// <param name="console">Standard streams.</param>
internal sealed class PreprocessJob(PreprocessSettings settings, CliConsole console)
{
    /// <returns>0, or 3 when an image failed.</returns>
    /// <exception cref="DinoException">
    /// An image is missing, two images would become one file, an image or a file of another kind would be replaced, or
    /// the directory cannot be written.
    /// </exception>
    public int Run(CancellationToken cancellation)
    {
        foreach (string image in settings.Images)
            MissingInput.Refuse(image);
        var files = new PreprocessedFiles(
            settings.Images, settings.Directory, settings.Format, settings.Preprocessor.Width, settings.Preprocessor.Height);
        int failed = 0;
        for (int i = 0; i < settings.Images.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            RgbImage pixels;
            try
            {
                pixels = ImageFile.Prepare(settings.Images[i], settings.Decoder, settings.Orientation, settings.Preprocessor);
            }
            catch (DinoException failure)
            {
                console.Warn(failure.Message, failure.Hint);
                failed++;
                continue;
            }

            if (pixels.Warning is not null)
                console.Warn($"{settings.Images[i]}: {pixels.Warning}");
            files.Write(i, pixels);
        }

        string images = Quantity.Of(settings.Images.Count, "image");
        console.Say($"{images}{(failed == 0 ? "" : $", {failed} failed")} -> {settings.Directory}");
        return failed == 0 ? ExitCode.Success : ExitCode.SomeImagesFailed;
    }
}
