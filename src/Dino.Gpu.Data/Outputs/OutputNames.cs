using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Outputs;

/// <summary>Checks the names of the files that a command is asked to write, before any work.</summary>
internal static class OutputNames
{
    internal const string SameFile = "both name";
    internal const string AnotherFile = "give another file";

    /// <summary>Refuses two outputs with one file, and an output that would replace an input.</summary>
    /// <param name="outputs">Options and their files; null if one is not given or goes elsewhere.</param>
    /// <param name="inputs">Arguments; null if one is not given.</param>
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
    /// Refuses files in a run's folder that have names of the run's own files: they would be replaced or deleted.
    /// </summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="files">Arguments and options; null if one is not given.</param>
    /// <exception cref="DinoException">One of the files is such a file.</exception>
    public static void RefuseInRun(string folder, IEnumerable<string?> files)
    {
        var real = new RealPath();
        string home = real.Of(Path.Combine(folder, "."));
        foreach (string file in files.OfType<string>().SelectMany(Files))
        {
            if (RunNames.IsOwn(Path.GetFileName(file)) && RealPath.Comparer.Equals(Path.GetDirectoryName(real.Of(file)), home))
            {
                throw new DinoException(
                    $"{file} would be taken for one of the run's own files in {folder}, and replaced or deleted",
                    "give another name or folder");
            }
        }
    }

    /// <summary>
    /// Refuses an output that is a picture among the inputs. Pictures of folders are known only once the inputs are
    /// settled; <see cref="RefuseSameFile"/> knows the arguments.
    /// </summary>
    /// <param name="outputs">Options and their files; null if one is not given.</param>
    /// <param name="items">The settled inputs.</param>
    /// <exception cref="DinoException">An output is a picture among them.</exception>
    public static void RefusePictures(IEnumerable<(string Option, string? Path)> outputs, IEnumerable<InputItem> items) =>
        RefusePictures(outputs, items.Where(item => item.Archive is null).Select(item => item.Path));

    /// <inheritdoc cref="RefusePictures(IEnumerable{ValueTuple{string, string}}, IEnumerable{InputItem})"/>
    /// <param name="outputs">Options and their files; null if one is not given.</param>
    /// <param name="pictures">The paths of the inputs; empty if a path is not known.</param>
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
            if (FileKind.Png.Is(path))
                FileKind.OwnPng.RequireReplaceable(path); // a photograph that is no input is no less worth
        }
    }

    /// <summary>
    /// Refuses two images that would become one file. Names that differ only in the case of their letters count as one,
    /// because they are one file on some file systems.
    /// </summary>
    /// <param name="images">The images, each with its file.</param>
    /// <exception cref="DinoException">Two images have one file.</exception>
    public static void RefuseSharedTarget(IEnumerable<(InputItem Image, string Target)> images)
    {
        var sources = new Dictionary<string, InputItem>(StringComparer.OrdinalIgnoreCase);
        foreach ((InputItem image, string target) in images)
        {
            if (sources.TryAdd(target, image))
                continue;
            InputItem first = sources[target];
            (string name, string other) = (Name(first), Name(image));
            throw IsSame(first, image)
                ? new DinoException($"{name} is named twice{(name == other ? "" : $", also as {other}")}", "name each image once")
                : new DinoException($"{name} and {other} would both become {target}", "rename one, or write them to two directories");
        }

        static string Name(InputItem image) => image.Archive is null ? image.Path : $"{image.Archive}:{image.Path}";
    }

    /// <summary>Refuses to write over an input.</summary>
    /// <param name="inputs">Paths of the inputs.</param>
    /// <param name="targets">Files that will be written into a directory.</param>
    /// <exception cref="DinoException">A target is an input.</exception>
    public static void RefuseOverwriting(IEnumerable<string> inputs, IEnumerable<string> targets)
    {
        var real = new RealPath();
        var read = inputs.Select(real.Of).ToHashSet(RealPath.Comparer);
        if (targets.FirstOrDefault(target => read.Contains(real.Of(target))) is { } input)
            throw new DinoException($"{input} would be overwritten", "choose another directory for -o");
    }

    private static bool IsSame(InputItem one, InputItem other)
    {
        var real = new RealPath();
        return one.Offset == other.Offset
            && one.Archive is null == other.Archive is null
            && RealPath.Comparer.Equals(real.Of(one.Archive ?? one.Path), real.Of(other.Archive ?? other.Path));
    }

    private static DinoException InputToo(string option, string path) => new($"{option} and the inputs {SameFile} {path}", AnotherFile);

    /// <summary>The files that an argument names: itself, a list, or the lists and archives of a pattern.</summary>
    private static IEnumerable<string> Files(string input) =>
        File.Exists(input) ? [input]
        : input.StartsWith('@') ? [input[1..]]
        : GlobPattern.IsPattern(input) && GlobPattern.Alternatives(input) is var patterns && InputSource.NamesLists(patterns)
            ? GlobPattern.Matches(patterns).Select(item => item.Path)
        : [input];
}
