namespace Dino.Gpu.Cli.Inputs;

/// <summary>
/// Turns the arguments of a command into the list of image files, in the order of the output rows: arguments in the order given, a
/// list line by line, a folder or a glob sorted by ordinal (byte) order of its paths.
/// </summary>
internal static class InputExpansion
{
    /// <param name="inputs">Files, folders, globs, <c>@list.txt</c>, or <c>-</c> for paths on <paramref name="standardInput"/>.</param>
    /// <param name="standardInput">Read to its end when <c>-</c> is among the inputs.</param>
    /// <exception cref="DinoException">A folder or glob without images, a list that cannot be read, or nothing at all.</exception>
    public static List<string> Expand(IReadOnlyList<string> inputs, TextReader standardInput)
    {
        var paths = new List<string>();
        foreach (string input in inputs)
        {
            int before = paths.Count;
            if (input == "-")
                AddLines(paths, standardInput);
            else if (File.Exists(input))
                paths.Add(input);
            else if (Directory.Exists(input))
                AddFound(paths, FolderWalk.Images(input), $"no images in folder '{input}'");
            else if (input.StartsWith('@') && input.Length > 1)
                AddList(paths, input[1..]);
            else if (GlobPattern.IsPattern(input))
                AddFound(paths, GlobPattern.Matches(input), $"no image matches '{input}'");
            else
                paths.Add(input); // missing: a row that says so, at its place

            if (paths.Count == before)
                throw new DinoException(input == "-" ? "no paths on standard input" : $"no paths in list '{input[1..]}'");
        }

        return paths;
    }

    private static void AddFound(List<string> paths, IEnumerable<string> found, string nothing)
    {
        int before = paths.Count;
        try
        {
            paths.AddRange(found);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new DinoException($"cannot list a folder: {failure.Message}", failure);
        }

        if (paths.Count == before)
            throw new DinoException($"{nothing} (looked for .jpg .jpeg .png .bmp .gif .webp)");
        paths.Sort(before, paths.Count - before, StringComparer.Ordinal);
    }

    private static void AddList(List<string> paths, string list)
    {
        try
        {
            using var reader = new StreamReader(list);
            AddLines(paths, reader);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new DinoException($"cannot read list '{list}': {failure.Message}", failure);
        }
    }

    /// <summary>A line is one file and one row, never a folder or a pattern, so that rows can be joined to the list by number.</summary>
    private static void AddLines(List<string> paths, TextReader reader)
    {
        while (reader.ReadLine() is { } line)
        {
            if (line.Length > 0)
                paths.Add(line);
        }
    }
}
