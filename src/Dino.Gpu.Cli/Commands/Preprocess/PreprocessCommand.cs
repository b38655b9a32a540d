using System.CommandLine;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Files;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino preprocess IMAGE... -o DIR</c>: what the model sees, one file an image, for checking parity with other software.</summary>
internal static class PreprocessCommand
{
    private static readonly ImageSize DefaultSize = new(224, 224); // what DINO's ViTs were trained on

    public static Command Create(CliConsole console)
    {
        var images = new Argument<string[]>("IMAGE") { Description = "Image files.", Arity = ArgumentArity.OneOrMore };
        var output = new Option<string>("-o", "--out") { Description = "Directory to write into, made if it is not there.", HelpName = "DIR", Required = true };
        var format = new Option<string>("--format")
        {
            Description = "png: the resized picture. npy: the normalized planes, (3, H, W) float32.",
            DefaultValueFactory = _ => "png",
        };
        format.AcceptOnlyFromAmong("png", "npy");
        Option<PreprocessPreset> preset = ImageOptions.Preprocess();
        Option<ImageSize?> size = ImageOptions.Size("Input size of the model. [default: 224]");
        Option<ExifOrientation> exif = ImageOptions.Exif();
        Option<string> decoder = ImageOptions.Decoder();
        Option<long> maxPixels = ImageOptions.MaxPixels();

        var command = new Command("preprocess", "Write what the model sees: every picture decoded, resized and cropped, as PNG or as .npy of the normalized planes.")
        {
            images, output, format, preset, size, exif, decoder, maxPixels,
        };
        command.SetAction((parsed, cancellation) =>
        {
            ImageSize target = parsed.GetValue(size) ?? DefaultSize;
            return Task.FromResult(Run(
                parsed.GetValue(images)!,
                parsed.GetValue(output)!,
                parsed.GetValue(format)!,
                new Preprocessor(parsed.GetValue(preset), target.Width, target.Height),
                ImageDecoders.Create(parsed.GetValue(decoder)!, parsed.GetValue(maxPixels)),
                parsed.GetValue(exif),
                console.Error,
                parsed.InvocationConfiguration.Error,
                cancellation));
        });
        return command;
    }

    /// <summary>Writes one file an image. An image that fails is named on <paramref name="messages"/> and the others go on; <paramref name="notes"/> gets the summary.</summary>
    /// <returns>0, or 3 when an image failed.</returns>
    /// <exception cref="DinoException">Two images would become one file, an image would be overwritten, or the directory cannot be written.</exception>
    internal static int Run(
        IReadOnlyList<string> images,
        string directory,
        string format,
        Preprocessor preprocessor,
        IImageDecoder decoder,
        ExifOrientation orientation,
        TextWriter messages,
        TextWriter notes,
        CancellationToken cancellation)
    {
        foreach (string image in images)
            MissingInput.Refuse(image);
        string[] targets = Targets(images, directory, format);
        FileKind kind = format == "npy"
            ? FileKind.NpyOf(3, preprocessor.Height, preprocessor.Width)
            : FileKind.PngOf(preprocessor.Width, preprocessor.Height);
        foreach (string target in targets)
            kind.RequireReplaceable(target);
        if (format == "png")
            PngFile.RequireEncoder("use --format npy");
        OutputDirectory.Create(directory, targets);

        int failed = 0;
        for (int i = 0; i < images.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            RgbImage pixels;
            try
            {
                pixels = ImageFile.Prepare(images[i], decoder, orientation, preprocessor);
            }
            catch (DinoException failure)
            {
                messages.WriteLine($"dino: {failure.Message}");
                failed++;
                continue;
            }

            if (pixels.Warning is not null)
                messages.WriteLine($"dino: warning: {images[i]}: {pixels.Warning}");
            if (format == "npy")
                WriteNpy(targets[i], pixels);
            else
                PngFile.Write(targets[i], pixels);
        }

        notes.WriteLine(failed == 0 ? $"{images.Count} written to {directory}" : $"{images.Count - failed} of {images.Count} written to {directory}, {failed} failed");
        return failed == 0 ? ExitCode.Success : ExitCode.SomeImagesFailed;
    }

    /// <summary>The file that each image becomes: its stem in the directory. Nothing may be written twice, and no image over.</summary>
    private static string[] Targets(IReadOnlyList<string> images, string directory, string format)
    {
        // A file system may not tell cases apart, so names that differ in nothing else are one everywhere.
        var sources = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        string[] targets = new string[images.Count];
        for (int i = 0; i < targets.Length; i++)
        {
            targets[i] = Path.Combine(directory, $"{Path.GetFileNameWithoutExtension(images[i])}.{format}");
            if (!sources.TryAdd(targets[i], images[i]))
                throw new DinoException($"{sources[targets[i]]} and {images[i]} would both become {targets[i]}: rename one, or write them to two directories");
        }

        var real = new RealPath();
        var targetPaths = targets.Select(real.Of).ToHashSet(RealPath.Comparer);
        foreach (string image in images)
        {
            if (targetPaths.Contains(real.Of(image)))
                throw new DinoException($"{image} would be overwritten: choose another directory for -o");
        }

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
