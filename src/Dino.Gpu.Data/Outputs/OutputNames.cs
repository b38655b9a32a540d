using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Outputs;

/// <summary>The files that a command is asked to write, looked at before any work.</summary>
internal static class OutputNames
{
    /// <summary>Of two outputs in one file the later would replace the other, and one over an input would lose what was asked for.</summary>
    /// <param name="outputs">Options and their files; null where one is not given or goes elsewhere.</param>
    /// <param name="inputs">Arguments; null where one is not given.</param>
    /// <exception cref="DinoException">Two names lead to one file.</exception>
    public static void RefuseSameFile(IEnumerable<(string Option, string? Path)> outputs, IEnumerable<string?> inputs)
    {
        var real = new RealPath();
        var read = inputs.Where(input => input is not (null or "-")).SelectMany(input => Files(input!)).Select(real.Of).ToHashSet(RealPath.Comparer);
        var written = new Dictionary<string, string>(RealPath.Comparer);
        foreach ((string option, string? path) in outputs)
        {
            if (path is null)
                continue;
            string file = real.Of(path);
            if (!written.TryAdd(file, option))
                throw new DinoException($"{written[file]} and {option} both name {path}: give another file");
            if (read.Contains(file))
                throw new DinoException($"{option} and the inputs both name {path}: give another file");
        }
    }

    /// <summary>Refuses files in a run's folder by names of the run's own: they would be written over, or deleted.</summary>
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
                throw new DinoException($"{file} would be taken for one of the run's own files in {folder}, and written over or deleted: give another name or folder");
        }
    }

    /// <summary>As <see cref="RefuseSameFile"/>, for the pictures that the inputs turned out to be, of which a folder's are not known before. Looked for are outputs that are there and named as pictures.</summary>
    /// <param name="outputs">As there.</param>
    /// <param name="items">The settled inputs.</param>
    /// <exception cref="DinoException">An output is a picture among them.</exception>
    public static void RefusePictures(IEnumerable<(string Option, string? Path)> outputs, IEnumerable<InputItem> items)
    {
        var real = new RealPath();
        foreach ((string option, string? path) in outputs)
        {
            if (path is not null && ImageFileNames.IsImage(path) && File.Exists(path) && real.Of(path) is var file
                && items.Any(item => item.Archive is null && RealPath.Comparer.Equals(real.Of(item.Path), file)))
                throw new DinoException($"{option} and the inputs both name {path}: give another file");
        }
    }

    /// <summary>What an argument names: lists and archives that a pattern finds, too.</summary>
    private static IEnumerable<string> Files(string input) =>
        File.Exists(input) ? [input]
        : input.StartsWith('@') ? [input[1..]]
        : GlobPattern.IsPattern(input) && (Manifest.IsManifest(input) || TarImages.IsTar(input)) ? GlobPattern.Matches(input).Select(item => item.Path)
        : [input];
}
