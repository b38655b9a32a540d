using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Outputs;

/// <summary>In which form <see cref="PreprocessedFiles"/> writes a picture.</summary>
internal enum PreprocessFormat
{
    /// <summary>The resized picture.</summary>
    Png,

    /// <summary>The normalized planes, (3, H, W) float32.</summary>
    Npy,
}

/// <summary>The files of what the model sees, one per image.</summary>
internal sealed class PreprocessedFiles
{
    private readonly PreprocessFormat _format;
    private readonly Preprocessor _preprocessor;
    private readonly string[] _targets;

    /// <summary>Makes the directory, after all checks.</summary>
    /// <param name="images">The image files. Each becomes a file of the same name without its extension.</param>
    /// <param name="directory">Where the files go.</param>
    /// <param name="format">The form of the files.</param>
    /// <param name="preprocessor">What makes the model's input.</param>
    /// <exception cref="DinoException">
    /// Two images would become one file, an image or a file of another kind would be replaced, or the directory cannot
    /// be written.
    /// </exception>
    public PreprocessedFiles(IReadOnlyList<InputItem> images, string directory, PreprocessFormat format, Preprocessor preprocessor)
    {
        (int width, int height) = (preprocessor.Width, preprocessor.Height);
        _preprocessor = preprocessor;
        _format = format;
        bool isNpy = format == PreprocessFormat.Npy;
        string extension = isNpy ? ".npy" : ".png";
        _targets = [.. images.Select(image => Path.Combine(directory, Path.GetFileNameWithoutExtension(image.Path) + extension))];
        OutputNames.RefuseSharedTarget(images.Zip(_targets));
        OutputNames.RefuseOverwriting(images.Select(image => image.Path), _targets);
        FileKind kind = isNpy ? FileKind.NpyOf(3, height, width) : FileKind.PngOf(width, height);
        foreach (string target in _targets)
            kind.RequireReplaceable(target);
        if (!isNpy)
            PngFile.RequireEncoder("use --format npy");
        OutputDirectory.Create(directory, _targets);
    }

    /// <summary>Writes the file of an image.</summary>
    /// <param name="image">Its number.</param>
    /// <param name="pixels">What the model sees.</param>
    /// <exception cref="DinoException">The file cannot be written.</exception>
    public void Write(int image, RgbImage pixels)
    {
        if (_format == PreprocessFormat.Png)
        {
            PngFile.Write(_targets[image], pixels);
            return;
        }

        float[] planes = PixelNormalization.Normalize(pixels, _preprocessor.Config);
        new NamedArray("planes", [3, pixels.Height, pixels.Width], planes).WriteNpy(_targets[image]);
    }
}
