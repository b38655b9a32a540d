using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Files;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Cli.Commands;

/// <summary>What <c>dino preprocess</c> writes.</summary>
internal enum PreprocessFormat
{
    /// <summary>The resized picture.</summary>
    Png,

    /// <summary>The normalized planes, (3, H, W) float32.</summary>
    Npy,
}

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

    /// <summary>Extension of the files, with the dot.</summary>
    public string Extension => Format == PreprocessFormat.Npy ? ".npy" : ".png";

    /// <summary>What a file that is there already must be, so that it may be replaced.</summary>
    public FileKind Kind => Format == PreprocessFormat.Npy
        ? FileKind.NpyOf(3, Preprocessor.Height, Preprocessor.Width)
        : FileKind.PngOf(Preprocessor.Width, Preprocessor.Height);
}

/// <summary>
/// One <c>dino preprocess</c>: one file an image. An image that fails is named, and the others go on.
/// </summary>
/// <param name="settings">What was asked for.</param>
/// <param name="console">Standard streams.</param>
internal sealed class PreprocessJob(PreprocessSettings settings, CliConsole console)
{
    /// <returns>0, or 3 when an image failed.</returns>
    /// <exception cref="DinoException">
    /// An image is missing, two images would become one file, an image or a file of another kind would be overwritten,
    /// or the directory cannot be written.
    /// </exception>
    public int Run(CancellationToken cancellation)
    {
        foreach (string image in settings.Images)
            MissingInput.Refuse(image);
        string[] targets = Targets();
        foreach (string target in targets)
            settings.Kind.RequireReplaceable(target);
        if (settings.Format == PreprocessFormat.Png)
            PngFile.RequireEncoder("use --format npy");
        OutputDirectory.Create(settings.Directory, targets);

        int failed = 0;
        for (int i = 0; i < targets.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            RgbImage pixels;
            try
            {
                pixels = ImageFile.Prepare(settings.Images[i], settings.Decoder, settings.Orientation, settings.Preprocessor);
            }
            catch (DinoException failure)
            {
                console.Warn(failure.Message);
                failed++;
                continue;
            }

            if (pixels.Warning is not null)
                console.Warn($"{settings.Images[i]}: {pixels.Warning}");
            if (settings.Format == PreprocessFormat.Npy)
                WriteNpy(targets[i], pixels);
            else
                PngFile.Write(targets[i], pixels);
        }

        string images = targets.Length == 1 ? "1 image" : $"{targets.Length} images";
        console.Say($"{images}{(failed == 0 ? "" : $", {failed} failed")} -> {settings.Directory}");
        return failed == 0 ? ExitCode.Success : ExitCode.SomeImagesFailed;
    }

    /// <summary>
    /// The file that each image becomes: its stem in the directory. No file is written twice, and no image is
    /// overwritten.
    /// </summary>
    private string[] Targets()
    {
        // A file system may not tell cases apart, so names that differ in nothing else are one everywhere.
        var sources = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        string[] targets = new string[settings.Images.Count];
        for (int i = 0; i < targets.Length; i++)
        {
            string image = settings.Images[i];
            targets[i] = Path.Combine(settings.Directory, Path.GetFileNameWithoutExtension(image) + settings.Extension);
            if (!sources.TryAdd(targets[i], image))
            {
                throw new DinoException(
                    $"{sources[targets[i]]} and {image} would both become {targets[i]}", "rename one, or write them to two directories");
            }
        }

        var real = new RealPath();
        var targetPaths = targets.Select(real.Of).ToHashSet(RealPath.Comparer);
        if (settings.Images.FirstOrDefault(image => targetPaths.Contains(real.Of(image))) is { } source)
            throw new DinoException($"{source} would be overwritten", "choose another directory for -o");
        return targets;
    }

    /// <summary>(3, H, W): a row of the file is a plane.</summary>
    private static void WriteNpy(string path, RgbImage image)
    {
        float[] planes = PixelNormalization.Normalize(image);
        int plane = image.Width * image.Height;
        using var npy = new NpyWriter(path, image.Height, image.Width);
        for (int channel = 0; channel < 3; channel++)
            npy.WriteRow(planes.AsSpan(channel * plane, plane));
        npy.Complete();
    }
}
