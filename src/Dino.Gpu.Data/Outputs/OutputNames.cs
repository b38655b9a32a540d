using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Outputs;

/// <summary>Checks the names of the files that a command is asked to write, before any work.</summary>
internal static class OutputNames
{
    internal const string SameFile = "both name";
    internal const string AnotherFile = "give another file";

    /// <summary>
    /// Refuses two outputs in one file, of which the later would replace the other, and an output over an input.
    /// </summary>
    /// <param name="outputs">Options and their files; null where one is not given or goes elsewhere.</param>
    /// <param name="inputs">Arguments; null where one is not given.</param>
    /// <exception cref="DinoException">Two names lead to one file.</exception>
    public static void RefuseSameFile(IEnumerable<(string Option, string? Path)> outputs, IEnumerable<string?> inputs)
    {
        var real = new RealPath();
        IEnumerable<string> named = inputs.Where(input => input is not (null or "-")).SelectMany(input => Files(input!));
        var read = named.Select(real.Of).ToHashSet(RealPath.Comparer);
        var written = new Dictionary<string, string>(RealPath.Comparer);
        foreach ((string option, string? path) in outputs)
        {
            if (path is null)
                continue;
            string file = real.Of(path);
            if (!written.TryAdd(file, option))
                throw new DinoException($"{written[file]} and {option} {SameFile} {path}", AnotherFile);
            if (read.Contains(file))
                throw InputToo(option, path);
        }
    }

    /// <summary>
    /// Refuses files in a run's folder that are named as the run's own: they would be replaced or deleted.
    /// </summary>
    /// <param name="folder">The run's.</param>
    /// <param name="files">Arguments and options; null where one is not given.</param>
    /// <param name="isOwn">Whether a name is the run's.</param>
    /// <exception cref="DinoException">One of them is such a file.</exception>
    public static void RefuseInRun(string folder, IEnumerable<string?> files, Func<string, bool> isOwn)
    {
        var real = new RealPath();
        string home = real.Of(Path.Combine(folder, "."));
        foreach (string file in files.OfType<string>().SelectMany(Files))
        {
            if (isOwn(Path.GetFileName(file)) && RealPath.Comparer.Equals(Path.GetDirectoryName(real.Of(file)), home))
            {
                throw new DinoException(
                    $"{file} would be taken for one of the run's own files in {folder}, and replaced or deleted",
                    "give another name or folder");
            }
        }
    }

    /// <summary>
    /// As <see cref="RefuseSameFile"/>, for the pictures that the inputs turned out to be: those of a folder are not
    /// known
    /// before. Only an output that is there and is named as a picture can be one.
    /// </summary>
    /// <param name="outputs">As there.</param>
    /// <param name="items">The settled inputs.</param>
    /// <exception cref="DinoException">An output is a picture among them.</exception>
    public static void RefusePictures(IEnumerable<(string Option, string? Path)> outputs, IEnumerable<InputItem> items) =>
        RefusePictures(outputs, items.Where(item => item.Archive is null).Select(item => item.Path));

    /// <inheritdoc cref="RefusePictures(IEnumerable{ValueTuple{string, string}}, IEnumerable{InputItem})"/>
    /// <param name="outputs">As there.</param>
    /// <param name="pictures">The paths of the inputs; empty for one that is not known.</param>
    public static void RefusePictures(IEnumerable<(string Option, string? Path)> outputs, IEnumerable<string> pictures)
    {
        var real = new RealPath();
        foreach ((string option, string? path) in outputs)
        {
            if (path is null || !ImageFileNames.IsImage(path) || !File.Exists(path))
                continue;
            string file = real.Of(path);
            if (pictures.Any(picture => picture.Length > 0 && RealPath.Comparer.Equals(real.Of(picture), file)))
                throw InputToo(option, path);
        }
    }

    private static DinoException InputToo(string option, string path) => new($"{option} and the inputs {SameFile} {path}", AnotherFile);

    /// <summary>What an argument names, also the lists and archives that a pattern finds.</summary>
    private static IEnumerable<string> Files(string input) =>
        File.Exists(input) ? [input]
        : input.StartsWith('@') ? [input[1..]]
        : GlobPattern.IsPattern(input) && (Manifest.IsManifest(input) || TarImages.IsTar(input))
            ? GlobPattern.Matches(input).Select(item => item.Path)
        : [input];
}
