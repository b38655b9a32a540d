namespace Dino.Gpu.Cli.Output;

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
        var read = inputs.Where(input => input is not (null or "-")).Select(input => real.Of(input!.StartsWith('@') && !File.Exists(input) ? input[1..] : input)).ToHashSet(RealPath.Comparer);
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
}
